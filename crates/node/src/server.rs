//! What the node serves: the dialects of the gateway, the dashboard and its API, each to who may use it.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use futures::StreamExt;
use pinflow_access::{Access, Caller};
use pinflow_dashboard::Dashboard;
use pinflow_event::TopicName;
use pinflow_gateway::Gateway;
use pinflow_log::{EventLog, LogError};
use pinflow_serving::SqlOverHttp;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::node::on_question;
use crate::replay::Replays;
use crate::tail::{TailFrom, tail};
use crate::view::View;
use crate::{operations, replay_api};

/// How a browser asks its user who it is.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"pinflow\", charset=\"UTF-8\"");

/// All routes: the dashboard's, those of SQL, the tail's and those of operations, and the gateway's as their fallback.
pub(crate) fn router(
    gateway: &Gateway,
    dashboard: &Dashboard,
    access: Access,
    view: Arc<View>,
    replays: Replays,
    stop: CancellationToken,
) -> Router {
    let log = Arc::clone(&view.stages.log);
    let sql = SqlOverHttp::new(Arc::clone(&view.stages.engine), on_question(&view.stages), stop.clone());
    let tails = Router::new().route("/api/tail/{topic}", get(tail_topic)).with_state(Tails { log, stop });
    // They show the data, or the names, of all topics.
    let own = dashboard
        .router()
        .merge(dashboard.guarded(sql.router()))
        .merge(tails)
        .merge(operations::guarded(Arc::clone(&view)))
        .merge(replay_api::routes(replays));
    let own = own.route_layer(middleware::from_fn_with_state(access, ask_who));
    gateway.observe(own).merge(operations::open(view)).merge(gateway.router())
}

/// Lets through who may use the dashboard.
async fn ask_who(State(access): State<Access>, request: Request, next: Next) -> Response {
    let caller = caller(&access, request.headers());
    if caller.may_use_dashboard() {
        return next.run(request).await;
    }
    if caller.is_known() {
        return refused(
            StatusCode::FORBIDDEN,
            "the caller may not use the dashboard: its entry lacks `dashboard: true`",
        );
    }
    let mut reply = refused(
        StatusCode::UNAUTHORIZED,
        "the access list has no such caller; send a user and password, or an API key",
    );
    reply.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    reply
}

#[derive(Clone)]
struct Tails {
    log: Arc<dyn EventLog>,
    stop: CancellationToken,
}

#[derive(Deserialize)]
struct TailParameters {
    from: Option<String>,
    #[serde(default)]
    follow: bool,
}

/// `GET /api/tail/{topic}?from=beginning|end|N&follow=true`: a JSON object a line.
async fn tail_topic(
    State(tails): State<Tails>,
    topic: Result<Path<String>, PathRejection>,
    parameters: Result<Query<TailParameters>, QueryRejection>,
) -> Response {
    let (topic, parameters) = match (topic, parameters) {
        (Ok(Path(topic)), Ok(Query(parameters))) => (topic, parameters),
        (Err(rejection), _) => return refused(StatusCode::BAD_REQUEST, &rejection.body_text()),
        (_, Err(rejection)) => return refused(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let from = match parameters.from.as_deref() {
        None | Some("beginning") => TailFrom::Beginning,
        Some("end") => TailFrom::End,
        Some(count) => match count.parse() {
            Ok(count) => TailFrom::Last(count),
            Err(_) => return refused(StatusCode::BAD_REQUEST, "`from` is `beginning`, `end` or a number of records"),
        },
    };
    let topic = match TopicName::new(&topic) {
        Ok(topic) => topic,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match tails.log.topic(&topic).await {
        Ok(_) => {}
        Err(error @ LogError::UnknownTopic(_)) => return refused(StatusCode::NOT_FOUND, &error.to_string()),
        Err(error) => return refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
    let lines = tail(tails.log, topic, from, parameters.follow).map(|record| {
        let record = record.map_err(io::Error::other)?;
        let mut line = serde_json::to_vec(&record).map_err(io::Error::other)?;
        line.push(b'\n');
        Ok::<_, io::Error>(line)
    });
    let body = Body::from_stream(lines.take_until(tails.stop.cancelled_owned()));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

fn caller(access: &Access, headers: &HeaderMap) -> Caller {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    access.caller_of(text("x-api-key"), text("authorization"))
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": error }))).into_response()
}
