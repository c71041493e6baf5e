//! What clients of Kinesis ask for, natively and through an API gateway.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::RngExt;
use serde_json::{Value, json};

use super::{Client, Gone};
use crate::event::EventId;
use crate::ledger::{Destination, Existence, Mark, Place};

/// Nobody checks a signature where no keys are configured, but it has to look like one.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/kinesis/aws4_request, \
    SignedHeaders=host;x-amz-date;x-amz-target, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

impl Client {
    pub(super) async fn put_record(
        &self,
        stream: &str,
        record: &(EventId, Destination),
    ) -> Result<Option<Vec<Place>>, Gone> {
        let (id, destination) = record;
        let body = format!(r#"{{"Data":{},"PartitionKey":"{}"}}"#, id.json(), partition_key(destination));
        let Some(reply) = self.ask(self.put(stream, "record", body)).await? else { return Ok(None) };
        Ok(self.places(&reply, Some(&vec![reply.clone()]), kinesis_place))
    }

    pub(super) async fn put_records(
        &self,
        stream: &str,
        records: &[(EventId, Destination)],
    ) -> Result<Option<Vec<Place>>, Gone> {
        let record = |(id, destination): &(EventId, Destination)| {
            format!(r#"{{"data":{},"partition-key":"{}"}}"#, id.json(), partition_key(destination))
        };
        let records: Vec<String> = records.iter().map(record).collect();
        let body = format!(r#"{{"records":[{}]}}"#, records.join(","));
        let Some(reply) = self.ask(self.put(stream, "records", body)).await? else { return Ok(None) };
        Ok(self.places(&reply, reply["Records"].as_array(), kinesis_place))
    }

    fn put(&self, stream: &str, what: &str, body: String) -> reqwest::RequestBuilder {
        let request = self.http.put(format!("{}/streams/{stream}/{what}", self.url));
        request.header("content-type", "application/json").body(body)
    }

    /// PutRecord, natively.
    pub(super) async fn native_record(
        &self,
        stream: &str,
        record: &(EventId, Destination),
    ) -> Result<Option<Vec<Place>>, Gone> {
        let mut body = native(record);
        body["StreamName"] = stream.into();
        let Some(reply) = self.ask(self.native("PutRecord", &body)).await? else { return Ok(None) };
        Ok(self.places(&reply, Some(&vec![reply.clone()]), kinesis_place))
    }

    /// PutRecords, natively.
    pub(super) async fn native_records(
        &self,
        stream: &str,
        records: &[(EventId, Destination)],
    ) -> Result<Option<Vec<Place>>, Gone> {
        let records: Vec<Value> = records.iter().map(native).collect();
        let body = json!({ "StreamName": stream, "Records": records });
        let Some(reply) = self.ask(self.native("PutRecords", &body)).await? else { return Ok(None) };
        Ok(self.places(&reply, reply["Records"].as_array(), kinesis_place))
    }

    fn native(&self, operation: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}/", self.url)).header("authorization", AUTHORIZATION);
        let request = request.header("x-amz-target", format!("Kinesis_20131202.{operation}"));
        let request = request.header("x-amz-date", "20260101T000000Z");
        request.header("content-type", "application/x-amz-json-1.1").body(body.to_string())
    }

    /// Makes a stream and deletes it.
    pub(super) async fn make_and_delete(&mut self) -> Result<(), Gone> {
        self.sent += 1;
        let name = format!("short-lived-{}-{}", self.round, self.sent);
        let url = format!("{}/streams/{name}", self.url);
        self.ledger.note_stream(&name, Existence::Unknown);
        self.ask(self.http.post(&url).json(&json!({ "ShardCount": 2 }))).await?;
        self.ledger.note_stream(&name, Existence::Made);
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..100))).await;
        self.ledger.note_stream(&name, Existence::Unknown);
        self.ask(self.http.delete(&url)).await?;
        self.ledger.note_stream(&name, Existence::Gone);
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..100))).await;
        Ok(())
    }
}

fn native((id, destination): &(EventId, Destination)) -> Value {
    json!({ "Data": BASE64.encode(id.json()), "PartitionKey": partition_key(destination) })
}

fn partition_key(destination: &Destination) -> &str {
    match destination {
        Destination::Key(key) => key,
        Destination::Partition(_) | Destination::Anywhere => unreachable!("a record of a stream has a key"),
    }
}

fn kinesis_place(entry: &Value) -> Option<Place> {
    let shard = entry["ShardId"].as_str()?.strip_prefix("shardId-")?;
    let number = entry["SequenceNumber"].as_str()?.to_owned();
    Some(Place { partition: shard.parse().ok()?, mark: Mark::SequenceNumber(number) })
}
