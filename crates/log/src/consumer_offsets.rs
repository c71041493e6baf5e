//! How far consumer groups are: the counterpart of Kafka's `__consumer_offsets`.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use pinflow_event::{Offset, TopicPartition};

use crate::LogError;

/// How far a group is in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record that the group wants.
    pub offset: Offset,
    /// What the client wrote beside it; empty for none.
    pub metadata: String,
}

/// Committed offsets by group and partition.
///
/// A group is there from its first commit on. Its name is any text that is not empty. What was committed for a topic goes
/// when the topic is deleted; a topic of the same name that is made later begins without.
#[async_trait]
pub trait ConsumerOffsets: Send + Sync + fmt::Debug {
    /// Commits offsets, all of them or none; they are durable once this returns. Going back is allowed.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownPartition`]; as an append where it cannot be stored.
    async fn commit(&self, group: &str, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> Result<(), LogError>;

    /// All that a group has committed; nothing for an unknown group.
    ///
    /// # Errors
    /// [`LogError::Closed`], or what the backend reports.
    async fn committed(&self, group: &str) -> Result<BTreeMap<TopicPartition, CommittedOffset>, LogError>;

    /// The names of all groups that have committed, sorted.
    ///
    /// # Errors
    /// As [`ConsumerOffsets::committed`].
    async fn groups(&self) -> Result<Vec<String>, LogError>;

    /// Forgets a group with all it has committed; nothing happens for an unknown one.
    ///
    /// # Errors
    /// As [`ConsumerOffsets::commit`].
    async fn forget(&self, group: &str) -> Result<(), LogError>;
}
