//! Who may do what, in each dialect's own words.

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;

use crate::harness::{Harness, Reply};

const LIST: &str = "
callers:
  - name: loader
    api_keys: [load-key]
    passwords: [load-password]
    produce: ['mine.*']
    administer: ['mine.*']
  - name: reader
    api_keys: [read-key]
    produce: [theirs.told]
    consume: ['*']
";
const KAFKA_BODY: &str = r#"{"records":[{"value":1},{"value":2}]}"#;
/// `loader:load-password`.
const BASIC: &str = "Basic bG9hZGVyOmxvYWQtcGFzc3dvcmQ=";

fn harness() -> Harness {
    Harness::guarded(GatewaySettings::default(), LIST)
}

async fn send(harness: &Harness, method: &str, path: &str, header: Option<(&str, &str)>, body: &'static str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if path.starts_with("/topics/") && method == "POST" {
        request = request.header("content-type", "application/vnd.kafka.json.v2+json");
    }
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    harness.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn kafka_rest_asks_who_calls() {
    let harness = harness();
    for header in [
        None,
        Some(("x-api-key", "wrong")),
        Some(("authorization", "Basic bG9hZGVyOng=")),
        Some(("authorization", "?")),
    ] {
        for path in ["/topics/mine.t", "/topics", "/nowhere", "/"] {
            let method = if path == "/topics/mine.t" { "POST" } else { "GET" };
            let reply = send(&harness, method, path, header, KAFKA_BODY).await;
            assert_eq!(reply.status, 401, "{path}");
            assert_eq!(reply.json()["error_code"], 40101);
            assert_eq!(reply.headers["www-authenticate"], "Basic realm=\"pinflow\", charset=\"UTF-8\"");
        }
    }
    for header in [("x-api-key", "load-key"), ("authorization", "Bearer load-key"), ("authorization", BASIC)] {
        let reply = send(&harness, "POST", "/topics/mine.t", Some(header), KAFKA_BODY).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!(harness.stored("mine.t", 0).await.len(), 6);
    assert_eq!(harness.gateway.metrics().dialects["kafka_rest"].refused["40101"], 16);
}

#[tokio::test]
async fn kafka_rest_refuses_records_to_a_topic_of_others() {
    let harness = harness();
    let reply = send(&harness, "POST", "/topics/theirs", Some(("x-api-key", "load-key")), KAFKA_BODY).await;
    assert_eq!(reply.status, 403);
    let entry =
        r#"{"partition":null,"offset":null,"error_code":40301,"error":"Not authorized to access topics: [theirs]"}"#;
    assert_eq!(reply.body, format!(r#"{{"offsets":[{entry},{entry}],"key_schema_id":null,"value_schema_id":null}}"#));
    let reply = send(&harness, "POST", "/topics/theirs.told", Some(("x-api-key", "read-key")), KAFKA_BODY).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.body.contains("Topic theirs.told not present"),
        "who may not administer makes no topic: {}",
        reply.body
    );
    assert!(harness.log.topics().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_api_gateway_asks_for_a_key_and_looks_at_rights() {
    let harness = harness();
    let record = r#"{"Data":1,"PartitionKey":"k"}"#;
    let refused = [
        ("PUT", "/streams/mine.s/record", None, "Forbidden", "ForbiddenException"),
        ("PUT", "/streams/mine.s/record", Some("wrong"), "Forbidden", "ForbiddenException"),
        (
            "PUT",
            "/streams/theirs/record",
            Some("load-key"),
            "User is not authorized to access this resource",
            "AccessDeniedException",
        ),
        (
            "GET",
            "/streams/mine.s",
            Some("load-key"),
            "User is not authorized to access this resource",
            "AccessDeniedException",
        ),
        (
            "DELETE",
            "/streams/mine.s",
            Some("read-key"),
            "User is not authorized to access this resource",
            "AccessDeniedException",
        ),
        ("GET", "/streams/mine.s/nothing", None, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    ];
    for (method, path, key, message, kind) in refused {
        let reply = send(&harness, method, path, key.map(|key| ("x-api-key", key)), record).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        assert_eq!(reply.body, format!(r#"{{"message":"{message}"}}"#));
        assert_eq!(reply.headers["x-amzn-errortype"], kind);
    }
    assert!(harness.log.topics().await.unwrap().is_empty());
    let reply = send(&harness, "PUT", "/streams/mine.s/record", Some(("x-api-key", "load-key")), record).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply = send(&harness, "GET", "/streams/mine.s", Some(("x-api-key", "read-key")), "").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let preflight = send(&harness, "OPTIONS", "/streams/mine.s/record", Some(("origin", "http://a.example")), "").await;
    assert_eq!(preflight.status, 200, "a browser asks beforehand without a key");
}
