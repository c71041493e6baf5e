//! What a 200 means, and what is said when there cannot be one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::RETRY_AFTER;
use axum::routing::get;
use pinflow_event::{NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use pinflow_gateway::GatewaySettings;
use pinflow_log::{
    Appended, Bounds, ConsumerOffsets, EventLog, LogError, ReadLimit, TopicChange, TopicConfig, TopicDescription,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::harness::Harness;

/// A log whose appends wait until they are let through, or fail.
#[derive(Debug)]
pub struct GuardedLog {
    log: Arc<dyn EventLog>,
    begun: Semaphore,
    allowed: Semaphore,
    appends: AtomicUsize,
    failure: Option<LogError>,
}

impl GuardedLog {
    fn new(log: Arc<dyn EventLog>, failure: Option<LogError>) -> Arc<Self> {
        let (begun, allowed) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { log, begun, allowed, appends: AtomicUsize::new(0), failure })
    }

    /// Every append fails so.
    pub fn failing(failure: LogError) -> impl FnOnce(Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        |log| Self::new(log, Some(failure))
    }

    /// A gateway in front of a log that holds every append until it is let through.
    pub fn holding() -> (Harness, Arc<Self>) {
        let slot = Arc::new(std::sync::OnceLock::new());
        let harness = Harness::in_front_of(GatewaySettings::default(), {
            let slot = Arc::clone(&slot);
            move |log| {
                let log = Self::new(log, None);
                slot.set(Arc::clone(&log)).unwrap();
                log
            }
        });
        (harness, Arc::clone(slot.get().unwrap()))
    }

    /// Waits until one more append has begun.
    pub async fn begun(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    pub fn let_through(&self, appends: usize) {
        self.allowed.add_permits(appends);
    }

    /// How many appends there were.
    pub fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventLog for GuardedLog {
    async fn append(&self, topic: &TopicName, records: Vec<(Partition, NewRecord)>) -> Result<Vec<Appended>, LogError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.begun.add_permits(1);
        self.allowed.acquire().await.unwrap().forget();
        self.log.append(topic, records).await
    }

    async fn create_topic(&self, topic: &TopicName, config: TopicConfig) -> Result<TopicDescription, LogError> {
        self.log.create_topic(topic, config).await
    }
    async fn delete_topic(&self, topic: &TopicName) -> Result<(), LogError> {
        self.log.delete_topic(topic).await
    }
    async fn alter_topic(&self, topic: &TopicName, change: TopicChange) -> Result<TopicDescription, LogError> {
        self.log.alter_topic(topic, change).await
    }
    async fn topics(&self) -> Result<Vec<TopicDescription>, LogError> {
        self.log.topics().await
    }
    async fn topic(&self, topic: &TopicName) -> Result<TopicDescription, LogError> {
        self.log.topic(topic).await
    }
    async fn read(&self, at: &TopicPartition, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError> {
        self.log.read(at, from, limit).await
    }
    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, LogError> {
        self.log.bounds(at).await
    }
    async fn offset_at(&self, at: &TopicPartition, time: Timestamp) -> Result<Offset, LogError> {
        self.log.offset_at(at, time).await
    }
    async fn wait_beyond(&self, at: &TopicPartition, offset: Offset) -> Result<(), LogError> {
        self.log.wait_beyond(at, offset).await
    }
    fn protect(&self, reader: &str, at: &TopicPartition, from: Offset) {
        self.log.protect(reader, at, from);
    }
    fn release(&self, reader: &str, at: &TopicPartition) {
        self.log.release(reader, at);
    }
    fn consumer_offsets(&self) -> Arc<dyn ConsumerOffsets> {
        self.log.consumer_offsets()
    }
    async fn enforce_retention(&self, now: Timestamp) -> Result<u64, LogError> {
        self.log.enforce_retention(now).await
    }
    fn health(&self) -> Result<(), LogError> {
        self.log.health()
    }
    async fn close(&self) -> Result<(), LogError> {
        self.log.close().await
    }
}

const KAFKA_BODY: &str = r#"{"records":[{"value":1},{"value":2}]}"#;
const RECORD_BODY: &str = r#"{"Data":1,"PartitionKey":"k"}"#;
const RECORDS_BODY: &str = r#"{"records":[{"data":1,"partition-key":"k"},{"data":2,"partition-key":"k"}]}"#;

/// Waits for what must happen. The bound is there to fail instead of hanging, far beyond any machine's slowness.
pub async fn eventually(happened: impl Fn() -> bool) {
    let wait = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it never happened");
}

fn refused(code: &str, times: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(code.to_owned(), times)])
}

#[tokio::test]
async fn no_reply_before_the_log_has_acknowledged() {
    let (harness, log) = GuardedLog::holding();
    let harness = Arc::new(harness);
    let request = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { harness.produce("t", KAFKA_BODY).await.status }
    });
    log.begun().await;
    tokio::task::yield_now().await;
    assert!(!request.is_finished());
    assert_eq!(harness.gateway.metrics().in_flight, 1);
    log.let_through(1);
    assert_eq!(request.await.unwrap(), 200);
    assert_eq!(harness.gateway.metrics().in_flight, 0);
    let counts = &harness.gateway.metrics().dialects["kafka_rest"];
    assert_eq!(counts.replies, BTreeMap::from([(("POST", 200), 1)]));
    assert_eq!((counts.accepted_records, counts.accepted_bytes), (2, 2));
    assert_eq!(counts.ack_durations.count(), 1);
    assert!(counts.refused.is_empty());
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_stop_its_append() {
    let (harness, log) = GuardedLog::holding();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = harness.gateway.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.kafka.json.v2+json\r\nContent-Length: {}\r\n\r\n{KAFKA_BODY}",
        KAFKA_BODY.len()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    log.begun().await;
    drop(client);
    // The server notices that the client has gone: the request is no longer in flight.
    eventually(|| harness.gateway.metrics().in_flight == 0).await;
    assert_eq!(harness.gateway.metrics().dialects["kafka_rest"].replies, BTreeMap::from([(("POST", 499), 1)]));
    assert_eq!(harness.gateway.metrics().accepted_records(), 0);
    log.let_through(1);
    eventually(|| harness.gateway.metrics().accepted_records() == 2).await;
    assert_eq!(harness.stored("t", 0).await.len(), 2);
    server.abort();
}

