//! SubscribeToShard: records are pushed as they arrive.

use std::time::Duration;

use pinflow_access::Right;
use pinflow_event::{Offset, Timestamp, TopicPartition};
use pinflow_log::ReadLimit;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::arn;
use super::constraint::{Constraints, TextRule};
use super::describe::ChildShard;
use super::get::RecordReply;
use super::member::{Structure, Text, Time};
use super::sequence_number::SequenceNumber;
use super::shard::ShardId;
use super::starting_position::{StartingPosition, TYPES};
use super::{Kinesis, KinesisError};
use crate::body::BodyShare;

/// How long a subscription lasts; then the client subscribes anew.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long nothing is sent at most: an event without records shows that the subscription lives.
const SILENCE: Duration = Duration::from_secs(5);
/// What one event holds at most.
const PAGE: ReadLimit = ReadLimit { records: 1_000, bytes: 1024 * 1024 };

/// The request of SubscribeToShard.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SubscribeToShard {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<Text>,
    shard_id: Option<Text>,
    starting_position: Option<Structure<Position>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Position {
    r#type: Option<Text>,
    sequence_number: Option<Text>,
    timestamp: Option<Time>,
}

/// What is pushed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SubscriptionEvent {
    records: Vec<RecordReply>,
    /// A later subscription goes on after this number.
    continuation_sequence_number: String,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
    /// The memory that the records take, until they are written.
    #[serde(skip)]
    _held: BodyShare,
}

/// A subscription that runs.
#[derive(Debug)]
pub(crate) struct Subscription {
    kinesis: Kinesis,
    at: TopicPartition,
    next: Offset,
    begun: bool,
    ends: Timestamp,
    over: bool,
}

impl Kinesis {
    /// Begins a subscription.
    ///
    /// # Errors
    /// [`KinesisError`].
    pub(crate) async fn subscribe_to_shard(&self, request: SubscribeToShard) -> Result<Subscription, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.required_text("consumerARN", request.consumer_arn.as_ref(), TextRule::CONSUMER_ARN);
        constraints.required_text("shardId", request.shard_id.as_ref(), TextRule::NAME);
        constraints.not_null("startingPosition", request.starting_position.as_ref());
        if let Some(Structure(position)) = &request.starting_position {
            constraints.text(
                "startingPosition.sequenceNumber",
                position.sequence_number.as_ref(),
                TextRule::SEQUENCE_NUMBER,
            );
            constraints.not_null("startingPosition.type", position.r#type.as_ref());
            constraints.one_of("startingPosition.type", position.r#type.as_ref(), &TYPES);
        }
        constraints.check()?;
        let (stream_arn, consumer) = arn::resource(request.consumer_arn.as_ref());
        let name = self.authorized(Right::Consume, "SubscribeToShard", None, Some(&stream_arn))?;
        let id = request.shard_id.as_deref().unwrap_or_default();
        let id = ShardId::parse(id).ok_or_else(|| self.unknown_shard(&name, id))?;
        let (stream, shard) = self.stream_and_shard(&name, id).await?;
        if let Some(consumer) = consumer {
            self.find_consumer(&stream, &consumer)?;
        }
        let Structure(position) = request.starting_position.unwrap_or_default();
        let position = StartingPosition {
            kind: position.r#type.as_deref().unwrap_or_default(),
            sequence_number: position.sequence_number.as_ref(),
            timestamp: position.timestamp,
        };
        let next = self.starting_offset(&stream, &shard, position).await?;
        let at = TopicPartition::new(name, id.0);
        let ends = self.backend.clock.now().plus(LIFETIME);
        Ok(Subscription { kinesis: self.clone(), at, next, begun: false, ends, over: false })
    }
}

impl Subscription {
    /// The next event, as soon as there are records, and every few seconds without any. `None` once it is over: after its
    /// time, or with the end of a closed shard.
    ///
    /// # Errors
    /// [`KinesisError`], after which it is over.
    pub(crate) async fn next(&mut self) -> Option<Result<SubscriptionEvent, KinesisError>> {
        if self.over || self.kinesis.backend.clock.now() >= self.ends {
            return None;
        }
        let event = self.event().await;
        self.over |= event.is_err();
        Some(event)
    }

    async fn event(&mut self) -> Result<SubscriptionEvent, KinesisError> {
        let event = self.read().await?;
        // The first event is sent at once, so that the client knows that the subscription has begun.
        let begins = !std::mem::replace(&mut self.begun, true);
        if begins || self.over || !event.records.is_empty() {
            return Ok(event);
        }
        // Who waits holds no memory.
        drop(event);
        let left = self.ends.since(self.kinesis.backend.clock.now());
        // Whatever ends the wait, also the end of the log, shows when the records are read.
        drop(timeout(left.min(SILENCE), self.kinesis.backend.log.wait_beyond(&self.at, self.next)).await);
        self.read().await
    }

    /// The records that there are now.
    async fn read(&mut self) -> Result<SubscriptionEvent, KinesisError> {
        let (stream, shard) = self.kinesis.stream_and_shard(&self.at.topic, ShardId(self.at.partition)).await?;
        let page = self.kinesis.page(&stream, &shard, self.next, PAGE).await?;
        self.next = page.next;
        self.over = page.child_shards.is_some();
        let now = self.kinesis.backend.clock.now();
        let number = match shard.end().filter(|_| self.over) {
            Some(end) => end,
            None => SequenceNumber::before(shard.created, shard.id.0, page.next, now),
        };
        Ok(SubscriptionEvent {
            records: page.records,
            continuation_sequence_number: number.to_string(),
            millis_behind_latest: page.millis_behind_latest,
            child_shards: page.child_shards.unwrap_or_default(),
            _held: page.held,
        })
    }
}
