//! Kafka REST v2 and partitions that take no more records: shards that were split or merged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use pinflow_event::{NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use pinflow_gateway::GatewaySettings;
use pinflow_log::{
    Appended, Bounds, ConsumerOffsets, EventLog, LogError, ReadLimit, TopicChange, TopicConfig, TopicDescription,
};

use crate::harness::Harness;

fn three_partitions() -> GatewaySettings {
    GatewaySettings { default_partitions: 3, ..GatewaySettings::default() }
}

fn topic() -> TopicName {
    TopicName::new("t").unwrap()
}

fn closing(partitions: &[u32]) -> TopicChange {
    TopicChange { close: partitions.iter().copied().map(Partition).collect(), ..TopicChange::default() }
}

/// The partitions of a produce reply, in order; `None` for a refused record.
fn placed(reply: &serde_json::Value) -> Vec<Option<u64>> {
    reply["offsets"].as_array().unwrap().iter().map(|entry| entry["partition"].as_u64()).collect()
}

#[tokio::test]
async fn records_go_to_open_partitions_and_a_closed_one_that_is_named_is_refused() {
    let harness = Harness::new(three_partitions());
    harness.produce("t", r#"{"records":[{"partition":1,"value":0}]}"#).await;
    harness.log.alter_topic(&topic(), closing(&[0, 1])).await.unwrap();
    let body =
        r#"{"records":[{"value":1},{"key":"user-1","value":2},{"partition":1,"value":3},{"partition":2,"value":4}]}"#;
    let reply = harness.produce("t", body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(placed(&reply.json()), [Some(2), Some(2), None, Some(2)]);
    assert_eq!(
        reply.json()["offsets"][2],
        serde_json::json!({
            "partition": null,
            "offset": null,
            "error_code": 50003,
            "error": "Partition 1 of topic t is closed and takes no more records; name an open one, or none.",
        })
    );
    // What it held is still read.
    assert_eq!(harness.stored("t", 1).await.len(), 1);
    assert_eq!(harness.get("/topics/t/partitions").await.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn where_all_are_closed_every_record_is_told() {
    let harness = Harness::new(GatewaySettings::default());
    harness.produce("t", r#"{"records":[{"value":0}]}"#).await;
    harness.log.alter_topic(&topic(), closing(&[0])).await.unwrap();
    let reply = harness.produce("t", r#"{"records":[{"value":1},{"key":1,"value":2}]}"#).await;
    assert_eq!(placed(&reply.json()), [None, None]);
    assert_eq!(reply.json()["offsets"][0]["error_code"], 50003);
}

#[tokio::test]
async fn a_partition_that_is_closed_before_the_append_is_no_error_of_the_client() {
    let slot = Arc::new(std::sync::OnceLock::new());
    let kept = Arc::clone(&slot);
    let harness = Harness::in_front_of(three_partitions(), move |log| {
        let log = Arc::new(ReshardedLog { log, to_close: AtomicU32::new(u32::MAX) });
        kept.set(Arc::clone(&log)).unwrap();
        log
    });
    harness.produce("t", r#"{"records":[{"value":0}]}"#).await;
    // The key's partition is 1 of 3; it is closed between the look at the topic and the append.
    slot.get().unwrap().to_close.store(1, Ordering::SeqCst);
    let reply = harness.produce("t", r#"{"records":[{"key":"user-1","value":1},{"partition":1,"value":2}]}"#).await;
    let placed = placed(&reply.json());
    assert!(matches!(placed.as_slice(), [Some(0 | 2), None]), "{}", reply.body);
    let stored = harness.stored("t", 0).await.len() + harness.stored("t", 2).await.len();
    assert_eq!((stored, harness.stored("t", 1).await.len()), (2, 0));
}

/// A log that closes a partition just before an append.
#[derive(Debug)]
struct ReshardedLog {
    log: Arc<dyn EventLog>,
    to_close: AtomicU32,
}

#[async_trait]
impl EventLog for ReshardedLog {
    async fn append(&self, topic: &TopicName, records: Vec<(Partition, NewRecord)>) -> Result<Vec<Appended>, LogError> {
        let partition = self.to_close.swap(u32::MAX, Ordering::SeqCst);
        if partition != u32::MAX {
            let close = BTreeSet::from([Partition(partition)]);
            self.log.alter_topic(topic, TopicChange { close, ..TopicChange::default() }).await?;
        }
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
