//! The log: where an event is kept from its acknowledgement until every reader is done with it.
//!
//! [`EventLog`] is the seam. The embedded log ([`EmbeddedLog`]) and the in-memory one ([`MemoryLog`]) pass the
//! same [`contract`]; Kafka and Kinesis are later ones.

mod consumer_offsets;
pub mod contract;
mod embedded;
mod error;
mod memory;
mod metrics;
mod readers;
mod tail;

pub use consumer_offsets::{CommittedOffset, ConsumerOffsets};
pub use embedded::{Disk, EmbeddedLog, EmbeddedOptions, LocalDisk};
pub use error::LogError;
pub use memory::MemoryLog;
pub use metrics::LogMetrics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pinflow_event::{NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use serde::{Deserialize, Serialize};

/// The largest record that the embedded logs take unless told otherwise, in bytes of key, value and headers:
/// the 10 MiB that Kinesis takes, and room for a key and headers beside them.
pub const DEFAULT_MAX_RECORD_BYTES: usize = (10 << 20) + (64 << 10);

/// How a topic is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicConfig {
    /// How many partitions it has; at least 1.
    pub partitions: u32,
    /// Records older than this may go, once every reader is past them. `None` keeps them.
    pub retention_age: Option<Duration>,
    /// The oldest records of a partition may go once it is larger than this many bytes and every reader is past them.
    pub retention_bytes: Option<u64>,
    /// Partitions that take no more records. What they hold stays readable. (A Kinesis shard that was split or merged.)
    pub closed: BTreeSet<Partition>,
    /// What a client's protocol wants to be kept with a topic, such as Kinesis tags; the log itself reads none of it.
    pub properties: BTreeMap<String, String>,
}

impl Default for TopicConfig {
    /// One partition, kept for seven days (Kafka's default).
    fn default() -> Self {
        Self {
            partitions: 1,
            retention_age: Some(Duration::from_secs(7 * 24 * 3600)),
            retention_bytes: None,
            closed: BTreeSet::new(),
            properties: BTreeMap::new(),
        }
    }
}

impl TopicConfig {
    /// The most partitions that a topic of the embedded logs has: each costs a folder and a file.
    pub const MAX_PARTITIONS: u32 = 1_000;

    /// Refuses what the embedded logs cannot keep.
    fn check(&self, topic: &TopicName) -> Result<(), LogError> {
        if (1..=Self::MAX_PARTITIONS).contains(&self.partitions) {
            return Ok(());
        }
        let rule = format!("it has {} partitions; take 1 to {}", self.partitions, Self::MAX_PARTITIONS);
        Err(LogError::InvalidConfig { topic: topic.clone(), rule })
    }
}

/// A change of a topic's configuration: what is `None` or empty stays as it is. All of it is done, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicChange {
    /// So many partitions it has from now on; not fewer than before.
    pub partitions: Option<u32>,
    /// Partitions that take no more records from now on. A closed partition is never opened again.
    pub close: BTreeSet<Partition>,
    /// The new [`TopicConfig::retention_age`].
    pub retention_age: Option<Option<Duration>>,
    /// The new [`TopicConfig::retention_bytes`].
    pub retention_bytes: Option<Option<u64>>,
    /// Properties to set or, with `None`, to remove.
    pub properties: BTreeMap<String, Option<String>>,
}

impl TopicChange {
    /// The configuration after this change of `config`.
    ///
    /// # Errors
    /// [`LogError::InvalidConfig`] for fewer partitions than before or more than [`TopicConfig::MAX_PARTITIONS`], and for a
    /// partition to close that is not there or is closed already.
    pub fn apply(self, topic: &TopicName, config: &TopicConfig) -> Result<TopicConfig, LogError> {
        let invalid = |rule| Err(LogError::InvalidConfig { topic: topic.clone(), rule });
        let mut changed = config.clone();
        changed.partitions = self.partitions.unwrap_or(config.partitions);
        if changed.partitions < config.partitions {
            return invalid(format!("it has {} partitions and cannot have fewer", config.partitions));
        }
        changed.check(topic)?;
        for partition in self.close {
            if partition.0 >= changed.partitions {
                return invalid(format!("partition {partition} cannot be closed: there is none"));
            }
            if !changed.closed.insert(partition) {
                return invalid(format!("partition {partition} is closed already"));
            }
        }
        changed.retention_age = self.retention_age.unwrap_or(changed.retention_age);
        changed.retention_bytes = self.retention_bytes.unwrap_or(changed.retention_bytes);
        for (name, value) in self.properties {
            match value {
                Some(value) => drop(changed.properties.insert(name, value)),
                None => drop(changed.properties.remove(&name)),
            }
        }
        Ok(changed)
    }
}

/// A topic as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// How it is kept.
    pub config: TopicConfig,
    /// When it was made.
    pub created: Timestamp,
}

/// Where an appended record ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its partition.
    pub partition: Partition,
    /// Its offset there.
    pub offset: Offset,
    /// The time that the log keeps with it.
    pub timestamp: Timestamp,
}

