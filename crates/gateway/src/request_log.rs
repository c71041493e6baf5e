//! The request log: a line for a request, as an event of `tracing` with the target [`TARGET`].
//!
//! A line holds what identifies a request and how it ended. It never holds a payload, a header that may be a secret, or the
//! query, where signatures stand.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use pinflow_access::Caller;
use tracing::{error, info, warn};

use crate::dialect::Call;
use crate::metrics::RequestMetrics;
use crate::request_id::RequestId;

/// The target of the lines, for filters.
pub const TARGET: &str = "pinflow_gateway::requests";

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of a client's own id, or of a path, that are logged at most.
const LONGEST: usize = 200;

/// Which requests have a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestLog {
    /// All: `info` for those that went well.
    All,
    /// Those that were refused, wholly (`error` for a 5xx, else `warn`) or in part (`warn`).
    #[default]
    Errors,
    /// None.
    None,
}

/// What the line about a request begins with.
#[derive(Debug)]
pub(crate) struct RequestLine {
    wanted: RequestLog,
    id: RequestId,
    dialect: &'static str,
    method: axum::http::Method,
    uri: Uri,
    caller: Caller,
    client_request_id: Option<String>,
}

impl RequestLine {
    /// The line about a call, where one may be wanted.
    pub(crate) fn new(call: &Call, dialect: &'static str) -> Option<Self> {
        let wanted = call.backend.settings.request_log;
        (wanted != RequestLog::None).then(|| Self {
            wanted,
            id: call.id,
            dialect,
            method: call.method.clone(),
            uri: call.uri.clone(),
            caller: call.caller.clone(),
            client_request_id: client_request_id(&call.headers),
        })
    }

    /// Writes the line, if the way that the request ended calls for one.
    pub(crate) fn write(&self, status: StatusCode, took: Duration, metrics: &RequestMetrics) {
        let code = metrics.refusal();
        let refused = code.is_some() || status.is_client_error() || status.is_server_error();
        if !refused && self.wanted != RequestLog::All {
            return;
        }
        let (bytes_in, bytes_out, records) = metrics.amounts();
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    request_id = %self.id,
                    client_request_id = self.client_request_id.as_deref(),
                    dialect = self.dialect,
                    method = self.method.as_str(),
                    path = excerpt(self.uri.path()),
                    status = status.as_u16(),
                    code,
                    caller = self.caller.name().or(metrics.caller()),
                    records,
                    bytes_in,
                    bytes_out,
                    duration_ms = took.as_secs_f64() * 1_000.0,
                    "request"
                )
            };
        }
        match () {
            () if status.is_server_error() => line!(error),
            () if refused => line!(warn),
            () => line!(info),
        }
    }
}

/// The id that the client gave its request itself: of use for finding it, and not trusted. What is not a plain character is `?`.
fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CLIENT_REQUEST_ID)?.as_bytes();
    let plain = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    Some(given.iter().take(LONGEST).map(plain).collect())
}

/// As much of a path as a line has room for.
fn excerpt(path: &str) -> &str {
    path.char_indices().nth(LONGEST).map_or(path, |(end, _)| &path[..end])
}
