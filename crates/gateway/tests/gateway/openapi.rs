//! The router and the OpenAPI document say the same.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::{GatewaySettings, openapi};
use pinflow_openapi::{Document, Exchange};

use crate::harness::{Harness, Reply};

static DOCUMENT: LazyLock<Document> = LazyLock::new(openapi::document);

/// Holds an exchange of a transcript to the document.
pub fn check(request: &[&str], reply: &Reply, stages: &[String]) -> Result<(), String> {
    let (method, uri) = request[0].split_once(' ').unwrap();
    let path = uri.split('?').next().unwrap();
    let head = request.iter().position(|line| line.is_empty()).unwrap_or(request.len());
    let headers: Vec<_> = request[1..head].iter().filter_map(|line| line.split_once(": ")).collect();
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value);
    let body = request.get(head + 1..).unwrap_or_default().join("\n");
    let exchange = Exchange {
        method,
        // Where there is a target, the path does not matter.
        path: if header("x-amz-target").is_some() { "/" } else { without_stage(path, stages) },
        headers: &headers,
        request: (header("content-type"), body.as_bytes()),
        status: reply.status.as_u16(),
        reply: (reply.headers.get("content-type").and_then(|value| value.to_str().ok()), reply.body.as_bytes()),
    };
    if method == "OPTIONS" || is_unrouted(method, reply) {
        return Ok(());
    }
    DOCUMENT.check(&exchange)
}

fn without_stage<'a>(path: &'a str, stages: &[String]) -> &'a str {
    let rest = path.trim_start_matches('/');
    let staged = rest.split_once('/').filter(|(stage, _)| stages.iter().any(|s| s == stage));
    staged.map_or(path, |(_, rest)| rest)
}

/// Whether the reply says that there is no such path, or no such method on it, in the words of any dialect.
fn is_unrouted(method: &str, reply: &Reply) -> bool {
    match reply.status.as_u16() {
        405 => true,
        404 => reply.body.contains(r#""error_code":404,"#),
        403 if reply.body.contains("Unable to determine service/operation name") => method != "POST",
        403 => reply.body.contains("Missing Authentication Token"),
        _ => false,
    }
}

#[test]
fn the_document_holds_together() {
    assert_eq!(DOCUMENT.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn every_path_has_the_documented_methods_and_no_others() {
    // The paths of one stream are there with such a stream.
    let settings = GatewaySettings { default_stream: Some("0".parse().unwrap()), ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let documented: BTreeSet<(String, &str)> = DOCUMENT.operations().collect();
    let paths: BTreeSet<&str> = documented.iter().map(|(_, path)| *path).collect();
    assert!(paths.len() > 10);
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let reply = harness.send(request(method, path)).await;
            let routed = !is_unrouted(method, &reply) || lacks_the_thing_alone(&harness, path, &reply).await;
            let wanted = documented.contains(&(method.to_owned(), path));
            assert_eq!(routed, wanted, "{method} {path}: {} {}", reply.status, reply.body);
        }
    }
}

/// Whether a reply of 404 is about a thing and not about its path, which has options then. Kafka REST says both in the same words.
async fn lacks_the_thing_alone(harness: &Harness, path: &str, reply: &Reply) -> bool {
    let request = Request::builder().method("OPTIONS").uri(filled(path)).body(Body::empty()).unwrap();
    reply.status == 404 && harness.send(request).await.status == 200
}

/// A request without a body, with the header in the path's fragment and the media type that the document has for it: by these a
/// dialect knows its requests where others have the same path.
fn request(method: &str, template: &str) -> Request<Body> {
    let (path, fragment) = template.split_once('#').unwrap_or((template, ""));
    let content = &DOCUMENT.json()["paths"][template][method.to_ascii_lowercase()]["requestBody"]["content"];
    let media_type = content.as_object().and_then(|content| content.keys().next());
    let content_type = media_type.map(|media_type| ("content-type", media_type.as_str()));
    let request = Request::builder().method(method).uri(filled(path));
    let headers = fragment.split_once('=').into_iter().chain(content_type);
    headers.fold(request, |request, (name, value)| request.header(name, value)).body(Body::empty()).unwrap()
}

/// A path with something in the place of its parameters.
fn filled(template: &str) -> String {
    let template = template.split('#').next().unwrap_or(template);
    let fill = |segment: &str| if segment.starts_with('{') { "0".to_owned() } else { segment.to_owned() };
    template.split('/').map(fill).collect::<Vec<_>>().join("/")
}
