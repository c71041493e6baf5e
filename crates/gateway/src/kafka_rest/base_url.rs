//! The URL that a client sees this API under, for the links in replies.

use std::net::Ipv6Addr;

use axum::http::header::{HOST, HeaderName, HeaderValue};

use crate::dialect::Call;
use crate::path::percent_encoded;

/// Whether a proxy in front of this node speaks HTTPS to the client.
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What stands for a host that cannot be told from the request.
const FALLBACK_HOST: &str = "localhost";

/// Scheme, host and stage as the client wrote them, without a slash at the end: `https://host:8082/dev`.
pub(crate) fn base_url(call: &Call) -> String {
    let mut url = format!("{}://{}", scheme(call), authority(call));
    if let Some(stage) = call.path.stage() {
        url.push('/');
        url.push_str(&percent_encoded(stage));
    }
    url
}

/// The scheme that the client used: `http` or `https`.
pub(crate) fn scheme(call: &Call) -> &'static str {
    let forwarded = call.headers.get(FORWARDED_SCHEME).map(HeaderValue::as_bytes);
    match (forwarded, call.uri.scheme_str()) {
        (Some(b"https"), _) => "https",
        (Some(b"http"), _) => "http",
        (_, Some("https")) => "https",
        _ => "http",
    }
}

/// The host that the client used, with its port where it gave one. A text that is anything else does not get into a link.
pub(crate) fn authority(call: &Call) -> &str {
    let header = call.headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = header.or_else(|| call.uri.authority().map(|authority| authority.as_str()));
    host.filter(|host| is_host(host)).unwrap_or(FALLBACK_HOST)
}

fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => (1..254).contains(&host.len()) && host.bytes().all(plain),
    };
    is_name && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_and_a_port_are_a_host() {
        for authority in ["localhost:8082", "rest.example.com", "127.0.0.1:80", "[::1]:8082", "[::1]", "my_host"] {
            assert!(is_host(authority), "{authority}");
        }
        for other in [
            "",
            ":80",
            "host:",
            "host:99999",
            "user@host",
            "host/path",
            "host\"><script>",
            "a b",
            "[x]",
            "::1",
            "a:b:80",
        ] {
            assert!(!is_host(other), "{other}");
        }
    }
}
