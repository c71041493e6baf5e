//! Cross-origin requests, as API Gateway's console sets them up.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use axum::response::Response;

use super::reply;

const METHODS: &str = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT";
const HEADERS: &str = "Content-Type,Authorization,X-Amz-Date,X-Api-Key,X-Amz-Security-Token,Shard-Iterator";

/// Whether a browser sent the request from a page.
pub(super) fn is_cross_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

/// The answer to a browser that asks beforehand.
pub(super) fn preflight(allowed_origin: Option<&str>) -> Response {
    let mut response = reply::empty();
    if allowed_origin.is_some() {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    }
    allow_origin(&mut response, allowed_origin);
    response
}

/// Lets pages from `allowed_origin` read the reply.
pub(super) fn allow_origin(response: &mut Response, allowed_origin: Option<&str>) {
    let Some(Ok(origin)) = allowed_origin.map(HeaderValue::from_str) else { return };
    if origin != "*" {
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    }
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}
