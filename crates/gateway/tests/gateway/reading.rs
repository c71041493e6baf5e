//! Reading over the API Gateway dialect: iterators, pages, and what other dialects wrote.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pinflow_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::harness::{Harness, Reply};

impl Harness {
    async fn iterator(&self, stream: &str, parameters: &str) -> String {
        let path = format!("/streams/{stream}/sharditerator?shard-id=shardId-000000000000{parameters}");
        self.get(&path).await.json()["ShardIterator"].as_str().unwrap().to_owned()
    }

    async fn records(&self, stream: &str, iterator: &str) -> Reply {
        let request = Request::get(format!("/streams/{stream}/records")).header("Shard-Iterator", iterator);
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

/// The data of all records of a reply, as text.
fn data(reply: &Value) -> Vec<String> {
    let records = reply["Records"].as_array().unwrap();
    let decode = |record: &Value| BASE64.decode(record["Data"].as_str().unwrap()).unwrap();
    records.iter().map(|record| String::from_utf8(decode(record)).unwrap()).collect()
}

#[tokio::test]
async fn a_reader_follows_a_shard_to_its_end_and_on() {
    let harness = Harness::new(GatewaySettings::default());
    let first = harness.put("/streams/s/record", r#"{"Data": {"n": 1}, "PartitionKey": "k"}"#).await.json();
    harness.produce("s", r#"{"records":[{"value":{"n":2}},{"key":"user-1","value":null}]}"#).await;

    let reply = harness.records("s", &harness.iterator("s", "").await).await.json();
    assert_eq!(data(&reply), [r#"{"n":1}"#, r#"{"n":2}"#, ""]);
    assert_eq!(
        reply["Records"][0],
        json!({
            "ApproximateArrivalTimestamp": 1_700_000_000.123,
            "Data": "eyJuIjoxfQ==",
            "PartitionKey": "k",
            "SequenceNumber": first["SequenceNumber"],
        })
    );
    assert_eq!(reply["Records"][1]["PartitionKey"], "");
    assert_eq!(reply["Records"][2]["PartitionKey"], "\"user-1\"");
    assert_eq!(reply["MillisBehindLatest"], 0);

    let next = reply["NextShardIterator"].as_str().unwrap().to_owned();
    assert!(data(&harness.records("s", &next).await.json()).is_empty());
    harness.put("/streams/s/record", r#"{"Data": 4, "PartitionKey": "k"}"#).await;
    assert_eq!(data(&harness.records("s", &next).await.json()), ["4"]);
}

#[tokio::test]
async fn sequence_numbers_grow_over_requests() {
    let harness = Harness::new(GatewaySettings::default());
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let reply = harness
            .put("/streams/s/records", r#"{"records":[{"data":1,"partition-key":"k"},{"data":2,"partition-key":"k"}]}"#)
            .await;
        let reply = reply.json();
        numbers.extend(
            reply["Records"].as_array().unwrap().iter().map(|r| r["SequenceNumber"].as_str().unwrap().to_owned()),
        );
        harness.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(numbers.len(), 6);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.iter().all(|number| number.len() == 56));
}

#[tokio::test]
async fn a_reader_can_start_anywhere() {
    let harness = Harness::new(GatewaySettings::default());
    let mut numbers = Vec::new();
    for n in 0..3 {
        let body = format!(r#"{{"Data":{n},"PartitionKey":"k"}}"#);
        let reply = harness.put("/streams/s/record", body).await.json();
        numbers.push(reply["SequenceNumber"].as_str().unwrap().to_owned());
        harness.clock.advance(Duration::from_secs(10));
    }
    let shard_start = harness.get("/streams/s").await.json()["StreamDescription"]["Shards"][0]["SequenceNumberRange"]
        ["StartingSequenceNumber"]
        .as_str()
        .unwrap()
        .to_owned();
    for (parameters, expected) in [
        (String::new(), vec!["0", "1", "2"]),
        ("&shard-iterator-type=LATEST".to_owned(), vec![]),
        (format!("&shard-iterator-type=AT_SEQUENCE_NUMBER&starting-sequence-number={}", numbers[1]), vec!["1", "2"]),
        (format!("&shard-iterator-type=AFTER_SEQUENCE_NUMBER&starting-sequence-number={}", numbers[1]), vec!["2"]),
        (
            format!("&shard-iterator-type=AT_SEQUENCE_NUMBER&starting-sequence-number={shard_start}"),
            vec!["0", "1", "2"],
        ),
        (
            format!("&shard-iterator-type=AFTER_SEQUENCE_NUMBER&starting-sequence-number={shard_start}"),
            vec!["0", "1", "2"],
        ),
        ("&shard-iterator-type=AT_TIMESTAMP&timestamp=1700000010.123".to_owned(), vec!["1", "2"]),
        ("&shard-iterator-type=AT_TIMESTAMP&timestamp=0".to_owned(), vec!["0", "1", "2"]),
    ] {
        let iterator = harness.iterator("s", &parameters).await;
        assert_eq!(data(&harness.records("s", &iterator).await.json()), expected, "{parameters}");
    }
}

#[tokio::test]
async fn an_iterator_serves_its_own_stream_for_five_minutes() {
    let harness = Harness::new(GatewaySettings::default());
    harness.put("/streams/s/record", r#"{"Data":1,"PartitionKey":"k"}"#).await;
    let iterator = harness.iterator("s", "").await;
    assert_eq!(harness.records("other", &iterator).await.json()["message"], "Invalid ShardIterator.");

    harness.clock.advance(Duration::from_secs(301));
    let expired = harness.records("s", &iterator).await;
    assert_eq!((expired.status.as_u16(), &expired.json()["__type"]), (400, &json!("ExpiredIteratorException")));

    let iterator = harness.iterator("s", "&shard-iterator-type=LATEST").await;
    harness.send(Request::delete("/streams/s").body(Body::empty()).unwrap()).await;
    let gone = harness.records("s", &iterator).await;
    assert_eq!(gone.json()["__type"], "ResourceNotFoundException");
    // It stands before all records of a later stream of that name.
    harness.clock.advance(Duration::from_millis(1));
    harness.put("/streams/s/record", r#"{"Data":2,"PartitionKey":"k"}"#).await;
    assert_eq!(data(&harness.records("s", &iterator).await.json()), ["2"]);
}

#[tokio::test]
async fn a_reader_who_is_behind_is_told_how_far() {
    let harness = Harness::new(GatewaySettings::default());
    // Two records that do not fit in one reply of 10 MiB.
    let large = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(1_000_000));
    for _ in 0..11 {
        harness.produce("s", large.clone()).await;
    }
    harness.clock.advance(Duration::from_millis(2_500));
    let reply = harness.records("s", &harness.iterator("s", "").await).await.json();
    assert_eq!(data(&reply).len(), 10);
    assert_eq!(reply["MillisBehindLatest"], 2_500);
    let reply = harness.records("s", reply["NextShardIterator"].as_str().unwrap()).await.json();
    assert_eq!(data(&reply).len(), 1);
    assert_eq!(reply["MillisBehindLatest"], 0);
}

#[tokio::test]
async fn a_page_takes_no_more_memory_than_there_is() {
    let record = format!(r#"{{"Data":"{}","PartitionKey":"k"}}"#, "x".repeat(50_000));
    for (memory, expected) in [(400_000, Some(1)), (100_000, None)] {
        let harness = Harness::new(GatewaySettings { max_body_bytes_at_once: memory, ..GatewaySettings::default() });
        for _ in 0..3 {
            assert_eq!(harness.put("/streams/s/record", record.clone()).await.status, 200);
        }
        let reply = harness.records("s", &harness.iterator("s", "").await).await;
        match expected {
            Some(records) => assert_eq!(data(&reply.json()).len(), records),
            None => assert_eq!(reply.status, 429),
        }
    }
}
