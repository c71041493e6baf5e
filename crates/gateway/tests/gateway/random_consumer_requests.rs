//! Whatever clients ask of consumers, in whatever order: no panic, no 5xx, no wait without an end.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;

use crate::harness::Harness;
use crate::random_bodies::Dice;

/// Requests that mean something to a consumer.
const REQUESTS: [(&str, &str, &str); 20] = [
    ("POST", "", r#"{"name":"a","format":"json","auto.offset.reset":"earliest","auto.commit.enable":true}"#),
    ("POST", "", r#"{"id":"b","format":"binary","auto.offset.reset":"none","fetch.min.bytes":-1,"requestWaitMs":0}"#),
    ("DELETE", "/instances/b", ""),
    ("POST", "/instances/a/subscription", r#"{"topics":["t","u","absent"]}"#),
    ("POST", "/instances/b/subscription", r#"{"topic_pattern":"[tu]|x+"}"#),
    ("GET", "/instances/a/subscription", ""),
    ("DELETE", "/instances/a/subscription", ""),
    ("POST", "/instances/b/assignments", r#"{"partitions":[{"topic":"t","partition":0},{"topic":"u","partition":1}]}"#),
    ("GET", "/instances/b/assignments", ""),
    ("POST", "/instances/a/positions", r#"{"offsets":[{"topic":"t","partition":0,"offset":9}]}"#),
    (
        "POST",
        "/instances/b/positions",
        r#"{"timestamps":[{"topic":"t","partition":0,"timestamp":"2023-11-14T00:00:00Z"}]}"#,
    ),
    ("POST", "/instances/a/positions/beginning", r#"{"partitions":[{"topic":"t","partition":0}]}"#),
    ("POST", "/instances/b/positions/end", r#"{"partitions":[]}"#),
    ("GET", "/instances/a/records", ""),
    ("GET", "/instances/b/records?timeout=1&max_bytes=5", ""),
    ("GET", "/instances/a/records?max_bytes=1", ""),
    ("POST", "/instances/a/offsets", r#"{"offsets":[{"topic":"t","partition":0,"offset":9223372036854775807}]}"#),
    ("POST", "/instances/b/offsets", ""),
    ("GET", "/instances/a/offsets", r#"{"partitions":[{"topic":"t","partition":0}]}"#),
    ("POST", "/instances/a/offsets", r#"{"offsets":[{"topic":"u","partition":1,"offset":0,"metadata":"m"}]}"#),
];

#[tokio::test]
async fn random_requests_are_answered() {
    let settings = GatewaySettings {
        default_partitions: 2,
        consumer_request_timeout: Duration::ZERO,
        max_consumer_instances: 5,
        ..GatewaySettings::default()
    };
    let harness = Harness::new(settings);
    let mut dice = Dice(0x5eed);
    for round in 0..3_000 {
        if round % 50 == 0 {
            let topic = ["t", "u"][dice.below(2)];
            harness.produce(topic, r#"{"records":[{"value":1},{"partition":1,"value":{"a":2}}]}"#).await;
            harness.clock.advance(Duration::from_secs(20));
        }
        let (method, path, body) = REQUESTS[dice.below(REQUESTS.len())];
        let body = match dice.below(4) {
            0 if !body.is_empty() => dice.spoil(body),
            1 if !body.is_empty() => dice.pieces(),
            _ => body.as_bytes().to_vec(),
        };
        let accept = ["*/*", "application/vnd.kafka.json.v2+json"][dice.below(2)];
        let shown = format!("{method} {path} {}", String::from_utf8_lossy(&body));
        let request = Request::builder()
            .method(method)
            .uri(format!("/consumers/g{path}"))
            .header("content-type", "application/vnd.kafka.v2+json")
            .header("accept", accept);
        // `requestWaitMs` may have become a long one: no wait is longer than half a minute.
        let reply = harness.send(request.body(Body::from(body)).unwrap());
        let reply =
            tokio::time::timeout(Duration::from_secs(60), reply).await.unwrap_or_else(|_| panic!("{shown} hangs"));
        assert!(!reply.status.is_server_error(), "{shown}: {} {}", reply.status, reply.body);
    }
}
