//! The JSON API below `/api`.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::csv::to_csv;
use crate::error::ApiError;
use crate::guard::guard;
use crate::view::{AnswerView, BalanceRow, HealthState, Lane, Overview, ReconcileView, RunView, Scope, StartRequest};
use crate::{Dashboard, ErrorKind, ViewError, events, letters};

/// Rows that a query returns where the request does not say.
const DEFAULT_ROWS: usize = 1_000;
/// The most rows that a query may ask for: all of them are held in memory.
pub(crate) const MAX_ROWS: usize = 100_000;
/// Runs and dead letters that are listed where the request does not say.
pub(crate) const DEFAULT_LIST: usize = 50;
/// The most runs or dead letters that may be asked for.
pub(crate) const MAX_LIST: usize = 1_000;

/// A header of a CSV reply that was cut at the limit.
const TRUNCATED: HeaderName = HeaderName::from_static("pinflow-truncated");

pub(crate) type Reply<T> = Result<Json<T>, ApiError>;

pub(crate) fn router(dashboard: Dashboard) -> Router {
    Router::new()
        .route("/api/overview", get(overview))
        .route("/api/health", get(health))
        .route("/api/snapshot", get(snapshot))
        .route("/api/events", get(events::events))
        .route("/api/balance", get(balance))
        .route("/api/runs", get(runs))
        .route("/api/runs/{id}", get(run))
        .route("/api/jobs/{job}/runs", post(start_job))
        .route("/api/answers", get(answers))
        .route("/api/query", post(query))
        .merge(letters::router())
        .route("/api/reconcile", post(reconcile))
        .route("/api/{*rest}", any(unknown_path))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(dashboard.hosts.clone(), guard))
        .with_state(dashboard)
}

async fn overview(State(dashboard): State<Dashboard>) -> Reply<Overview> {
    Ok(Json(dashboard.view.overview().await?))
}

/// 200 while all is well, 503 with the same body where not, so that a supervisor need not read it.
async fn health(State(dashboard): State<Dashboard>) -> Response {
    let health = dashboard.view.counters().await.health;
    let status = match health.state {
        HealthState::Ok => StatusCode::OK,
        HealthState::Degraded => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health)).into_response()
}

async fn snapshot(State(dashboard): State<Dashboard>) -> Result<Response, ApiError> {
    let none = || ViewError::new(ErrorKind::Unavailable, "there is no snapshot yet").hint("ask again in a second");
    let snapshot = dashboard.live.latest().ok_or_else(none)?;
    Ok(Json(&*snapshot).into_response())
}

async fn balance(State(dashboard): State<Dashboard>) -> Reply<Vec<BalanceRow>> {
    Ok(Json(dashboard.view.balance().await?))
}

/// `?limit=`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListLimit {
    #[serde(default = "default_list")]
    limit: usize,
}

fn default_list() -> usize {
    DEFAULT_LIST
}

pub(crate) fn within(limit: usize, most: usize) -> Result<usize, ApiError> {
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let error = format!("`limit` is {limit}");
    Err(ApiError::new(StatusCode::BAD_REQUEST, error, format!("ask for 1 to {most}")))
}

async fn runs(
    State(dashboard): State<Dashboard>,
    list: Result<Query<ListLimit>, QueryRejection>,
) -> Reply<Vec<RunView>> {
    let limit = within(list?.limit, MAX_LIST)?;
    Ok(Json(dashboard.view.runs(limit).await?))
}

async fn run(State(dashboard): State<Dashboard>, id: Result<Path<String>, PathRejection>) -> Reply<RunView> {
    Ok(Json(dashboard.view.run(&id?).await?))
}

async fn start_job(
    State(dashboard): State<Dashboard>,
    job: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request = match body? {
        body if body.is_empty() => StartRequest::default(),
        body => Json::from_bytes(&body)?.0,
    };
    let run_id = dashboard.view.start_job(&job?, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "run_id": run_id }))).into_response())
}

async fn answers(State(dashboard): State<Dashboard>) -> Reply<Vec<AnswerView>> {
    Ok(Json(dashboard.view.answers().await?))
}

/// A question and how its answer should look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryRequest {
    sql: String,
    #[serde(default = "default_lane")]
    lane: Lane,
    #[serde(default)]
    committed: bool,
    #[serde(default = "default_rows")]
    limit: usize,
    #[serde(default)]
    format: Format,
}

fn default_lane() -> Lane {
    Lane::Batch
}

fn default_rows() -> usize {
    DEFAULT_ROWS
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

async fn query(
    State(dashboard): State<Dashboard>,
    request: Result<Json<QueryRequest>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(request) = request?;
    let limit = within(request.limit, MAX_ROWS)?;
    let scope = Scope { lane: request.lane, committed: request.committed };
    let result = dashboard.view.query(&request.sql, scope, limit).await?;
    Ok(match request.format {
        Format::Json => Json(result).into_response(),
        Format::Csv => {
            let truncated = HeaderValue::from_static(if result.truncated { "true" } else { "false" });
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
                (TRUNCATED, truncated),
            ];
            (headers, to_csv(&result)).into_response()
        }
    })
}

/// Which streams to compare: all, unless one is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReconcileRequest {
    stream: Option<String>,
}

/// The verdict on all streams that were compared.
#[derive(Debug, Serialize)]
struct ReconcileReply {
    equal: bool,
    streams: Vec<ReconcileView>,
}

async fn reconcile(
    State(dashboard): State<Dashboard>,
    request: Result<Json<ReconcileRequest>, JsonRejection>,
) -> Reply<ReconcileReply> {
    let Json(request) = request?;
    let streams = dashboard.view.reconcile(request.stream.as_deref()).await?;
    Ok(Json(ReconcileReply { equal: streams.iter().all(|stream| stream.equal), streams }))
}

async fn unknown_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "the API has no such path", "`/api/overview` says what this node is")
}

async fn wrong_method() -> (StatusCode, Json<Value>) {
    let body = json!({ "error": "the path does not take this method", "hint": "reading is GET, doing is POST" });
    (StatusCode::METHOD_NOT_ALLOWED, Json(body))
}
