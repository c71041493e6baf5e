//! Cross-origin requests, as Kinesis answers them: whatever a browser asks for is allowed, if its page's origin is.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use axum::response::{IntoResponse, Response};

const EXPOSED: &str = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
const TWO_DAYS_IN_SECONDS: &str = "172800";

/// Whether a browser sent the request from a page.
pub(super) fn is_cross_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

/// Whether a browser asks beforehand on behalf of an AWS SDK.
pub(super) fn asks_for_target(headers: &HeaderMap) -> bool {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asked.split(',').any(|name| name.trim().eq_ignore_ascii_case(super::TARGET))
}

/// The answer to a browser that asks beforehand.
pub(super) fn preflight(asked: &HeaderMap, allowed_origin: Option<&str>) -> Response {
    let mut response = ().into_response();
    if allowed_origin.is_some() {
        let headers = response.headers_mut();
        for (question, answer) in [
            (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
            (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        ] {
            if let Some(value) = asked.get(question) {
                headers.insert(answer, value.clone());
            }
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(TWO_DAYS_IN_SECONDS));
    }
    response
}

/// Lets pages from `allowed_origin` read the reply.
pub(super) fn allow_origin(response: &mut Response, allowed_origin: Option<&str>) {
    let Some(Ok(origin)) = allowed_origin.map(HeaderValue::from_str) else { return };
    let headers = response.headers_mut();
    if origin != "*" {
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if !headers.contains_key(ACCESS_CONTROL_MAX_AGE) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
