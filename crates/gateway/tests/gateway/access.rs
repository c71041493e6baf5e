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
async fn who_may_not_administer_makes_no_stream_by_a_record() {
    let harness = harness();
    let record = r#"{"Data":1,"PartitionKey":"k"}"#;
    let path = "/streams/theirs.told/record";
    let reply = send(&harness, "PUT", path, Some(("x-api-key", "read-key")), record).await;
    assert_eq!((reply.status.as_u16(), reply.json()["__type"].as_str()), (400, Some("ResourceNotFoundException")));
    assert!(harness.log.topics().await.unwrap().is_empty());
    let theirs = pinflow_event::TopicName::new("theirs.told").unwrap();
    harness.log.create_topic(&theirs, pinflow_log::TopicConfig::default()).await.unwrap();
    let reply = send(&harness, "PUT", path, Some(("x-api-key", "read-key")), record).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Subscriptions, assignments, commits and committed offsets are refused for topics that the caller may not read.
#[tokio::test]
async fn consumers_of_kafka_rest_read_what_they_may() {
    let harness = harness();
    let theirs = pinflow_event::TopicName::new("theirs").unwrap();
    harness.log.create_topic(&theirs, pinflow_log::TopicConfig::default()).await.unwrap();
    let call = async |method: &str, path: &str, key: &str, body: &'static str| {
        let request = Request::builder().method(method).uri(format!("/consumers/g{path}"));
        let request = request.header("content-type", "application/vnd.kafka.v2+json").header("x-api-key", key);
        harness.send(request.body(Body::from(body)).unwrap()).await
    };
    for (key, may) in [("load-key", false), ("read-key", true)] {
        let made = call("POST", "", key, r#"{"name":"i","auto.offset.reset":"earliest"}"#).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let refused = [
            ("POST", "/subscription", r#"{"topics":["theirs"]}"#),
            ("POST", "/offsets", r#"{"offsets":[{"topic":"theirs","partition":0,"offset":0}]}"#),
            ("GET", "/offsets", r#"{"partitions":[{"topic":"theirs","partition":0}]}"#),
            ("DELETE", "/subscription", ""),
            ("POST", "/assignments", r#"{"partitions":[{"topic":"theirs","partition":0}]}"#),
        ];
        for (method, path, body) in refused {
            let reply = call(method, &format!("/instances/i{path}"), key, body).await;
            if may || method == "DELETE" {
                assert!(reply.status.is_success(), "{method} {path}: {}", reply.body);
                continue;
            }
            assert_eq!(reply.status, 403, "{method} {path}");
            assert_eq!(reply.body, r#"{"error_code":40301,"message":"Not authorized to access topics: [theirs]"}"#);
        }
        assert_eq!(call("DELETE", "/instances/i", key, "").await.status, 204);
    }
    // A pattern leaves out what its owner may not read.
    call("POST", "", "load-key", r#"{"name":"p"}"#).await;
    assert_eq!(call("POST", "/instances/p/subscription", "load-key", r#"{"topic_pattern":".*"}"#).await.status, 204);
    assert_eq!(call("GET", "/instances/p/subscription", "load-key", "").await.body, r#"{"topics":[]}"#);
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

async fn send_json(harness: &Harness, key: &str, method: &str, path: &str, body: &'static str) -> Reply {
    let path = format!("/v3/clusters/pinflowpinflowpinflow0/{path}");
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    harness.send(request.header("x-api-key", key).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn kafka_rest_v3_gives_each_caller_its_topics() {
    const RECORD: &str = r#"{"value":{"type":"JSON","data":1}}"#;
    const BATCH: &str = r#"{"entries":[{"id":"1"}]}"#;
    let harness = harness();
    let reply = send(&harness, "GET", "/v3/clusters", None, "").await;
    assert_eq!((reply.status.as_u16(), reply.json()["error_code"].as_u64()), (401, Some(40101)));
    assert_eq!(reply.headers["content-type"], "application/json");

    let made = send_json(&harness, "load-key", "POST", "topics", r#"{"topic_name":"mine.a"}"#).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(send_json(&harness, "load-key", "POST", "topics/mine.new/records", RECORD).await.status, 200);
    for (key, method, path, body) in [
        ("load-key", "POST", "topics", r#"{"topic_name":"theirs.told"}"#),
        ("load-key", "POST", "topics/theirs.told/records", RECORD),
        ("load-key", "POST", "topics/theirs.told/records:batch", BATCH),
        ("load-key", "GET", "topics/theirs.told", ""),
        ("load-key", "GET", "topics/theirs.told/configs", ""),
        ("load-key", "GET", "topics/theirs.told/partitions/0/offset?offset_type=earliest_and_latest", ""),
        ("read-key", "POST", "topics/mine.a/records", RECORD),
        ("read-key", "POST", "topics/mine.a/records:batch", BATCH),
        ("read-key", "PATCH", "topics/mine.a", r#"{"partitions_count":2}"#),
        ("read-key", "DELETE", "topics/mine.a", ""),
        ("read-key", "PUT", "topics/mine.a/configs/retention.ms", r#"{"value":"1"}"#),
        ("read-key", "DELETE", "topics/mine.a/configs/retention.ms", ""),
        ("read-key", "POST", "topics/mine.a/configs:alter", r#"{"data":[{"name":"retention.ms","value":"1"}]}"#),
    ] {
        let reply = send_json(&harness, key, method, path, body).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.body);
        assert_eq!(reply.json()["error_code"], 40301);
        let text = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(text.starts_with("Not authorized to access topics: ["), "{text}");
    }
    // It may produce to that topic, not make it.
    let reply = send_json(&harness, "read-key", "POST", "topics/theirs.told/records", RECORD).await;
    assert!(reply.body.starts_with(r#"{"error_code":40401,"#), "{}", reply.body);
    assert_eq!(send_json(&harness, "read-key", "GET", "topics/mine.a/configs", "").await.status, 200);

    harness.log.create_topic(&"other".parse().unwrap(), pinflow_log::TopicConfig::default()).await.unwrap();
    for (key, topics) in [("load-key", vec!["mine.a", "mine.new"]), ("read-key", vec!["mine.a", "mine.new", "other"])] {
        let listed = send_json(&harness, key, "GET", "topics", "").await.json();
        let names: Vec<_> =
            listed["data"].as_array().unwrap().iter().map(|topic| topic["topic_name"].clone()).collect();
        assert_eq!(names, topics);
        let replicas = send_json(&harness, key, "GET", "brokers/1/partition-replicas", "").await.json();
        assert_eq!(replicas["data"].as_array().unwrap().len(), topics.len());
    }
}

#[tokio::test]
async fn kafka_rest_v3_shows_of_groups_what_a_caller_may_consume() {
    let harness = harness();
    let topic: pinflow_event::TopicName = "mine.a".parse().unwrap();
    harness.log.create_topic(&topic, pinflow_log::TopicConfig::default()).await.unwrap();
    let at = pinflow_event::TopicPartition::new(topic, pinflow_event::Partition(0));
    let committed = pinflow_log::CommittedOffset { offset: pinflow_event::Offset(0), metadata: String::new() };
    harness.log.consumer_offsets().commit("g", [(at, committed)].into()).await.unwrap();
    for (key, groups, status) in [("read-key", 1, 200), ("load-key", 0, 404)] {
        let listed = send_json(&harness, key, "GET", "consumer-groups", "").await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), groups, "{key}");
        for path in ["consumer-groups/g", "consumer-groups/g/lags", "consumer-groups/g/lag-summary"] {
            assert_eq!(send_json(&harness, key, "GET", path, "").await.status, status, "{key} {path}");
        }
    }
}
