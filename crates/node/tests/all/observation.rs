//! What a monitor sees of a running node.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Running, config, pinterest, repository, start};

/// The samples of `/metrics`: name with labels, and value.
async fn scrape(running: &Running) -> (BTreeMap<String, f64>, String) {
    let reply = running.client.get(running.url.join("metrics").unwrap()).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let media_type = reply.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = reply.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
    });
    (samples.collect(), text)
}

async fn readiness(running: &Running) -> (StatusCode, Value) {
    let reply = running.client.get(running.url.join("readyz").unwrap()).send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

#[test]
fn the_page_lists_the_metrics() {
    let page = std::fs::read_to_string(repository().join("docs/observability.md")).unwrap();
    let table = pinflow_node::metrics_reference();
    assert!(page.contains(&table), "the table in docs/observability.md has to be:\n{table}");
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        assert_eq!(page.matches(row).count(), 1, "docs/observability.md has this row more than once:\n{row}");
    }
}

#[test]
fn the_openapi_document_is_the_one_in_docs() {
    let kept = std::fs::read_to_string(repository().join("docs/openapi.json")).unwrap();
    assert!(
        kept == pinflow_node::openapi(),
        "docs/openapi.json is old: `pinflow openapi > docs/openapi.json` writes it anew"
    );
}

#[test]
fn the_openapi_document_has_every_part() {
    let document: Value = serde_json::from_str(&pinflow_node::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for path in ["/topics/{topic_name}", "/streams/{stream_name}/records", "/api/query", "/readyz", "/openapi.json"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let pipeline = pinterest();
    let pin = pipeline.stream("pin").unwrap();
    let events = [json!({"index": 1, "unique_id": "a"}), json!({"index": 2, "unique_id": "b"}), json!("no object")];
    running.post_stream(pin, &events).await;
    running.post_batch(pin, &events).await;
    running.client.get(running.url.join("topics/none").unwrap()).send().await.unwrap();
    running.node.settle().await.unwrap();

    let (samples, text) = scrape(&running).await;
    let value = |name: &str| samples.get(name).copied().unwrap_or_else(|| panic!("no {name} in\n{text}"));
    assert_eq!(value(r#"pinflow_requests_total{dialect="kafka_rest",method="POST",code="200"}"#), 1.0);
    assert_eq!(value(r#"pinflow_requests_total{dialect="kafka_rest",method="GET",code="404"}"#), 1.0);
    assert_eq!(value(r#"pinflow_errors_total{dialect="kafka_rest",code="40403"}"#), 1.0);
    assert_eq!(value(r#"pinflow_records_total{dialect="api_gateway"}"#), 3.0);
    assert_eq!(value(r#"pinflow_request_duration_seconds_count{dialect="kafka_rest"}"#), 2.0);
    assert_eq!(value(r#"pinflow_ack_duration_seconds_bucket{le="+Inf",dialect="api_gateway"}"#), 1.0);
    assert_eq!(value("pinflow_log_fsync_duration_seconds_count"), 2.0);
    assert_eq!(value("pinflow_log_group_commit_appends_sum"), 2.0);
    assert_eq!(value("pinflow_log_queue_bytes"), 0.0);
    assert_eq!(value("pinflow_log_queue_limit_bytes"), f64::from(64 << 20));
    assert_eq!(value(r#"pinflow_lane_rows{lane="stream",stream="pin"}"#), 2.0);
    assert_eq!(value(r#"pinflow_lane_dead_letters{lane="stream",stream="pin"}"#), 1.0);
    assert_eq!(value(r#"pinflow_lane_lag_records{lane="stream",stream="pin"}"#), 0.0);
    assert_eq!(value(r#"pinflow_lane_input_records_total{lane="stream",stream="pin"}"#), 3.0);
    assert_eq!(value(r#"pinflow_lane_distinct_keys{lane="stream",stream="pin"}"#), 2.0);
    let batches = value(r#"pinflow_lane_batches_total{lane="stream",stream="pin"}"#);
    assert_eq!(value(r#"pinflow_lane_batch_duration_seconds_count{lane="stream",stream="pin"}"#), batches);
    assert_eq!(value(r#"pinflow_lane_freshness_seconds_count{lane="stream",stream="pin"}"#), 3.0);
    // Nobody has run the job of the batch lane.
    assert_eq!(value(r#"pinflow_lane_lag_records{lane="batch",stream="pin"}"#), 3.0);
    assert!(value(r#"pinflow_lane_lag_seconds{lane="batch",stream="pin"}"#) > 0.0);
    assert_eq!(value(&format!(r#"pinflow_archive_lag_records{{topic="{}"}}"#, pin.batch.topic)), 0.0);
    assert_eq!(value(r#"pinflow_ready{part="log"}"#), 1.0);
    assert!(value("pinflow_node_uptime_seconds") > 0.0);

    // The reference and the registry name the same.
    let listed = pinflow_node::metrics_reference();
    let listed: Vec<&str> = listed.lines().skip(2).map(|row| row.split('`').nth(1).unwrap()).collect();
    let described = |name: &str| text.contains(&format!("# HELP {} ", name.strip_suffix("_total").unwrap_or(name)));
    let missing: Vec<&&str> = listed.iter().filter(|name| !described(name)).collect();
    assert!(missing.is_empty() && text.matches("# TYPE ").count() == listed.len(), "{missing:?}\n{text}");
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_log_fails_lives_and_is_not_ready() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let (status, body) = readiness(&running).await;
    assert_eq!((status, &body["ready"]), (StatusCode::OK, &json!(true)), "{body}");
    let names: Vec<&str> =
        body["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["node", "log", "archive"]);
    assert!(names.contains(&"batch.pin") && names.contains(&"stream.user"), "{names:?}");

    let pipeline = pinterest();
    let pin = pipeline.stream("pin").unwrap();
    running.post_batch(pin, &[json!({"index": 1})]).await;
    let topic = &pin.batch.topic;
    std::fs::remove_dir_all(data.path().join("log").join(topic.as_str())).unwrap();
    let refused = running
        .client
        .post(running.url.join(&format!("topics/{topic}")).unwrap())
        .header("content-type", "application/vnd.kafka.json.v2+json")
        .body(r#"{"records":[{"value":1}]}"#);
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 503, "{}", refused.text().await.unwrap());

    let (status, body) = readiness(&running).await;
    assert_eq!((status, &body["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    let log = body["parts"].as_array().unwrap().iter().find(|part| part["name"] == "log").unwrap();
    assert_eq!(log["ready"], json!(false));
    assert!(!log["reason"].as_str().unwrap().is_empty());
    for (method, path, status) in [
        (Method::GET, "healthz", 200),
        (Method::HEAD, "healthz", 200),
        (Method::HEAD, "readyz", 503),
        (Method::HEAD, "metrics", 200),
        (Method::GET, "openapi.json", 200),
        (Method::POST, "healthz", 405),
    ] {
        let reply = running.client.request(method.clone(), running.url.join(path).unwrap()).send().await.unwrap();
        assert_eq!(reply.status(), status, "{method} {path}");
    }
    let (samples, _) = scrape(&running).await;
    assert_eq!(samples[r#"pinflow_ready{part="log"}"#], 0.0);
    drop(running);
}
