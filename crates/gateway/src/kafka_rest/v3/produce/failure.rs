//! Why one record is not in the log, while its neighbours may be.

use pinflow_event::TopicPartition;
use pinflow_log::LogError;

use crate::kafka_rest::error::RecordError;

/// A refused record. It stands in the body of a reply whose status says nothing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordFailure {
    /// The error code.
    pub(super) code: u32,
    /// What the client reads.
    pub(super) message: String,
}

impl RecordFailure {
    fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The record says something that cannot be.
    pub(super) fn bad_request(detail: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", detail.as_ref()))
    }

    /// The text is no JSON, or no record. The original's reply has its parser's own text.
    pub(super) fn not_a_record(reason: impl AsRef<str>) -> Self {
        Self::bad_request(format!("Error processing JSON: {}", reason.as_ref()))
    }

    /// A constraint is broken. Here the code is in the text: so it is in the original.
    fn payload(detail: &str) -> Self {
        Self::new(422, format!("Error: 42206 : Payload error. {detail}"))
    }

    /// A `null` in place of a record.
    pub(super) fn null() -> Self {
        Self::payload("Request body is empty. Data is required.")
    }

    /// A type with a schema, or none.
    pub(super) fn no_schema_registry() -> Self {
        Self::payload("Schema Registry must be configured when using schemas.")
    }

    /// A text that can be no topic's name.
    pub(super) fn invalid_topic(reason: &str) -> Self {
        Self::new(40002, format!("Invalid topic: {reason}"))
    }

    /// There is no such topic.
    pub(super) fn unknown_topic(topic: &str) -> Self {
        Self::new(40401, RecordError::unknown_topic(topic).message)
    }

    /// The topic has fewer partitions.
    pub(super) fn unknown_partition(topic: &str, partition: u32, partitions: u32) -> Self {
        Self::new(40401, RecordError::unknown_partition(topic, partition, partitions).message)
    }

    /// No topic has a partition of that number.
    pub(super) fn no_partition() -> Self {
        Self::new(40402, "Partition not found.")
    }

    /// The partition takes no more records.
    pub(super) fn closed_partition(at: &TopicPartition) -> Self {
        let TopicPartition { topic, partition } = at;
        Self::new(
            40402,
            format!(
                "Partition not found. Partition {partition} of topic {topic} is closed since its shard was split or merged; leave partition_id out, or name an open one."
            ),
        )
    }

    /// The record is larger than it may be.
    pub(super) fn too_large(size: usize, limit: usize) -> Self {
        Self::new(413, RecordError::too_large(size, limit).message)
    }

    /// The request's JSON object alone is larger than any request may be.
    pub(super) fn object_too_large(limit: usize) -> Self {
        Self::new(413, format!("A record's JSON is larger than the {limit} bytes that are read of it."))
    }

    /// The request has been open for too long.
    pub(super) fn open_for_too_long() -> Self {
        Self::new(408, "Streaming connection open for longer than allowed: Connection will be closed.")
    }

    /// More bytes wait than there is memory for.
    pub(super) fn overloaded() -> Self {
        Self::new(429, "Request rate limit exceeded: The rate limit of requests per second has been exceeded.")
    }

    /// What a failed append means for each of its records.
    pub(super) fn of_log(failure: &LogError) -> Self {
        match failure {
            LogError::UnknownTopic(topic) => Self::unknown_topic(topic.as_str()),
            LogError::UnknownPartition { at, partitions } => {
                Self::unknown_partition(at.topic.as_str(), at.partition.0, *partitions)
            }
            LogError::PartitionClosed(at) => Self::closed_partition(at),
            LogError::RecordTooLarge { size, limit, .. } => Self::too_large(*size, *limit),
            LogError::Overloaded { .. } => {
                Self::new(429, "Request rate limit exceeded: The rate limit of requests per second has been exceeded.")
            }
            failure => Self::new(50302, format!("Broker not available: {failure}")),
        }
    }
}
