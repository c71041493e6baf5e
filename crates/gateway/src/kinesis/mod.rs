//! Kinesis Data Streams on top of a log, without any HTTP: a stream is a topic, a shard a partition of it.
//!
//! The API Gateway dialect calls the operations from here; a native dialect can do the same.

mod constraint;
mod error;
mod get;
mod put;
mod sequence_number;
mod shard;
mod shard_iterator;
mod stream_name;
mod streams;

use std::sync::Arc;

use pinflow_event::TopicName;
use pinflow_log::{LogError, TopicDescription};

use crate::dialect::{Backend, Call};
use crate::metrics::RequestMetrics;

pub(crate) use error::KinesisError;
pub(crate) use get::GetShardIterator;
pub(crate) use put::PutEntry;
pub(crate) use streams::ListStreams;

/// The operations of Kinesis.
#[derive(Debug)]
pub(crate) struct Kinesis {
    backend: Arc<Backend>,
    metrics: Arc<RequestMetrics>,
}

impl Kinesis {
    /// The operations, on behalf of a call.
    pub(crate) fn new(call: &Call) -> Self {
        Self { backend: Arc::clone(&call.backend), metrics: Arc::clone(&call.metrics) }
    }

    fn account(&self) -> &str {
        &self.backend.settings.account_id
    }

    async fn describe(&self, stream: &TopicName) -> Result<TopicDescription, KinesisError> {
        self.backend.log.topic(stream).await.map_err(|failure| self.error(stream, failure))
    }

    /// What a failure of the log is in Kinesis.
    fn error(&self, stream: &TopicName, failure: LogError) -> KinesisError {
        match failure {
            LogError::UnknownTopic(_) => {
                KinesisError::ResourceNotFound(format!("Stream {stream} under account {} not found.", self.account()))
            }
            LogError::TopicExists(_) => {
                KinesisError::ResourceInUse(format!("Stream {stream} under account {} already exists.", self.account()))
            }
            LogError::InvalidConfig { .. } | LogError::RecordTooLarge { .. } => {
                KinesisError::InvalidArgument(failure.to_string())
            }
            LogError::UnknownPartition { at, .. } => KinesisError::ResourceNotFound(format!(
                "Shard {} in stream {stream} under account {} does not exist",
                shard::ShardId(at.partition),
                self.account()
            )),
            LogError::Overloaded { retry_after, .. } => KinesisError::ProvisionedThroughputExceeded {
                message: format!("Rate exceeded for stream {stream} under account {}.", self.account()),
                retry_after,
            },
            failure => KinesisError::ServiceUnavailable(failure.to_string()),
        }
    }
}
