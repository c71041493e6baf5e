//! Web pages from elsewhere are kept out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::fake::{FakeNode, ask, ask_node};

fn start_job(headers: &[(&str, &str)]) -> Request<Body> {
    let request =
        headers.iter().fold(Request::post("/api/jobs/daily/runs"), |r, (name, value)| r.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_page_elsewhere_cannot_start_a_job() {
    let node = Arc::new(FakeNode::default());
    let cases = [
        &[("host", "127.0.0.1:8080"), ("origin", "http://evil.example")][..],
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:3000")],
        &[("host", "127.0.0.1:8080"), ("origin", "null")],
        &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
        &[("host", "rebound.evil.example:8080"), ("origin", "http://rebound.evil.example:8080")],
        &[],
    ];
    for headers in cases {
        let reply = ask_node(&node, start_job(headers)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(reply.json()["hint"].is_string(), "{headers:?}");
    }
    assert_eq!(node.runs_started.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_own_page_and_programs_can() {
    for headers in [
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")][..],
        &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
        &[("host", "flow.example.org"), ("origin", "https://flow.example.org")],
        &[("host", "localhost:8080")],
    ] {
        assert_eq!(ask(start_job(headers)).await.status, StatusCode::ACCEPTED, "{headers:?}");
    }
}

#[tokio::test]
async fn a_rebound_name_cannot_read_either() {
    for path in ["/api/overview", "/api/events", "/api/answers", "/api/nothing"] {
        let request = Request::get(path).header("host", "rebound.evil.example").body(Body::empty()).unwrap();
        assert_eq!(ask(request).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
