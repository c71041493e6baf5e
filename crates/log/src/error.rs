//! What can go wrong with a log, and what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pinflow_event::{Offset, TopicName, TopicPartition};

/// A failed log operation.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// No such topic.
    #[error("topic `{0}` does not exist")]
    UnknownTopic(TopicName),
    /// No such partition of a topic.
    #[error("topic `{}` has partitions 0 to {}, not {}", at.topic, partitions - 1, at.partition)]
    UnknownPartition {
        /// What was asked for.
        at: TopicPartition,
        /// How many partitions there are.
        partitions: u32,
    },
    /// The partition takes no more records.
    #[error("partition {} of topic `{}` is closed and takes no more records; look the topic's open partitions up again", .0.partition, .0.topic)]
    PartitionClosed(TopicPartition),
    /// The topic is there already.
    #[error("topic `{0}` already exists")]
    TopicExists(TopicName),
    /// A topic's configuration cannot be met.
    #[error("topic `{topic}` cannot be kept so: {rule}")]
    InvalidConfig {
        /// The topic.
        topic: TopicName,
        /// The rule that is broken.
        rule: String,
    },
    /// A record is larger than the log takes.
    #[error("a record of {size} bytes is larger than the {limit} bytes that topic `{topic}` takes")]
    RecordTooLarge {
        /// The topic.
        topic: TopicName,
        /// The record's bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More bytes wait to be stored than memory is set aside for.
    #[error("the log has {waiting} bytes waiting to be stored and takes no more now; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// Bytes that wait.
        waiting: usize,
        /// When to try again.
        retry_after: Duration,
    },
    /// The offset is not in the partition.
    #[error("offset {offset} of {at} is not there: it holds {earliest} to before {end}")]
    OffsetOutOfRange {
        /// The partition.
        at: TopicPartition,
        /// What was asked for.
        offset: Offset,
        /// The first offset there.
        earliest: Offset,
        /// The next offset to be written.
        end: Offset,
    },
    /// Bytes on disk are not what was written.
    #[error("{} is damaged at byte {at}: {why}; restore it from a copy, or move the topic's folder away to go on without its records", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The byte in it.
        at: u64,
        /// What does not fit.
        why: String,
    },
    /// The data folder is used by another process, or another log.
    #[error("the log in {} is in use by another process; stop that one, or take another data folder", .0.display())]
    InUse(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "create" or "sync".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: Arc<std::io::Error>,
    },
    /// A write failed before. What is on disk is then unknown until a restart reads it back, so nothing is taken any more.
    #[error("the log takes no events since a write failed ({cause}); mend that and start again")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// A remote log's own failure.
    #[error("the {backend} log failed: {reason}")]
    Backend {
        /// Which one.
        backend: &'static str,
        /// What it said.
        reason: String,
    },
}

impl LogError {
    /// What an I/O error means that was met on `path`; for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Damage at byte `at` of `file`.
    pub(crate) fn corrupt(file: &Path, at: u64, why: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), at, why: why.into() }
    }
}
