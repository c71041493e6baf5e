//! SQL over HTTP: `GET /api/sql?sql=...` and `POST /api/sql`, answered as Arrow IPC, JSON, NDJSON or CSV while the rows come in.
//!
//! What goes wrong before the first rows is said with a status. After them the body breaks off: a client that checks the end of a body, as
//! all do, never takes a part for the whole.

mod body;
mod error;
mod format;
pub mod openapi;
mod request;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pinflow_query::QueryEngine;
use tokio_util::sync::CancellationToken;

use crate::OnQuestion;
use error::SqlError;
use request::SqlRequest;

/// The path.
pub(crate) const PATH: &str = "/api/sql";

/// What answers questions over HTTP. It asks nobody who they are: whoever routes to it does.
#[derive(Clone, Debug)]
pub struct SqlOverHttp {
    engine: Arc<QueryEngine>,
    on_question: OnQuestion,
    closing: CancellationToken,
}

impl SqlOverHttp {
    /// Answers from `engine`. Once `closing` is cancelled, answers end.
    pub fn new(engine: Arc<QueryEngine>, on_question: OnQuestion, closing: CancellationToken) -> Self {
        Self { engine, on_question, closing }
    }

    /// The routes. They have no fallback, so that they merge with others.
    pub fn router(self) -> Router {
        Router::new().route(PATH, get(answer).post(answer).fallback(error::wrong_method)).with_state(self)
    }
}

async fn answer(State(sql): State<SqlOverHttp>, request: SqlRequest) -> Result<Response, SqlError> {
    sql.on_question.tell();
    let mut rows = sql.engine.stream(&request.sql, request.scope, &sql.closing).await?;
    // A query that fails while it runs has as a rule failed by now, and can still be told with a status.
    let first = rows.next().await?;
    let body = body::of(rows, first, request.format)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(request.format.content_type())),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    Ok((headers, body).into_response())
}
