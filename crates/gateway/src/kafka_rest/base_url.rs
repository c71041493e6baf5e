//! The URL that a client sees this API under, for the links in replies.

use axum::http::header::{HOST, HeaderName};

use crate::dialect::Call;
use crate::path::percent_encoded;

/// Whether a proxy in front of this node speaks HTTPS to the client.
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Scheme, host and stage as the client wrote them, without a slash at the end: `https://host:8082/dev`.
pub(crate) fn base_url(call: &Call) -> String {
    let header = |name| call.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match header(FORWARDED_SCHEME) {
        Some(scheme @ ("http" | "https")) => scheme,
        _ => call.uri.scheme_str().unwrap_or("http"),
    };
    let host = header(HOST).or_else(|| call.uri.authority().map(|authority| authority.as_str()));
    let mut url = format!("{scheme}://{}", host.unwrap_or("localhost"));
    if let Some(stage) = call.path.stage() {
        url.push('/');
        url.push_str(&percent_encoded(stage));
    }
    url
}
