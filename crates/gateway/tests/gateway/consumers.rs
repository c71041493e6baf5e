//! Consumers over Kafka REST v2: several at once, over time, and over restarts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::harness::{Harness, Reply};

const V2: &str = "application/vnd.kafka.v2+json";
const JSON: &str = "application/vnd.kafka.json.v2+json";

impl Harness {
    async fn post(&self, path: &str, body: Value) -> Reply {
        let request = Request::post(path).header("content-type", V2).body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    /// Makes an instance for JSON with these settings and subscribes it to topic `t`.
    async fn subscribed(&self, instance: &str, settings: Value) {
        let mut body = json!({"name": instance, "format": "json", "auto.offset.reset": "earliest"});
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        assert_eq!(self.post("/consumers/g", body).await.status, 200);
        let path = format!("/consumers/g/instances/{instance}/subscription");
        assert_eq!(self.post(&path, json!({"topics": ["t"]})).await.status, 204);
    }

    async fn consumer_records(&self, instance: &str) -> Reply {
        let path = format!("/consumers/g/instances/{instance}/records");
        self.send(Request::get(path).header("accept", JSON).body(Body::empty()).unwrap()).await
    }

    /// The values that the next read returns.
    async fn read(&self, instance: &str) -> Vec<i64> {
        let reply = self.consumer_records(instance).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json().as_array().unwrap().iter().map(|record| record["value"].as_i64().unwrap()).collect()
    }

    async fn delete_instance(&self, instance: &str) {
        let request = Request::delete(format!("/consumers/g/instances/{instance}")).body(Body::empty());
        assert_eq!(self.send(request.unwrap()).await.status, 204);
    }

    /// Writes values to a partition of topic `t`.
    async fn write(&self, partition: u32, values: impl IntoIterator<Item = i64>) {
        let records: Vec<Value> =
            values.into_iter().map(|value| json!({"partition": partition, "value": value})).collect();
        let reply = self.produce("t", json!({"records": records}).to_string()).await;
        assert!(reply.body.contains(r#""error_code":null"#), "{}", reply.body);
    }
}

/// Two partitions, and reads that do not wait.
fn settings() -> GatewaySettings {
    GatewaySettings { default_partitions: 2, consumer_request_timeout: Duration::ZERO, ..GatewaySettings::default() }
}

/// Fails instead of hanging, far beyond any machine's slowness.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it never happened")
}

#[tokio::test]
async fn who_waits_gets_what_comes() {
    let harness = Arc::new(Harness::new(settings()));
    harness.subscribed("a", json!({"consumer.request.timeout.ms": 30_000})).await;
    let reader = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { harness.read("a").await }
    });
    tokio::task::yield_now().await;
    harness.write(0, [1]).await;
    assert_eq!(in_time(reader).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_read_waits_for_the_least_bytes_and_for_no_longer_than_it_may() {
    let harness = Arc::new(Harness::new(settings()));
    harness.write(0, [1, 2]).await;
    harness.subscribed("a", json!({"consumer.request.timeout.ms": 30_000, "fetch.min.bytes": 3})).await;
    let reader = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { harness.read("a").await }
    });
    tokio::task::yield_now().await;
    harness.write(0, [3]).await;
    harness.write(1, [4]).await;
    assert_eq!(in_time(reader).await.unwrap().len(), 4);
    // What there is when the time is over comes as well.
    harness.subscribed("b", json!({"fetch.min.bytes": 1_000_000})).await;
    assert_eq!(harness.read("b").await, [4]);
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_loses_nothing() {
    let harness = Harness::new(settings());
    harness.write(0, [1, 2]).await;
    harness.subscribed("a", json!({"consumer.request.timeout.ms": 30_000, "fetch.min.bytes": 1_000})).await;
    // The read has gathered both records when it is given up.
    assert!(tokio::time::timeout(Duration::from_millis(50), harness.consumer_records("a")).await.is_err());
    let path = "/consumers/g/instances/a/records?timeout=1";
    let reply = harness.send(Request::get(path).header("accept", JSON).body(Body::empty()).unwrap()).await;
    assert_eq!(reply.json().as_array().unwrap().len(), 2, "{}", reply.body);
}

#[tokio::test]
async fn members_of_a_group_share_the_partitions() {
    let harness = Harness::new(settings());
    harness.write(0, [1]).await;
    harness.write(1, [2]).await;
    let no_commit = json!({"auto.commit.enable": "false"});
    harness.subscribed("a", no_commit.clone()).await;
    harness.subscribed("b", no_commit).await;
    assert_eq!(harness.read("a").await, [1]);
    assert_eq!(harness.read("b").await, [2]);
    assert_eq!(harness.read("a").await, [0; 0]);

    // What `b` did not commit is read again by who takes it over; what `a` reads on is not.
    harness.delete_instance("b").await;
    assert_eq!(harness.read("a").await, [2]);
}

#[tokio::test]
async fn who_takes_over_goes_on_from_what_was_committed() {
    let harness = Harness::new(settings());
    harness.write(0, [1, 2, 3]).await;
    harness.subscribed("a", json!({"auto.commit.enable": false})).await;
    assert_eq!(harness.read("a").await, [1, 2, 3]);
    let offsets = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 1}]});
    assert_eq!(harness.post("/consumers/g/instances/a/offsets", offsets).await.body, "[]");
    harness.delete_instance("a").await;
    harness.subscribed("b", json!({})).await;
    assert_eq!(harness.read("b").await, [3]);
}

