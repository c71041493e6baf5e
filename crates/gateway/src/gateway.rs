//! The gateway itself: gives each request its id and its dialect.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use pinflow_access::{Access, Caller};
use pinflow_event::Clock;
use pinflow_log::EventLog;
use tokio::sync::Mutex;

use crate::body::{BodyBudget, BodyShare};
use crate::dialect::{Backend, Call, Dialect, dialects};
use crate::exchange::Exchange;
use crate::metrics::{DialectMetrics, MetricsSnapshot, RequestMetrics};
use crate::path::RequestPath;
use crate::request_id::{RequestId, RequestIds};
use crate::settings::GatewaySettings;

/// The header that every reply carries, whatever its dialect.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The name of the node's own routes among the dialects.
pub const OWN_ROUTES: &str = "api";
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// HTTP dialects in front of an event log. A clone is the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    backend: Arc<Backend>,
    dialects: Vec<(Box<dyn Dialect>, Arc<DialectMetrics>)>,
    request_ids: RequestIds,
    in_flight: Arc<AtomicU64>,
    /// What a call counts into until a dialect has claimed it: nothing.
    unclaimed: Arc<RequestMetrics>,
    /// What the requests to the node's own routes count into.
    own: Arc<DialectMetrics>,
}

impl Inner {
    /// A request on its way, before a dialect has claimed it.
    fn call(&self, head: Parts) -> Call {
        Call {
            id: self.request_ids.next(),
            path: RequestPath::new(head.uri.path(), &self.backend.settings.stages),
            method: head.method,
            uri: head.uri,
            caller: caller(&self.backend.access, &head.headers),
            headers: head.headers,
            body: BodyShare::of(&self.backend.bodies),
            backend: Arc::clone(&self.backend),
            metrics: Arc::clone(&self.unclaimed),
        }
    }
}

impl Gateway {
    /// A gateway in front of `log` that anyone may use.
    pub fn new(log: Arc<dyn EventLog>, settings: GatewaySettings, clock: Arc<dyn Clock>) -> Self {
        Self::guarded(log, settings, clock, Access::open())
    }

    /// A gateway in front of `log` for the callers of `access`.
    pub fn guarded(log: Arc<dyn EventLog>, settings: GatewaySettings, clock: Arc<dyn Clock>, access: Access) -> Self {
        let request_ids = RequestIds::new(clock.now());
        let bodies = BodyBudget::new(settings.max_body_bytes_at_once);
        let pages = BodyBudget::new(settings.max_body_bytes_at_once);
        let administration = Mutex::default();
        let backend = Arc::new(Backend { log, settings, clock, access, bodies, pages, administration });
        let dialects = dialects(&backend).into_iter().map(|dialect| (dialect, Arc::default())).collect();
        let unclaimed = Arc::new(RequestMetrics::new(&Arc::default()));
        let (in_flight, own) = Default::default();
        Self(Arc::new(Inner { backend, dialects, request_ids, in_flight, unclaimed, own }))
    }

    /// The routes. All of them are the router's fallback, so that the node can merge its own routes (`/api`, `/dashboard`)
    /// and they win. `GET /` sends who prefers HTML to [`GatewaySettings::home`].
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Other routes of the node, whose requests are counted and logged as those of a dialect `api`, with an id that the
    /// reply carries.
    pub fn observe(&self, routes: Router) -> Router {
        routes.route_layer(middleware::from_fn_with_state(self.clone(), observe))
    }

    /// What has been counted up to now.
    pub fn metrics(&self) -> MetricsSnapshot {
        let dialects = self.0.dialects.iter().map(|(dialect, metrics)| (dialect.name(), metrics.counts()));
        MetricsSnapshot {
            in_flight: self.0.in_flight.load(Ordering::Relaxed),
            dialects: dialects.chain([(OWN_ROUTES, self.0.own.counts())]).collect(),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("settings", &self.0.backend.settings).finish_non_exhaustive()
    }
}

async fn answer(State(gateway): State<Gateway>, request: Request) -> Response {
    let gateway = &*gateway.0;
    let (head, body) = request.into_parts();
    let mut call = gateway.call(head);
    let claimed = gateway.dialects.iter().find(|(dialect, _)| dialect.claims(&call));
    let (dialect, metrics) = claimed.expect("the last dialect claims every request");
    call.metrics = Arc::new(RequestMetrics::new(metrics));
    let exchange = Exchange::begin(&gateway.in_flight, &call, dialect.name());
    let mut response = dialect.answer(&call, exchange.receive(body)).await;
    identify(&mut response, call.id);
    exchange.reply(response)
}

/// Counts and logs a request that another router answers.
async fn observe(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let gateway = &*gateway.0;
    let (head, body) = request.into_parts();
    let mut call = gateway.call(head.clone());
    call.metrics = Arc::new(RequestMetrics::new(&gateway.own));
    let exchange = Exchange::begin(&gateway.in_flight, &call, OWN_ROUTES);
    let mut response = next.run(Request::from_parts(head, exchange.receive(body))).await;
    identify(&mut response, call.id);
    exchange.reply(response)
}

fn identify(response: &mut Response, id: RequestId) {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// Who a request comes from by its headers. A dialect that knows it otherwise (by a signature) asks for that itself.
fn caller(access: &Access, headers: &HeaderMap) -> Caller {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    access.caller_of(text(API_KEY), text(AUTHORIZATION))
}