#[tokio::test]
async fn a_client_that_sends_half_a_body_stores_nothing() {
    let harness = Harness::new(GatewaySettings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = harness.gateway.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.kafka.json.v2+json\r\n";
    let request = format!("{head}Content-Length: 1000\r\n\r\n{KAFKA_BODY}");
    client.write_all(request.as_bytes()).await.unwrap();
    eventually(|| harness.gateway.metrics().in_flight > 0).await;
    drop(client);
    eventually(|| harness.gateway.metrics().in_flight == 0).await;
    assert_eq!(harness.gateway.metrics().accepted_records(), 0);
    assert!(harness.log.topics().await.unwrap().is_empty());
    server.abort();
}

#[tokio::test]
async fn an_overloaded_log_asks_clients_to_come_back() {
    let overloaded = LogError::Overloaded { waiting: 1 << 30, retry_after: Duration::from_millis(1_200) };
    let harness = Harness::in_front_of(GatewaySettings::default(), GuardedLog::failing(overloaded));

    let reply = harness.produce("t", KAFKA_BODY).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers[RETRY_AFTER], "2");
    assert_eq!(
        reply.body,
        r#"{"error_code":429,"message":"Request rate limit exceeded: The rate limit of requests per second has been exceeded."}"#
    );

    let reply = harness.put("/streams/s/record", RECORD_BODY).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers[RETRY_AFTER], "2");
    assert_eq!(
        reply.body,
        r#"{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000."}"#
    );

    let reply = harness.put("/streams/s/records", RECORDS_BODY).await;
    assert_eq!(reply.status, 200);
    let failed = r#"{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000."}"#;
    assert_eq!(reply.body, format!(r#"{{"FailedRecordCount":2,"Records":[{failed},{failed}]}}"#));

    let metrics = harness.gateway.metrics();
    assert_eq!(metrics.accepted_records(), 0);
    assert_eq!(metrics.dialects["kafka_rest"].refused, refused("429", 1));
    assert_eq!(metrics.dialects["api_gateway"].refused, refused("ProvisionedThroughputExceededException", 3));
}

#[tokio::test]
async fn a_broken_log_says_why_it_takes_nothing() {
    let poisoned = LogError::Poisoned { cause: "no space left on device".to_owned() };
    let harness = Harness::in_front_of(GatewaySettings::default(), GuardedLog::failing(poisoned.clone()));

    let reply = harness.produce("t", KAFKA_BODY).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["error_code"], 50302);
    assert_eq!(reply.json()["message"], format!("Broker not available: {poisoned}"));

    for (path, body) in [("/streams/s/record", RECORD_BODY), ("/streams/s/records", RECORDS_BODY)] {
        let reply = harness.put(path, body).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.json()["__type"], "ServiceUnavailable");
        assert_eq!(reply.json()["message"], poisoned.to_string());
    }
    let metrics = harness.gateway.metrics();
    assert_eq!(metrics.dialects["kafka_rest"].refused, refused("50302", 1));
    assert_eq!(metrics.dialects["api_gateway"].refused, refused("ServiceUnavailable", 2));
}

