//! A log that counts the records which are read off it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pinflow_event::{NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use pinflow_log::{
    Appended, Bounds, ConsumerOffsets, EventLog, LogError, ReadLimit, TopicChange, TopicConfig, TopicDescription,
};

#[derive(Debug)]
pub struct CountingLog {
    pub log: Arc<dyn EventLog>,
    pub read: AtomicUsize,
}

#[async_trait]
impl EventLog for CountingLog {
    async fn read(&self, at: &TopicPartition, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError> {
        let records = self.log.read(at, from, limit).await?;
        self.read.fetch_add(records.len(), Ordering::SeqCst);
        Ok(records)
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
    async fn append(&self, topic: &TopicName, records: Vec<(Partition, NewRecord)>) -> Result<Vec<Appended>, LogError> {
        self.log.append(topic, records).await
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
    async fn wait_for_partitions(&self, topic: &TopicName, known: u32) -> Result<(), LogError> {
        self.log.wait_for_partitions(topic, known).await
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