/// What a partition holds: the offsets from `earliest` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that can still be read.
    pub earliest: Offset,
    /// The offset that the next record will get.
    pub end: Offset,
}

/// How much one read may return.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// Records at most.
    pub records: usize,
    /// Bytes of keys and values at most; the first record is returned even if it alone is larger.
    pub bytes: usize,
}

/// A durable, partitioned, append-only sequence of records a topic.
///
/// Every method that waits may be dropped without harm; an `append` that was begun goes on and may still be stored.
#[async_trait]
pub trait EventLog: Send + Sync + fmt::Debug {
    /// Makes a topic.
    ///
    /// # Errors
    /// [`LogError::TopicExists`]; [`LogError::InvalidConfig`] for 0 partitions.
    async fn create_topic(&self, topic: &TopicName, config: TopicConfig) -> Result<TopicDescription, LogError>;

    /// Removes a topic with all its records.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`].
    async fn delete_topic(&self, topic: &TopicName) -> Result<(), LogError>;

    /// Changes how a topic is kept. Once this returns the change is durable, and no append that comes later is stored in a
    /// partition that it closed; one that is under way meanwhile is stored before the change or refused.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`]; as [`TopicChange::apply`].
    async fn alter_topic(&self, topic: &TopicName, change: TopicChange) -> Result<TopicDescription, LogError>;

    /// All topics, sorted by name.
    ///
    /// # Errors
    /// What the backend reports; the embedded logs do not fail here.
    async fn topics(&self) -> Result<Vec<TopicDescription>, LogError>;

    /// One topic.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`].
    async fn topic(&self, topic: &TopicName) -> Result<TopicDescription, LogError>;

    /// Appends records and returns where each stands, in the order given, **once all of them are durable**.
    /// Records of one call keep their order within a partition, and the records that one call appends to one
    /// partition are stored all or none, also over a crash.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownPartition`], [`LogError::PartitionClosed`],
    /// [`LogError::RecordTooLarge`] before anything is stored; [`LogError::Overloaded`] when too many bytes wait already; [`LogError::Poisoned`] after a failed write.
    async fn append(&self, topic: &TopicName, records: Vec<(Partition, NewRecord)>) -> Result<Vec<Appended>, LogError>;

    /// Records from `from` on, in order, as many as there are within `limit`; empty at the end. Only durable
    /// records are ever returned. Offsets ascend; they are contiguous in the embedded logs.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] below the earliest or beyond the end; [`LogError::Corrupt`] for damaged bytes.
    async fn read(&self, at: &TopicPartition, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError>;

    /// The offsets that a partition holds.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownPartition`].
    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, LogError>;

    /// The earliest offset whose record has a timestamp at or after `time`; the end where there is none.
    ///
    /// # Errors
    /// As [`EventLog::bounds`].
    async fn offset_at(&self, at: &TopicPartition, time: Timestamp) -> Result<Offset, LogError>;

    /// Returns once the partition's end is beyond `offset`, so that a read from `offset` yields a record.
    ///
    /// # Errors
    /// As [`EventLog::bounds`]; [`LogError::Closed`] when the log closes meanwhile, [`LogError::Poisoned`] when a write fails:
    /// there will be no further record.
    async fn wait_beyond(&self, at: &TopicPartition, offset: Offset) -> Result<(), LogError>;

    /// Returns once the topic has more than `known` partitions. A log that does not hear of its own changes looks now and then.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], also when the topic is deleted meanwhile; what the backend reports.
    async fn wait_for_partitions(&self, topic: &TopicName, known: u32) -> Result<(), LogError> {
        const LOOK_EVERY: Duration = Duration::from_millis(500);
        while self.topic(topic).await?.config.partitions <= known {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Says that `reader` (an archive, a lane) still needs everything from `from` on. Retention deletes nothing that any
    /// reader needs. What a reader said is forgotten at a restart: it says it again before retention is enforced.
    /// A partition that is added to a topic is protected from its beginning for everyone who protects all the others.
    fn protect(&self, reader: &str, at: &TopicPartition, from: Offset);

    /// Forgets what `reader` said about `at`: it needs nothing any more.
    fn release(&self, reader: &str, at: &TopicPartition);

    /// Where consumer groups keep how far they are. They are kept as durably as records.
    fn consumer_offsets(&self) -> Arc<dyn ConsumerOffsets>;

    /// Deletes what is past its topic's retention at `now` and no longer needed by a reader. Returns the bytes freed.
    ///
    /// # Errors
    /// [`LogError::Io`].
    async fn enforce_retention(&self, now: Timestamp) -> Result<u64, LogError>;

    /// Whether appends can succeed: `Err` with the cause once the log is poisoned or closed.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] or [`LogError::Closed`].
    fn health(&self) -> Result<(), LogError>;

    /// What it has counted since it was opened. A log that counts nothing gives the default.
    fn metrics(&self) -> LogMetrics {
        LogMetrics::default()
    }

    /// Stores what is under way and closes. Later calls fail with [`LogError::Closed`].
    ///
    /// # Errors
    /// [`LogError::Io`] where the last bytes could not be stored.
    async fn close(&self) -> Result<(), LogError>;
}