#[tokio::test]
async fn a_closed_log_fails_reads_as_well() {
    let harness = Harness::new(GatewaySettings::default());
    harness.log.close().await.unwrap();
    for (path, code) in
        [("/topics", "error_code"), ("/topics/t", "error_code"), ("/streams", "__type"), ("/streams/s", "__type")]
    {
        let reply = harness.get(path).await;
        assert_eq!(reply.status, 503, "{path}");
        assert!(reply.json()[code].is_number() || reply.json()[code].is_string());
    }
}

#[tokio::test]
async fn every_refusal_is_counted_by_its_code() {
    let settings = GatewaySettings { max_record_bytes: 4, ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    harness.produce("t", r#"{"records":[{"value":12345},{"value":1},{"partition":7,"value":1}]}"#).await;
    harness.produce("t", "{").await;
    harness.produce("t", "{").await;
    harness.get("/nowhere").await;
    harness.get("/streams/s").await;
    harness.get("/streams/s/nowhere").await;
    let metrics = harness.gateway.metrics();
    let refused = |codes: &[(&str, u64)]| codes.iter().map(|(code, times)| ((*code).to_owned(), *times)).collect();
    let kafka_rest = &metrics.dialects["kafka_rest"];
    let replies = BTreeMap::from([(("GET", 404), 1), (("POST", 200), 1), (("POST", 400), 2)]);
    assert_eq!((&kafka_rest.replies, kafka_rest.requests()), (&replies, 4));
    assert_eq!((kafka_rest.accepted_records, kafka_rest.accepted_bytes), (1, 1));
    assert_eq!(kafka_rest.refused, refused(&[("400", 2), ("404", 1), ("50002", 1), ("50003", 1)]));
    let expected = refused(&[("MissingAuthenticationTokenException", 1), ("ResourceNotFoundException", 1)]);
    assert_eq!(metrics.dialects["api_gateway"].refused, expected);
}

#[tokio::test]
async fn many_clients_make_a_topic_together() {
    let harness = Arc::new(Harness::new(GatewaySettings { default_partitions: 3, ..GatewaySettings::default() }));
    let requests: Vec<_> = (0..20)
        .map(|n| {
            let harness = Arc::clone(&harness);
            tokio::spawn(async move {
                harness.produce("t", format!(r#"{{"records":[{{"key":{n},"value":1}}]}}"#)).await.body
            })
        })
        .collect();
    for request in requests {
        let body = request.await.unwrap();
        assert!(body.contains(r#""error_code":null"#), "{body}");
    }
    let stored: usize =
        harness.stored("t", 0).await.len() + harness.stored("t", 1).await.len() + harness.stored("t", 2).await.len();
    assert_eq!(stored, 20);
}

#[tokio::test]
async fn routes_of_the_node_stand_beside_those_of_the_gateway() {
    let harness = Harness::new(GatewaySettings::default());
    let node = Router::new().route("/", get(async || "page")).route("/api/status", get(async || "fine"));
    let router = harness.gateway.router().merge(node);
    for (path, expected) in [("/", "page"), ("/api/status", "fine"), ("/topics", "[]")] {
        let reply = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(to_bytes(reply.into_body(), 100).await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn every_reply_has_its_own_request_id() {
    let harness = Harness::new(GatewaySettings::default());
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/", "/topics", "/topics/x", "/nowhere", "/streams", "/streams/x", "/streams/x/y"] {
        let reply = harness.get(path).await;
        let id = reply.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id.len(), 36, "{path}");
        if path.starts_with("/streams") {
            assert_eq!(reply.headers["x-amzn-requestid"], id.as_str());
        }
        assert!(ids.insert(id), "{path} has the id of another request");
    }
}
