//! Whole requests as bytes, made before anything is measured.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::events::Events;

/// The topic, and stream, that everything is written to.
pub(crate) const TOPIC: &str = "bench";
/// How many requests differ; then they come again.
const VARIETY: usize = 256;

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
    /// The records in it.
    pub(crate) records: usize,
    /// The bytes of the records as they are stored: of JSON without the spaces between its tokens.
    pub(crate) stored_bytes: usize,
}

/// `POST /topics/bench` of Kafka REST v2 with so many records each.
pub fn kafka(records: usize) -> Vec<Request> {
    requests(records, |events| {
        let values: Vec<String> = events.iter().map(|event| format!(r#"{{"value": {event}}}"#)).collect();
        let body = format!(r#"{{"records": [{}]}}"#, values.join(", "));
        let path = format!("POST /topics/{TOPIC}");
        http(&path, "application/vnd.kafka.json.v2+json", "Accept: application/vnd.kafka.v2+json\r\n", &body)
    })
}

/// Native PutRecord, signed as far as anyone can see who has no keys.
pub fn kinesis() -> Vec<Request> {
    requests(1, |events| {
        let body = format!(
            r#"{{"StreamName":"{TOPIC}","Data":"{}","PartitionKey":"partition-1"}}"#,
            BASE64.encode(&events[0])
        );
        kinesis_request("PutRecord", &body)
    })
}

/// `PUT /streams/bench/record` of the API Gateway in front of Kinesis.
pub(crate) fn kinesis_over_api_gateway() -> Vec<Request> {
    requests(1, |events| {
        let body = format!(r#"{{"StreamName": "{TOPIC}", "Data": {}, "PartitionKey": "partition-1"}}"#, events[0]);
        http(&format!("PUT /streams/{TOPIC}/record"), "application/json", "", &body)
    })
}

/// A request that every server of this crate but the bare one refuses.
pub fn unknown_path() -> Vec<Request> {
    vec![Request { bytes: http("POST /nowhere", "application/json", "", "{}"), records: 1, stored_bytes: 0 }]
}

/// A native request for one operation of Kinesis.
pub(crate) fn kinesis_request(operation: &str, body: &str) -> Vec<u8> {
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    let headers = format!(
        "X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20260102T030405Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature={signature}\r\n"
    );
    http("POST /", "application/x-amz-json-1.1", &headers, body)
}

fn requests(records: usize, bytes: impl Fn(&[String]) -> Vec<u8>) -> Vec<Request> {
    let mut events = Events::new(42);
    let variety = (VARIETY / records).max(8);
    (0..variety)
        .map(|_| {
            let events: Vec<String> = (0..records).map(|_| events.next()).collect();
            let stored = |event: &String| event.len() - event.matches("\": ").count() - event.matches(", \"").count();
            Request { bytes: bytes(&events), records, stored_bytes: events.iter().map(stored).sum() }
        })
        .collect()
}

fn http(target: &str, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: pinflow-bench\r\n{headers}Content-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
