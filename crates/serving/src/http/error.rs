//! How SQL over HTTP says no: `{"error": "...", "hint": "..."}`, as the rest of the API does.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pinflow_query::QueryError;
use serde::Serialize;

/// A question without an answer.
#[derive(Debug, Serialize)]
pub(super) struct SqlError {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl SqlError {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<QueryError> for SqlError {
    fn from(error: QueryError) -> Self {
        let status = match &error {
            QueryError::Table { .. } | QueryError::Start { .. } => {
                tracing::error!(%error, "a question could not be answered");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            QueryError::NotFresh { .. } | QueryError::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let (error, hint) = error.with_hint();
        Self { status, error, hint }
    }
}

impl IntoResponse for SqlError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) async fn wrong_method() -> Response {
    let error = SqlError::new(StatusCode::METHOD_NOT_ALLOWED, "the path does not take this method")
        .hint("ask with GET or POST");
    ([(header::ALLOW, "GET,HEAD,POST")], error).into_response()
}
