//! Kinesis Data Streams on top of a log, without any HTTP: a stream is a topic, a shard a partition of it.
//!
//! An operation is a method of [`Kinesis`], from a request to a reply. The API Gateway dialect and the native one both call
//! them. A method checks the constraints of the service's model first, in the order in which Kinesis names what is broken,
//! then the caller's right, then the stream itself.

mod arn;
mod constraint;
mod consumers;
mod describe;
mod error;
mod get;
mod list_shards;
mod member;
mod page_token;
mod policies;
mod put;
mod reshard;
mod resharding;
mod retention;
pub(crate) mod schema;
mod sequence_number;
mod shard;
mod shard_iterator;
mod shards;
mod starting_position;
mod stream;
mod stream_settings;
mod streams;
mod subscribe;
mod tags;

use std::sync::Arc;

use pinflow_access::{Caller, Right};
use pinflow_event::{Partition, TopicName};
use pinflow_log::{LogError, TopicChange, TopicDescription};

use crate::dialect::{Backend, Call};
use crate::metrics::RequestMetrics;

pub(crate) use describe::DescribeStream;
pub(crate) use error::KinesisError;
pub(crate) use get::{GetRecords, GetShardIterator};
pub(crate) use member::{Blob, Integer, List, Structure, Text, Time};
pub(crate) use put::{PutEntry, PutRecord, PutRecords};
pub(crate) use streams::{CreateStream, DeleteStream, ListStreams};
pub(crate) use subscribe::{Subscription, SubscriptionEvent};

use shard::ShardId;
use stream::Stream;

/// The operations of Kinesis, on behalf of a caller.
#[derive(Clone, Debug)]
pub(crate) struct Kinesis {
    backend: Arc<Backend>,
    metrics: Arc<RequestMetrics>,
    caller: Caller,
    /// Whether a record for an unknown stream makes the stream.
    creates_streams: bool,
}

impl Kinesis {
    /// The operations as Kinesis has them, on behalf of `caller`.
    pub(crate) fn new(call: &Call, caller: Caller) -> Self {
        let (backend, metrics) = (Arc::clone(&call.backend), Arc::clone(&call.metrics));
        Self { backend, metrics, caller, creates_streams: false }
    }

    /// The operations where a record for an unknown stream may make the stream, if the settings allow it.
    pub(crate) fn creating_streams(call: &Call) -> Self {
        let creates_streams = call.backend.settings.auto_create_streams;
        Self { creates_streams, ..Self::new(call, call.caller.clone()) }
    }

    fn account(&self) -> &str {
        &self.backend.settings.account_id
    }

    /// The stream of a name or an ARN whose constraints are checked, where the caller may do `operation` with it.
    fn authorized(
        &self,
        right: Right,
        operation: &str,
        name: Option<&Text>,
        arn: Option<&Text>,
    ) -> Result<TopicName, KinesisError> {
        let stream = arn::stream_name(name, arn)?;
        if self.caller.may(right, &stream) {
            return Ok(stream);
        }
        Err(KinesisError::AccessDenied(format!(
            "User: arn:aws:iam::{}:user/{} is not authorized to perform: kinesis:{operation} on resource: {} because no \
             identity-based policy allows the kinesis:{operation} action",
            self.account(),
            self.caller.name().unwrap_or("anonymous"),
            self.stream_arn(&stream)
        )))
    }

    async fn describe(&self, stream: &TopicName) -> Result<TopicDescription, KinesisError> {
        self.backend.log.topic(stream).await.map_err(|failure| self.error(stream, failure))
    }

    async fn stream(&self, name: &TopicName) -> Result<Stream, KinesisError> {
        Stream::of(self.describe(name).await?)
    }

    /// Changes a stream. What the change is made of must be read under the [`Backend::administration`] lock.
    async fn alter(&self, stream: &TopicName, change: TopicChange) -> Result<(), KinesisError> {
        let altered = self.backend.log.alter_topic(stream, change).await;
        altered.map(drop).map_err(|failure| self.error(stream, failure))
    }

    fn no_such_shard(&self, stream: &TopicName, shard: ShardId) -> KinesisError {
        let account = self.account();
        KinesisError::ResourceNotFound(format!(
            "Shard {shard} in stream {stream} under account {account} does not exist"
        ))
    }

    fn unknown_shard(&self, stream: &TopicName, shard: impl std::fmt::Display) -> KinesisError {
        let account = self.account();
        KinesisError::ResourceNotFound(format!(
            "Could not find shard {shard} in stream {stream} under account {account}."
        ))
    }

    fn rate_exceeded(&self, stream: &TopicName, shard: Partition) -> String {
        format!("Rate exceeded for shard {} in stream {stream} under account {}.", ShardId(shard), self.account())
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
            LogError::InvalidConfig { .. } => KinesisError::LimitExceeded(failure.to_string()),
            LogError::RecordTooLarge { .. } => KinesisError::InvalidArgument(failure.to_string()),
            LogError::UnknownPartition { at, .. } => self.no_such_shard(stream, ShardId(at.partition)),
            LogError::Overloaded { retry_after, .. } => KinesisError::ProvisionedThroughputExceeded {
                message: format!("Rate exceeded for stream {stream} under account {}.", self.account()),
                retry_after,
            },
            failure => KinesisError::ServiceUnavailable(failure.to_string()),
        }
    }
}
