//! Why a consumer cannot do what it was asked to.

use pinflow_event::{Offset, TopicName, TopicPartition};
use pinflow_log::LogError;

use super::limits::{MAX_ASSIGNED_PARTITIONS, MAX_METADATA_BYTES, MAX_NAME_BYTES, MAX_SUBSCRIBED_TOPICS};

/// A refused operation of a consumer. The texts are Kafka's and its REST proxy's where these have one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsumerError {
    /// No instance of that name: it never was, it was deleted, or nobody used it for too long.
    #[error("Consumer instance not found.")]
    UnknownInstance,
    /// The group has an instance of that name.
    #[error("Consumer with specified consumer ID already exists in the specified consumer group.")]
    InstanceExists,
    /// The node has as many instances as it may.
    #[error(
        "There are {limit} consumer instances, as many as this server keeps; delete those that are not used any more."
    )]
    TooManyInstances {
        /// The limit.
        limit: usize,
    },
    /// The name of a group or an instance is empty or too long.
    #[error("Invalid consumer configuration: the names of a group and an instance have 1 to {MAX_NAME_BYTES} bytes.")]
    InvalidName,
    /// A topic pattern is no regular expression, or too large a one.
    #[error("Invalid consumer configuration: {0}")]
    InvalidPattern(String),
    /// More topics or partitions than one instance may name.
    #[error(
        "an instance subscribes to {MAX_SUBSCRIBED_TOPICS} topics and is assigned {MAX_ASSIGNED_PARTITIONS} partitions at most; use several instances"
    )]
    TooManyPartitions,
    /// Topics, a pattern and partitions cannot be mixed in one instance.
    #[error("Illegal state: Subscription to topics, partitions and pattern are mutually exclusive")]
    MixedSubscription,
    /// The instance reads nothing yet.
    #[error("Illegal state: Consumer is not subscribed to any topics or assigned any partitions")]
    NothingToRead,
    /// A position was set in a partition that the instance does not read.
    #[error("Illegal state: No current assignment for partition {0}")]
    NotAssigned(TopicPartition),
    /// Nothing says where to begin, and the instance wants no default.
    #[error("Illegal state: Undefined offset with no reset policy for partitions: [{0}]")]
    NoOffset(TopicPartition),
    /// A record is not of the instance's format. The next read goes on after it.
    #[error(
        "Error deserializing key/value for partition {at} at offset {offset}: {reason}. The next read continues after this record; read it as binary, or seek, if it is needed."
    )]
    Unreadable {
        /// Its partition.
        at: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller may not read the topic.
    #[error("Not authorized to access topics: [{0}]")]
    NotAuthorized(TopicName),
    /// A commit's metadata is too long.
    #[error("The metadata field of the offset request was too large: {MAX_METADATA_BYTES} bytes at most.")]
    MetadataTooLarge,
    /// What others read takes all the memory that there is for it.
    #[error("too many bytes of records are read at once; read again later")]
    Overloaded,
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}
