//! The node's one HTTP port: the dialects of the gateway, the dashboard and its API.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use futures::StreamExt;
use pinflow_dashboard::Dashboard;
use pinflow_event::TopicName;
use pinflow_gateway::Gateway;
use pinflow_log::{EventLog, LogError};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::NodeConfig;
use crate::error::NodeError;
use crate::operations;
use crate::tail::{TailFrom, tail};
use crate::view::View;

/// How many ports are tried where the wished one is taken.
const PORTS_TRIED: u16 = 100;

/// Binds the configured port or, where that is allowed, the next free one.
pub(crate) async fn bind(config: &NodeConfig) -> Result<TcpListener, NodeError> {
    let mut port = config.port;
    loop {
        let address = SocketAddr::new(config.host, port);
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error)
                if config.next_free_port
                    && error.kind() == io::ErrorKind::AddrInUse
                    && port < config.port.saturating_add(PORTS_TRIED) =>
            {
                port += 1;
            }
            Err(source) => return Err(NodeError::Listen { address: address.to_string(), source }),
        }
    }
}

/// Serves until `stop`; then takes no more connections and returns when the requests under way are answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    // A reply is small and must not wait for a full packet.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the HTTP server ended");
    }
}

/// All routes: the dashboard's, the tail's and those of operations, and the gateway's as their fallback.
pub(crate) fn router(gateway: &Gateway, dashboard: &Dashboard, view: Arc<View>, stop: CancellationToken) -> Router {
    let log = Arc::clone(&view.stages.log);
    let tails = Router::new().route("/api/tail/{topic}", get(tail_topic)).with_state(Tails { log, stop });
    Router::new().merge(dashboard.router()).merge(tails).merge(operations::router(view)).merge(gateway.router())
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
    Path(topic): Path<String>,
    Query(parameters): Query<TailParameters>,
) -> Response {
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

fn refused(status: StatusCode, error: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": error }))).into_response()
}