#[tokio::test]
async fn what_was_read_is_committed_by_the_next_read_or_the_deletion() {
    let harness = Harness::new(settings());
    harness.write(0, [1]).await;
    harness.subscribed("a", json!({"auto.commit.enable": "true"})).await;
    assert_eq!(harness.read("a").await, [1]);
    assert!(harness.log.consumer_offsets().committed("g").await.unwrap().values().all(|c| c.offset.0 == 0));
    harness.write(0, [2]).await;
    assert_eq!(harness.read("a").await, [2]);
    let committed = harness.log.consumer_offsets().committed("g").await.unwrap();
    assert!(committed.values().any(|committed| committed.offset.0 == 1), "{committed:?}");
    harness.delete_instance("a").await;
    harness.subscribed("b", json!({})).await;
    assert_eq!(harness.read("b").await, [0; 0]);
}

#[tokio::test]
async fn an_instance_that_nobody_uses_is_gone_and_others_read_what_it_did_not_confirm() {
    let harness = Harness::new(settings());
    harness.write(0, [1]).await;
    harness.write(1, [2]).await;
    harness.subscribed("a", json!({})).await;
    harness.subscribed("b", json!({})).await;
    assert_eq!(harness.read("a").await, [1]);
    assert_eq!(harness.read("b").await, [2]);
    harness.clock.advance(Duration::from_secs(200));
    assert_eq!(harness.read("b").await, [0; 0]);
    harness.clock.advance(Duration::from_secs(100));
    assert_eq!(harness.read("b").await, [1]);
    let gone = harness.consumer_records("a").await;
    assert_eq!((gone.status.as_u16(), gone.json()["error_code"].as_i64()), (404, Some(40403)));
}

#[tokio::test]
async fn committed_offsets_outlive_the_gateway() {
    let harness = Harness::new(settings());
    harness.write(0, [1, 2]).await;
    harness.subscribed("a", json!({})).await;
    assert_eq!(harness.read("a").await, [1, 2]);
    assert_eq!(harness.post("/consumers/g/instances/a/offsets", Value::Null).await.body, "[]");
    let log = Arc::clone(&harness.log);
    let restarted = Harness::in_front_of(settings(), |_| log);
    assert_eq!(restarted.consumer_records("a").await.status, 404);
    restarted.write(0, [3]).await;
    restarted.subscribed("a", json!({})).await;
    assert_eq!(restarted.read("a").await, [3]);
}

#[tokio::test]
async fn latest_is_what_is_latest_when_the_member_comes() {
    let harness = Harness::new(settings());
    harness.write(0, [1]).await;
    harness.subscribed("a", json!({"auto.offset.reset": "latest"})).await;
    harness.write(0, [2]).await;
    assert_eq!(harness.read("a").await, [2]);
}

#[tokio::test]
async fn a_partition_that_is_always_full_does_not_starve_the_other() {
    let harness = Harness::new(settings());
    harness.write(0, 10..20).await;
    harness.write(1, 30..32).await;
    harness.subscribed("a", json!({})).await;
    let mut read = Vec::new();
    for _ in 0..2 {
        let path = "/consumers/g/instances/a/records?max_bytes=5";
        let reply = harness.send(Request::get(path).header("accept", JSON).body(Body::empty()).unwrap()).await;
        read.extend(reply.json().as_array().unwrap().iter().map(|record| record["value"].as_i64().unwrap()));
    }
    assert_eq!(read, [10, 11, 30, 31]);
}

/// Many records, written while several clients read, two of them at a time with one instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_given_to_exactly_one_member() {
    const RECORDS: usize = 400;
    let harness = Arc::new(Harness::new(GatewaySettings { default_partitions: 4, ..settings() }));
    harness.produce("t", r#"{"records":[{"value":0}]}"#).await;
    let instances = ["a", "b", "c"];
    for instance in instances {
        harness.subscribed(instance, json!({"consumer.request.timeout.ms": 100})).await;
    }
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let readers: Vec<_> = instances
        .iter()
        .flat_map(|instance| [*instance, *instance])
        .map(|instance| {
            let (harness, count) = (Arc::clone(&harness), Arc::clone(&count));
            tokio::spawn(async move {
                let mut read = Vec::new();
                while count.load(std::sync::atomic::Ordering::SeqCst) < RECORDS {
                    let values = harness.read(instance).await;
                    count.fetch_add(values.len(), std::sync::atomic::Ordering::SeqCst);
                    read.extend(values);
                }
                read
            })
        })
        .collect();
    for value in 1..RECORDS {
        harness.produce("t", format!(r#"{{"records":[{{"key":{value},"value":{value}}}]}}"#)).await;
    }
    let mut times = BTreeMap::<i64, u32>::new();
    for reader in readers {
        for value in in_time(reader).await.unwrap() {
            *times.entry(value).or_default() += 1;
        }
    }
    assert_eq!(times.len(), RECORDS);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

/// Members come and go while records are written: none is lost, and those that come twice were not committed.
#[tokio::test]
async fn nothing_is_lost_while_members_come_and_go() {
    let harness = Harness::new(GatewaySettings { default_partitions: 3, ..settings() });
    let mut read = Vec::new();
    harness.produce("t", r#"{"records":[{"value":0}]}"#).await;
    harness.subscribed("stays", json!({})).await;
    for round in 0..10 {
        let passing = format!("passing{round}");
        harness.subscribed(&passing, json!({})).await;
        for value in 0..9 {
            let value = round * 9 + value + 1;
            harness.produce("t", format!(r#"{{"records":[{{"key":{value},"value":{value}}}]}}"#)).await;
        }
        read.extend(harness.read(&passing).await);
        read.extend(harness.read("stays").await);
        harness.delete_instance(&passing).await;
    }
    loop {
        let values = harness.read("stays").await;
        if values.is_empty() {
            break;
        }
        read.extend(values);
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, (0..=90).collect::<Vec<i64>>());
}
