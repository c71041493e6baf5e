//! SubscribeToShard: records are pushed as they arrive.

use std::time::Duration;

use axum::body::BodyDataStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use pinflow_gateway::GatewaySettings;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::Harness;
use crate::kinesis_client::request;

/// The messages of a reply that goes on.
struct Events {
    body: BodyDataStream,
    received: BytesMut,
}

impl Events {
    /// The type of the next message, and its payload; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(length) = self.received.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize)
                && self.received.len() >= length
            {
                return Some(decode(self.received.split_to(length).freeze()));
            }
            // Far longer than any event takes, so as not to hang.
            let chunk = tokio::time::timeout(Duration::from_secs(600), self.body.next()).await.unwrap();
            self.received.extend_from_slice(&chunk?.unwrap());
        }
    }

    async fn event(&mut self) -> Value {
        let (kind, payload) = self.next().await.unwrap();
        assert_eq!(kind, "SubscribeToShardEvent");
        payload
    }
}

fn decode(message: Bytes) -> (String, Value) {
    let mut rest = message.clone();
    let (length, headers_length) = (rest.get_u32() as usize, rest.get_u32() as usize);
    assert_eq!(rest.get_u32(), crc32fast::hash(&message[..8]));
    let checksum = u32::from_be_bytes(*message.last_chunk().unwrap());
    assert_eq!(checksum, crc32fast::hash(&message[..length - 4]));
    let payload = &message[12 + headers_length..length - 4];
    let mut headers = message.slice(12..12 + headers_length);
    let mut kind = String::new();
    while headers.has_remaining() {
        let name_length = headers.get_u8() as usize;
        let name = headers.split_to(name_length);
        assert_eq!(headers.get_u8(), 7);
        let value_length = headers.get_u16() as usize;
        let value = headers.split_to(value_length);
        if name == ":event-type" || name == ":exception-type" {
            kind = String::from_utf8(value.to_vec()).unwrap();
        }
    }
    (kind, serde_json::from_slice(payload).unwrap())
}

impl Harness {
    async fn subscribe(&self, position: Value) -> Events {
        let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
        let consumer = format!("{stream}/consumer/c:1700000000");
        let body = json!({"ConsumerARN": consumer, "ShardId": "shardId-000000000000", "StartingPosition": position});
        let request = request("SubscribeToShard", "application/x-amz-json-1.1", body.to_string());
        let response = self.gateway.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
        let mut events = Events { body: response.into_body().into_data_stream(), received: BytesMut::new() };
        assert_eq!(events.next().await.unwrap(), ("initial-response".to_owned(), json!({})));
        events
    }

    async fn put_text(&self, text: &str) {
        let record = json!({"StreamName": "s", "PartitionKey": "k", "Data": BASE64.encode(text)});
        self.kinesis_ok("PutRecord", record).await;
    }
}

fn data(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap().iter();
    records.map(|record| String::from_utf8(BASE64.decode(record["Data"].as_str().unwrap()).unwrap()).unwrap()).collect()
}

async fn stream_with_consumer() -> Harness {
    let harness = Harness::new(GatewaySettings::default());
    harness.kinesis_ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    harness.kinesis_ok("RegisterStreamConsumer", json!({"StreamARN": arn, "ConsumerName": "c"})).await;
    harness
}

#[tokio::test]
async fn records_are_pushed_and_a_later_subscription_goes_on() {
    let harness = stream_with_consumer().await;
    harness.put_text("one").await;
    let mut events = harness.subscribe(json!({"Type": "TRIM_HORIZON"})).await;
    let first = events.event().await;
    assert_eq!(data(&first), ["one"]);
    assert_eq!(first["MillisBehindLatest"], 0);
    harness.put_text("two").await;
    let second = events.event().await;
    assert_eq!(data(&second), ["two"]);
    // Nothing comes: after a while an empty event shows that the subscription lives.
    assert!(data(&events.event().await).is_empty());

    harness.put_text("three").await;
    let number = &first["ContinuationSequenceNumber"];
    let mut later = harness.subscribe(json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number})).await;
    assert_eq!(data(&later.event().await), ["two", "three"]);
    let mut latest = harness.subscribe(json!({"Type": "LATEST"})).await;
    assert!(data(&latest.event().await).is_empty());
}

#[tokio::test]
async fn a_subscription_ends_after_five_minutes() {
    let harness = stream_with_consumer().await;
    let mut events = harness.subscribe(json!({"Type": "LATEST"})).await;
    events.event().await;
    harness.clock.advance(Duration::from_secs(299));
    harness.put_text("one").await;
    assert_eq!(data(&events.event().await), ["one"]);
    harness.clock.advance(Duration::from_secs(1));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_subscription_ends_with_its_shard() {
    let harness = stream_with_consumer().await;
    harness.put_text("one").await;
    let mut events = harness.subscribe(json!({"Type": "TRIM_HORIZON"})).await;
    harness
        .kinesis_ok("SplitShard", json!({"StreamName": "s", "ShardToSplit": "shard-0", "NewStartingHashKey": "2"}))
        .await;
    assert_eq!(data(&events.event().await), ["one"]);
    let last = events.event().await;
    assert_eq!(last["ChildShards"].as_array().unwrap().len(), 2);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_subscription_to_a_stream_that_goes_ends_with_an_exception() {
    let harness = stream_with_consumer().await;
    let mut events = harness.subscribe(json!({"Type": "LATEST"})).await;
    events.event().await;
    harness.kinesis_ok("DeleteStream", json!({"StreamName": "s", "EnforceConsumerDeletion": true})).await;
    assert_eq!(events.next().await.unwrap().0, "ResourceNotFoundException");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn only_registered_consumers_subscribe() {
    let harness = stream_with_consumer().await;
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/other:1700000000";
    let request =
        json!({"ConsumerARN": arn, "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "LATEST"}});
    let (kind, _) = harness.kinesis_refused("SubscribeToShard", request).await;
    assert_eq!(kind, "ResourceNotFoundException");
}
