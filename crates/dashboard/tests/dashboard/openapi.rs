//! Routes and the OpenAPI document say the same.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Request;
use pinflow_openapi::{Document, Exchange};

use crate::fake::{Reply, ask};

static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::new("The dashboard alone", "0", &[pinflow_dashboard::openapi::api()]));

/// Panics where the document does not have the exchange.
pub fn check(method: &str, path: &str, request: (Option<&str>, &[u8]), reply: &Reply) {
    let documented = path != "/api/nothing" && !path.starts_with("/dashboard/");
    if is_unrouted(reply) || !documented {
        return;
    }
    let content_type = reply.headers.get("content-type").map(|value| value.to_str().unwrap());
    let status = reply.status.as_u16();
    let exchange =
        Exchange { method, path, headers: &[], request, status, reply: (content_type, reply.body.as_bytes()) };
    DOCUMENT.check(&exchange).unwrap();
}

fn is_unrouted(reply: &Reply) -> bool {
    reply.status == 405 || reply.status == 404 && (reply.body.is_empty() || reply.body.contains("no such path"))
}

#[test]
fn the_document_holds_together() {
    assert_eq!(DOCUMENT.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn every_path_has_the_documented_methods_and_no_others() {
    let documented: BTreeSet<(String, &str)> = DOCUMENT.operations().collect();
    // The one whose reply has no end has tests of its own.
    let paths: BTreeSet<&str> =
        documented.iter().map(|(_, path)| *path).filter(|path| *path != "/api/events").collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let uri = path.replace("{id}", "x").replace("{job}", "x").replace("{stream}", "x");
            let uri = uri.replace("{lane}", "batch").replace("{partition}", "0").replace("{offset}", "0");
            let request = Request::builder().method(method).uri(uri).header("host", "localhost");
            let reply = ask(request.body(Body::empty()).unwrap()).await;
            let wanted = documented.contains(&(method.to_owned(), path));
            assert_eq!(!is_unrouted(&reply), wanted, "{method} {path}: {} {}", reply.status, reply.body);
        }
    }
}
