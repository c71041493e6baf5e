//! What supervisors and monitors ask: `/healthz`, `/readyz`, `/metrics`; and `/openapi.json`. None of it shows an event.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde::Serialize;

use crate::health::Part;
use crate::metrics::{self, Observation};
use crate::openapi::openapi;
use crate::view::View;

/// The routes that are open to everyone. They have no fallback.
pub(crate) fn open(view: Arc<View>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(describe))
        .with_state(view)
}

/// The route of the metrics, which name topics and streams.
pub(crate) fn guarded(view: Arc<View>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(view)
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

/// The process lives: whoever reads this has had an answer.
async fn healthz() -> Response {
    fresh(Json(Alive { status: "alive" }))
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: Vec<Part>,
}

/// 200 while every part does its work, 503 where one does not.
async fn readyz(State(view): State<Arc<View>>) -> Response {
    let parts = view.parts();
    let ready = parts.iter().all(|part| part.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    fresh((status, Json(Readiness { ready, parts })))
}

async fn scrape(State(view): State<Arc<View>>) -> Response {
    let text = metrics::text(Observation::make(&view).await);
    fresh(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
}

/// The OpenAPI document, which any page may show.
async fn describe() -> Response {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| openapi().into());
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    (headers, TEXT.clone()).into_response()
}

/// A reply that nobody may keep.
fn fresh(reply: impl IntoResponse) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
