//! Replays over HTTP: `/api/replays/{stream}`.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use pinflow_openapi::schema::{any, array, count, map, nullable, object, one_of_texts, text, text_of};
use pinflow_openapi::{Api, Operation, Parameter, Schema};
use pinflow_pipeline::Lane;
use serde::Deserialize;

use crate::error::NodeError;
use crate::replay::Replays;
use crate::replay_view::{ReplayRequest, point};

/// The routes. They change tables: only those get here who may use the dashboard.
pub(crate) fn routes(replays: Replays) -> Router {
    Router::new()
        .route("/api/replays/{stream}", get(look).post(start).delete(discard))
        .route("/api/replays/{stream}/swap", post(swap))
        .with_state(Arc::new(replays))
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LaneName {
    Batch,
    #[default]
    Stream,
}

impl From<LaneName> for Lane {
    fn from(name: LaneName) -> Self {
        match name {
            LaneName::Batch => Lane::Batch,
            LaneName::Stream => Lane::Stream,
        }
    }
}

/// What is to be built.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StartRequest {
    lane: LaneName,
    from: Option<String>,
    to: Option<String>,
}

/// `?lane=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaneParameter {
    #[serde(default)]
    lane: LaneName,
}

type Stream = Result<Path<String>, PathRejection>;
type ChosenLane = Result<Query<LaneParameter>, QueryRejection>;

async fn start(
    State(replays): State<Arc<Replays>>,
    stream: Stream,
    request: Result<Json<StartRequest>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(StartRequest { lane, from, to }) = request?;
    let read = |text: Option<String>| text.as_deref().map(point).transpose();
    let request = ReplayRequest { lane: lane.into(), from: read(from)?, to: read(to)? };
    Ok((StatusCode::ACCEPTED, Json(replays.start(&stream?, request)?)).into_response())
}

async fn look(State(replays): State<Arc<Replays>>, stream: Stream, lane: ChosenLane) -> Result<Response, Refusal> {
    Ok(Json(replays.view(&stream?, lane?.lane.into())?).into_response())
}

async fn swap(State(replays): State<Arc<Replays>>, stream: Stream, lane: ChosenLane) -> Result<Response, Refusal> {
    Ok((StatusCode::ACCEPTED, Json(replays.swap(&stream?, lane?.lane.into())?)).into_response())
}

async fn discard(State(replays): State<Arc<Replays>>, stream: Stream, lane: ChosenLane) -> Result<Response, Refusal> {
    replays.discard(&stream?, lane?.lane.into()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Why not, in the shape of the other errors below `/api`.
struct Refusal(StatusCode, String);

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        let status = match error {
            NodeError::Point { .. } => StatusCode::BAD_REQUEST,
            NodeError::Unknown { .. } | NodeError::NoReplay { .. } => StatusCode::NOT_FOUND,
            NodeError::ReplayBusy { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let status = match rejection.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self(status, rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}

const JSON: &str = "application/json";

/// The operations, for the OpenAPI document.
pub(crate) fn api() -> Api {
    let description = "Building a lane's table anew beside the live one, and swapping it in";
    Api { tag: "Replays", description, operations: operations(), schemas: Vec::new() }
}

fn operations() -> Vec<Operation> {
    let body = object([("lane?", lane()), ("from?", nullable(text())), ("to?", nullable(text()))]);
    vec![
        operation("POST", "/api/replays/{stream}", "startReplay", "Build a lane's table anew beside the live one")
            .body([(JSON, body)])
            .reply(202, "It has begun", [(JSON, view())])
            .reply(409, "One is under way", [(JSON, error())])
            .reply(413, "The body is too large", [(JSON, error())])
            .reply(415, "The body is not JSON", [(JSON, error())]),
        operation("GET", "/api/replays/{stream}", "getReplay", "How it stands, and how its rows differ")
            .with(Parameter::query("lane", lane()))
            .reply(200, "Here it is", [(JSON, view())]),
        operation("POST", "/api/replays/{stream}/swap", "swapReplay", "Put what was built in the live table's place")
            .with(Parameter::query("lane", lane()))
            .reply(202, "It has begun", [(JSON, view())])
            .reply(409, "It is not ready", [(JSON, error())]),
        operation("DELETE", "/api/replays/{stream}", "discardReplay", "Give it up")
            .with(Parameter::query("lane", lane()))
            .reply(204, "What was built is removed", [])
            .reply(409, "It is being swapped in", [(JSON, error())]),
    ]
}

fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let refusals = [
        (400, "The request is wrong"),
        (401, "No credentials, or wrong ones"),
        (403, "The caller has no right to do this"),
        (404, "There is no such stream, or no replay of it"),
        (500, "The node failed"),
    ];
    let operation = Operation::new(method, path, id, summary).with(Parameter::path("stream", text_of(1, 200)));
    refusals
        .into_iter()
        .fold(operation, |operation, (status, description)| operation.reply(status, description, [(JSON, error())]))
}

fn lane() -> Schema {
    one_of_texts(&["batch", "stream"])
}

fn error() -> Schema {
    object([("error", text())])
}

fn view() -> Schema {
    let row = || nullable(map(any()));
    let sample = object([
        ("what", one_of_texts(&["added", "missing", "changed"])),
        ("before", row()),
        ("after", row()),
        ("columns", array(text())),
    ]);
    let difference = object([
        ("rows_before", nullable(count())),
        ("rows_after", count()),
        ("same", nullable(count())),
        ("added", nullable(count())),
        ("missing", nullable(count())),
        ("changed", nullable(count())),
        ("samples", array(sample)),
        ("note", nullable(text())),
    ]);
    object([
        ("stream", text()),
        ("lane", lane()),
        ("state", one_of_texts(&["building", "ready", "swapping", "swapped", "failed"])),
        ("from_version", nullable(count())),
        ("from_offsets", map(count())),
        ("to_version", count()),
        ("to_offsets", map(count())),
        ("records", count()),
        ("records_in_all", count()),
        ("difference", nullable(difference)),
        ("error", nullable(text())),
    ])
}
