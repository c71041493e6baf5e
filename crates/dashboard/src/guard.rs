//! Keeps web pages from elsewhere out.
//!
//! A node on a developer's machine is reachable by every page that the developer's browser shows. Two rules stop them:
//! the `Host` must be `localhost`, an IP address or a configured name, for a page that rebinds its own DNS name
//! to our address still sends that name (an address cannot be rebound); and a request that changes something must
//! not come from another origin. Programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site` and pass.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The host names, besides `localhost` and IP addresses, that requests may name; lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Arc<BTreeSet<String>>);

impl FromIterator<String> for AllowedHosts {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(Arc::new(names.into_iter().map(|name| name.to_ascii_lowercase()).collect()))
    }
}

impl AllowedHosts {
    fn allow(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = host.to_ascii_lowercase();
        name == "localhost" || bare.parse::<IpAddr>().is_ok() || self.0.contains(&name)
    }
}

/// Lets a request through if it obeys both rules.
pub(crate) async fn guard(State(hosts): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match check(&hosts, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(hosts: &AllowedHosts, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = text(headers, &header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(|host| hosts.allow(host.host())) else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "the request names a host that is not this node's",
            "use `localhost` or the IP address, or add the name to the allowed hosts of the configuration",
        ));
    };
    if method.is_safe() || is_same_origin(&host, headers) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "a page of another origin may not change this node",
        "use the node's own page, the command line or a program that is no browser",
    ))
}

fn is_same_origin(host: &Authority, headers: &HeaderMap) -> bool {
    if headers.contains_key(SEC_FETCH_SITE) {
        // `none` is a request that the user made, as by typing the address.
        return matches!(text(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"))
            && !is_foreign_origin(host, headers);
    }
    !is_foreign_origin(host, headers)
}

fn is_foreign_origin(host: &Authority, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    // `null`, of a sandboxed frame or a file, has no `://` and is foreign.
    origin.split_once("://").is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host.as_str()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn passes(method: Method, headers: &[(&str, &str)]) -> bool {
        let hosts = ["Flow.example.org".to_owned()].into_iter().collect();
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<axum::http::HeaderValue>().unwrap())
        });
        check(&hosts, &method, &headers.collect()).is_ok()
    }

    #[test]
    fn hosts_are_local_addresses_or_configured() {
        for host in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.7", "flow.EXAMPLE.org:80"]
        {
            assert!(passes(Method::GET, &[("host", host)]), "{host} was refused");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b"]
        {
            assert!(!passes(Method::GET, &[("host", host)]), "{host} was let in");
        }
        assert!(!passes(Method::GET, &[]));
    }

    #[test]
    fn only_the_own_origin_may_change_something() {
        let host = ("host", "127.0.0.1:8080");
        assert!(passes(Method::POST, &[host]), "a program that is no browser");
        assert!(passes(Method::POST, &[host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
        for foreign in ["http://evil.example", "http://127.0.0.1:9999", "http://localhost:8080", "null", ""] {
            assert!(!passes(Method::POST, &[host, ("origin", foreign)]), "{foreign} was let in");
            assert!(passes(Method::GET, &[host, ("origin", foreign)]), "reading is up to the browser");
        }
        for site in ["cross-site", "same-site", "unheard-of"] {
            assert!(!passes(Method::POST, &[host, ("sec-fetch-site", site)]), "{site} was let in");
        }
        assert!(!passes(Method::POST, &[host, ("origin", "http://evil.example"), ("sec-fetch-site", "none")]));
    }

    #[test]
    fn every_method_that_is_not_safe_is_guarded() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert!(!passes(method, &[("host", "localhost"), ("origin", "http://evil.example")]));
        }
    }
}
