//! Replies, and the headers by which AWS identifies every one of them.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pinflow_event::Timestamp;
use serde::Serialize;

use crate::request_id::RequestId;

/// A 200 with `body` as JSON.
pub(super) fn json_reply(body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("replies have text keys and finite numbers only");
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}

/// The reply of an operation without a result: JSON too, for clients that parse every reply.
pub(super) fn empty() -> Response {
    json_reply(&serde_json::json!({}))
}

/// Adds the ids of the request, which came at `started`.
pub(super) fn identify(response: &mut Response, id: RequestId, started: Timestamp) {
    let twelve_bytes = u128::from_be_bytes(*id.as_bytes()) >> 32;
    let seconds = u32::try_from(started.as_millis() / 1_000).unwrap_or_default();
    let ids = [
        ("x-amzn-requestid", id.to_string()),
        ("x-amz-apigw-id", BASE64.encode(&id.as_bytes()[..11])),
        ("x-amzn-trace-id", format!("Root=1-{seconds:08x}-{twelve_bytes:024x}")),
    ];
    for (name, value) in ids {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}
