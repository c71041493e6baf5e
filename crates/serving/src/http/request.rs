//! A question as a request: the SQL, which tables it means, and how the answer should look.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, Query, Request};
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use pinflow_pipeline::Lane;
use pinflow_query::Scope;
use serde::Deserialize;

use super::error::SqlError;
use super::format::Format;

/// A checked question.
#[derive(Debug)]
pub(super) struct SqlRequest {
    pub sql: String,
    pub scope: Scope,
    pub format: Format,
}

/// What may be asked, in the query string or in a JSON body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    sql: Option<String>,
    lane: Option<LaneName>,
    committed: Option<bool>,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LaneName {
    Batch,
    Stream,
}

impl<S: Send + Sync> FromRequest<S> for SqlRequest {
    type Rejection = SqlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, SqlError> {
        let accepted =
            request.headers().get(header::ACCEPT).map(|accept| accept.to_str().unwrap_or_default().to_owned());
        let Query(asked) = Query::<Asked>::try_from_uri(request.uri())?;
        let asked = if request.method() == Method::POST { asked.with(body(request, state).await?) } else { asked };
        let sql = asked.sql.ok_or_else(|| {
            SqlError::new(StatusCode::BAD_REQUEST, "the request has no SQL")
                .hint("send it as the body, as `sql` in a JSON body, or as `?sql=`")
        })?;
        let lane = match asked.lane {
            Some(LaneName::Stream) => Lane::Stream,
            Some(LaneName::Batch) | None => Lane::Batch,
        };
        let format = match asked.format {
            Some(format) => format,
            None => Format::accepted(accepted.as_deref())?,
        };
        Ok(Self { sql, scope: Scope { lane, fresh: !asked.committed.unwrap_or(false) }, format })
    }
}

impl Asked {
    /// What the body says counts before what the query string says.
    fn with(self, body: Asked) -> Self {
        Self {
            sql: body.sql.or(self.sql),
            lane: body.lane.or(self.lane),
            committed: body.committed.or(self.committed),
            format: body.format.or(self.format),
        }
    }
}

/// A JSON object, or SQL as text.
async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Asked, SqlError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = content_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => {
            let Json(asked) = Json::<Asked>::from_request(request, state).await?;
            Ok(asked)
        }
        None | Some("text/plain" | "application/sql") => {
            let bytes = Bytes::from_request(request, state).await?;
            let text = String::from_utf8(bytes.into())
                .map_err(|_| SqlError::new(StatusCode::BAD_REQUEST, "the body is not UTF-8"))?;
            Ok(Asked { sql: Some(text).filter(|text| !text.is_empty()), ..Asked::default() })
        }
        Some(other) => {
            Err(SqlError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("a body of `{other}` is not taken"))
                .hint("send `application/json`, `application/sql` or `text/plain`"))
        }
    }
}

impl From<QueryRejection> for SqlError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for SqlError {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for SqlError {
    fn from(rejection: JsonRejection) -> Self {
        // JSON of a wrong shape is as wrong as none.
        let status = match rejection.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::new(status, rejection.body_text())
    }
}
