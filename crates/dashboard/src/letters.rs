//! `/api/dead`: the records that could not be cleaned; listing, looking at one, cleaning them again, giving them up.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use crate::Dashboard;
use crate::api::{DEFAULT_LIST, MAX_LIST, Reply, within};
use crate::error::ApiError;
use crate::view::{DeadLetter, Lane, LetterOutcome, LetterSelection};

/// The longest text, in characters, that says why letters are dropped; every such text stays in the table's history.
pub(crate) const MAX_NOTE: usize = 1_000;

pub(crate) fn router() -> Router<Dashboard> {
    Router::new()
        .route("/api/dead/{stream}", get(list))
        .route("/api/dead/{stream}/{lane}/{partition}/{offset}", get(show))
        .route("/api/dead/{stream}/retry", post(retry))
        .route("/api/dead/{stream}/drop", post(give_up))
}

/// A [`LetterSelection`] in a query, and how many.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    lane: Option<Lane>,
    partition: Option<u32>,
    from: Option<u64>,
    to: Option<u64>,
    since_ms: Option<i64>,
    reason: Option<String>,
    limit: Option<usize>,
}

async fn list(
    State(dashboard): State<Dashboard>,
    stream: Result<Path<String>, PathRejection>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Reply<Vec<DeadLetter>> {
    let Query(ListQuery { lane, partition, from, to, since_ms, reason, limit }) = query?;
    let limit = within(limit.unwrap_or(DEFAULT_LIST), MAX_LIST)?;
    let letters = LetterSelection { lane, partition, from, to, since_ms, reason };
    Ok(Json(dashboard.view.dead(&stream?, &letters, limit).await?))
}

async fn show(
    State(dashboard): State<Dashboard>,
    place: Result<Path<(String, Lane, u32, u64)>, PathRejection>,
) -> Reply<DeadLetter> {
    let Path((stream, lane, partition, offset)) = place?;
    Ok(Json(dashboard.view.dead_letter(&stream, lane, partition, offset).await?))
}

/// Which letters to clean again: all, unless it says otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryRequest {
    #[serde(default)]
    letters: LetterSelection,
}

async fn retry(
    State(dashboard): State<Dashboard>,
    stream: Result<Path<String>, PathRejection>,
    request: Result<Json<RetryRequest>, JsonRejection>,
) -> Reply<LetterOutcome> {
    let (Path(stream), Json(request)) = (stream?, request?);
    Ok(Json(dashboard.view.retry_dead(&stream, &request.letters).await?))
}

/// Which letters to give up, and why. All of them have to be meant: `letters` is required, `{}` is all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DropRequest {
    letters: LetterSelection,
    note: String,
}

async fn give_up(
    State(dashboard): State<Dashboard>,
    stream: Result<Path<String>, PathRejection>,
    request: Result<Json<DropRequest>, JsonRejection>,
) -> Reply<LetterOutcome> {
    let (Path(stream), Json(request)) = (stream?, request?);
    let note = request.note.trim();
    let length = note.chars().count();
    if !(1..=MAX_NOTE).contains(&length) {
        let hint = format!("say why the letters are given up, in 1 to {MAX_NOTE} characters");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, format!("`note` has {length} characters"), hint));
    }
    Ok(Json(dashboard.view.drop_dead(&stream, &request.letters, note).await?))
}
