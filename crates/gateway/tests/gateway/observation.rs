//! What is counted and logged about requests.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use pinflow_gateway::{GatewaySettings, REQUEST_LOG_TARGET, RequestLog};
use serde_json::Value;
use tower::ServiceExt;
use tracing::subscriber::DefaultGuard;

use crate::harness::Harness;
use crate::kinesis_access;

/// The lines of the request log that this thread writes while it lives.
struct Lines {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn capture() -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Writer(Arc::clone(&writer)))
            .finish();
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn all(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    fn requests(&self) -> Vec<Value> {
        let lines: Vec<Value> = self.all().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| line["target"] == REQUEST_LOG_TARGET).collect()
    }
}

fn harness(request_log: RequestLog) -> Harness {
    Harness::new(GatewaySettings { request_log, ..GatewaySettings::default() })
}

#[tokio::test]
async fn a_line_says_who_asked_what_and_how_it_ended() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::All);
    let body = r#"{"records":[{"value":1},{"value":2}]}"#;
    let reply = harness.produce("t", body).await;
    let line = &lines.requests()[0];
    for (field, value) in [
        ("level", "INFO".into()),
        ("request_id", reply.headers["x-request-id"].to_str().unwrap().into()),
        ("dialect", "kafka_rest".into()),
        ("method", "POST".into()),
        ("path", "/topics/t".into()),
        ("status", 200.into()),
        ("records", 2.into()),
        ("bytes_in", body.len().into()),
        ("bytes_out", reply.body.len().into()),
        ("code", Value::Null),
        ("client_request_id", Value::Null),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn errors_alone_are_logged_unless_all_are_wanted() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::Errors);
    harness.get("/topics").await;
    harness.produce("t", r#"{"records":[{"value":1}]}"#).await;
    harness.get("/topics/none").await;
    harness.produce("t", r#"{"records":[{"value":1},{"value":1,"partition":9}]}"#).await;
    harness.get("/streams/none").await;
    harness.log.close().await.unwrap();
    harness.get("/topics").await;
    let short = |line: &Value| (line["level"].clone(), line["status"].clone(), line["code"].clone());
    let seen: Vec<_> = lines.requests().iter().map(short).collect();
    let expected = [
        ("WARN", 404, "40403"),
        ("WARN", 200, "50003"),
        ("WARN", 400, "ResourceNotFoundException"),
        ("ERROR", 503, "50302"),
    ];
    assert_eq!(seen, expected.map(|(level, status, code)| (level.into(), status.into(), code.into())));
}

#[tokio::test]
async fn nothing_is_logged_where_nothing_is_wanted() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::None);
    harness.get("/topics").await;
    harness.get("/topics/none").await;
    assert!(lines.requests().is_empty());
}

#[tokio::test]
async fn neither_secrets_nor_payloads_are_logged() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::All);
    let requests = [
        Request::post("/topics/t?X-Amz-Signature=SECRET").header("content-type", "application/vnd.kafka.json.v2+json"),
        Request::put("/streams/s/record?api_key=SECRET").header("content-type", "application/json"),
        Request::get("/nowhere/at/all?token=SECRET"),
    ];
    let bodies = [
        r#"{"records":[{"key":"SECRET","value":"SECRET"}]}"#,
        r#"{"Data":"SECRET","PartitionKey":"SECRET"}"#,
        r#"{"SECRET"#,
    ];
    for (request, body) in requests.into_iter().zip(bodies) {
        let request = request
            .header("authorization", "Basic SECRET")
            .header("x-api-key", "SECRET")
            .header("x-amz-security-token", "SECRET")
            .header("cookie", "SECRET");
        harness.send(request.body(Body::from(body)).unwrap()).await;
    }
    assert_eq!(lines.requests().len(), 3);
    assert!(!lines.all().contains("SECRET"), "{}", lines.all());
}

#[tokio::test]
async fn what_clients_send_is_bounded_and_cannot_break_a_line() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::All);
    let path = format!("/topics/{}", "é".repeat(5_000));
    let request = Request::get(path).header("x-request-id", &b"a b\xff\t\"c"[..]);
    let reply = harness.send(request.body(Body::empty()).unwrap()).await;
    assert_ne!(reply.headers["x-request-id"], "a b");
    let long = Request::get("/").header("x-request-id", "x".repeat(5_000)).body(Body::empty()).unwrap();
    harness.send(long).await;
    let lines = lines.requests();
    assert_eq!(lines[0]["client_request_id"], r#"a?b??"c"#);
    assert_eq!(lines[0]["path"].as_str().unwrap().chars().count(), 200);
    assert_eq!(lines[1]["client_request_id"].as_str().unwrap().len(), 200);
}

#[tokio::test]
async fn bytes_are_counted_as_they_are_read_and_sent() {
    let harness = harness(RequestLog::None);
    let body = r#"{"records":[{"value":1}]}"#;
    let reply = harness.produce("t", body).await;
    let head = harness.send(Request::head("/topics").body(Body::empty()).unwrap()).await;
    let counts = &harness.gateway.metrics().dialects["kafka_rest"];
    assert_eq!(counts.request_bytes, body.len() as u64);
    assert_eq!(counts.reply_bytes, reply.body.len() as u64, "a HEAD has no body: {:?}", head.body);
    assert_eq!((counts.durations.count(), counts.ack_durations.count()), (2, 1));
}

#[tokio::test]
async fn who_signed_a_request_stands_in_its_line() {
    let lines = Lines::capture();
    let settings = GatewaySettings { request_log: RequestLog::All, ..GatewaySettings::default() };
    let harness = Harness::guarded(settings, kinesis_access::LIST);
    let (body, signature) = kinesis_access::LIST_STREAMS;
    assert_eq!(kinesis_access::send(&harness, "ListStreams", body, signature).await.status, 200);
    assert_eq!(lines.requests()[0]["caller"], "loader");
}

#[tokio::test]
async fn the_nodes_own_routes_are_counted_and_logged() {
    let lines = Lines::capture();
    let harness = harness(RequestLog::Errors);
    let own = Router::new()
        .route("/api/there", get(async || "hello"))
        .route("/api/wrong", get(async || StatusCode::CONFLICT));
    let router = harness.gateway.observe(own).merge(harness.gateway.router());
    let mut ids = Vec::new();
    for path in ["/api/there", "/api/wrong", "/api/nowhere"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let reply = router.clone().oneshot(request).await.unwrap();
        ids.push(reply.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    let metrics = harness.gateway.metrics();
    assert_eq!(metrics.dialects["api"].requests(), 2, "what no route takes is the last dialect's");
    assert_eq!(metrics.dialects["api"].reply_bytes, 5);
    let lines = lines.requests();
    let line = lines.iter().find(|line| line["dialect"] == "api").unwrap();
    assert_eq!((line["path"].as_str(), line["status"].as_u64()), (Some("/api/wrong"), Some(409)));
    assert_eq!(line["request_id"], ids[1].as_str());
}
