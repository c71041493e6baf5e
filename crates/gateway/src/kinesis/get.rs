//! GetShardIterator and GetRecords.

use pinflow_access::Right;
use pinflow_event::{Offset, Record, TopicPartition};
use pinflow_log::{LogError, ReadLimit};
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::describe::ChildShard;
use super::member::{Blob, Integer, Text, Time};
use super::sequence_number::SequenceNumber;
use super::shard::ShardId;
use super::shard_iterator::ShardIterator;
use super::shards::Shard;
use super::starting_position::{StartingPosition, TYPES};
use super::stream::Stream;
use super::{Kinesis, KinesisError};
use crate::body::{BodyError, BodyShare};

/// Bytes in memory a byte of records, while it is read, written in base64 and sent.
const MEMORY_A_BYTE: usize = 3;
/// The smallest page that is worth a read.
const SMALLEST_PAGE: usize = 64 * 1024;
/// What one GetRecords returns at most.
const PAGE: ReadLimit = ReadLimit { records: 10_000, bytes: 10 * 1024 * 1024 };

/// The request of GetShardIterator.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetShardIterator {
    pub(crate) stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<Text>,
    /// The shard's id.
    pub(crate) shard_id: Option<Text>,
    /// One of the five types.
    pub(crate) shard_iterator_type: Option<Text>,
    /// For the two types that go by sequence number.
    pub(crate) starting_sequence_number: Option<Text>,
    /// For the type that goes by time.
    pub(crate) timestamp: Option<Time>,
}

/// The reply of GetShardIterator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShardIteratorReply {
    shard_iterator: String,
}

/// The request of GetRecords.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetRecords {
    pub(crate) shard_iterator: Option<Text>,
    pub(crate) limit: Option<Integer>,
}

/// The reply of GetRecords.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecordsReply {
    millis_behind_latest: u64,
    /// None once a closed shard has no more records; [`RecordsReply::child_shards`] says where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    records: Vec<RecordReply>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
    /// The memory that the records take, until they are sent.
    #[serde(skip)]
    memory: BodyShare,
}

impl RecordsReply {
    /// The reply as `write` makes it, and the memory that its records take until that is sent.
    pub(crate) fn written<T>(self, write: impl FnOnce(&Self) -> T) -> (T, BodyShare) {
        (write(&self), self.memory)
    }
}

/// A record in a reply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordReply {
    approximate_arrival_timestamp: Time,
    data: Blob,
    partition_key: String,
    sequence_number: String,
}

/// Records of a shard, and where it stands.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) records: Vec<RecordReply>,
    /// Where to read on.
    pub(super) next: Offset,
    pub(super) millis_behind_latest: u64,
    /// What follows the shard, where it is closed and has no more records.
    pub(super) child_shards: Option<Vec<ChildShard>>,
    /// The memory that the records take.
    pub(super) held: BodyShare,
}

impl Kinesis {
    /// Where to start reading a shard.
    ///
    /// # Errors
    /// [`KinesisError`].
    pub(crate) async fn get_shard_iterator(
        &self,
        request: GetShardIterator,
    ) -> Result<ShardIteratorReply, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.required_text("shardId", request.shard_id.as_ref(), TextRule::NAME);
        constraints.not_null("shardIteratorType", request.shard_iterator_type.as_ref());
        constraints.one_of("shardIteratorType", request.shard_iterator_type.as_ref(), &TYPES);
        constraints.text(
            "startingSequenceNumber",
            request.starting_sequence_number.as_ref(),
            TextRule::SEQUENCE_NUMBER,
        );
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Consume, "GetShardIterator", name, arn)?;
        let id = request.shard_id.as_deref().unwrap_or_default();
        let id = ShardId::parse(id).ok_or_else(|| self.unknown_shard(&stream, id))?;
        let (stream, shard) = self.stream_and_shard(&stream, id).await?;
        let position = StartingPosition {
            kind: request.shard_iterator_type.as_deref().unwrap_or_default(),
            sequence_number: request.starting_sequence_number.as_ref(),
            timestamp: request.timestamp,
        };
        let next = self.starting_offset(&stream, &shard, position).await?;
        let issued = self.backend.clock.now();
        let at = TopicPartition::new(stream.name().clone(), shard.id.0);
        let iterator = ShardIterator { at, stream_created: stream.topic.created, next, issued };
        Ok(ShardIteratorReply { shard_iterator: iterator.encode() })
    }

    /// The stream and one of its shards. Without the stream Kinesis says that the shard is not there.
    pub(super) async fn stream_and_shard(
        &self,
        stream: &pinflow_event::TopicName,
        id: ShardId,
    ) -> Result<(Stream, Shard), KinesisError> {
        let topic = match self.backend.log.topic(stream).await {
            Err(LogError::UnknownTopic(_)) => return Err(self.no_such_shard(stream, id)),
            topic => topic.map_err(|failure| self.error(stream, failure))?,
        };
        let found = Stream::of(topic)?;
        let shard = found.shards.get(id).ok_or_else(|| self.no_such_shard(stream, id))?;
        Ok((found, shard))
    }

    /// The records from an iterator on, of the stream `stream` where that is given.
    ///
    /// # Errors
    /// [`KinesisError`].
    pub(crate) async fn get_records(
        &self,
        stream: Option<&str>,
        request: GetRecords,
    ) -> Result<RecordsReply, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.range("limit", request.limit, 1..=10_000);
        constraints.required_text("shardIterator", request.shard_iterator.as_ref(), TextRule::SHARD_ITERATOR);
        constraints.check()?;
        let now = self.backend.clock.now();
        let mut iterator = ShardIterator::decode(request.shard_iterator.as_deref().unwrap_or_default(), now)?;
        if stream.is_some_and(|stream| stream != iterator.at.topic.as_str()) {
            return Err(KinesisError::InvalidArgument("Invalid ShardIterator.".to_owned()));
        }
        let name = Text(iterator.at.topic.to_string());
        let name = self.authorized(Right::Consume, "GetRecords", Some(&name), None)?;
        let (stream, shard) = self.stream_and_shard(&name, ShardId(iterator.at.partition)).await?;
        if stream.topic.created != iterator.stream_created {
            // Its numbers are smaller than all of the stream that has the name now.
            iterator.stream_created = stream.topic.created;
            iterator.next = Offset::ZERO;
        }
        let most = request.limit.and_then(|Integer(limit)| usize::try_from(limit).ok()).unwrap_or(PAGE.records);
        let page = self.page(&stream, &shard, iterator.next, ReadLimit { records: most, ..PAGE }).await?;
        iterator.next = page.next;
        iterator.issued = now;
        Ok(RecordsReply {
            millis_behind_latest: page.millis_behind_latest,
            next_shard_iterator: page.child_shards.is_none().then(|| iterator.encode()),
            records: page.records,
            child_shards: page.child_shards.unwrap_or_default(),
            memory: page.held,
        })
    }

    /// The records of a shard from `from` on. What is gone already is passed over, as Kinesis does.
    pub(super) async fn page(
        &self,
        stream: &Stream,
        shard: &Shard,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Page, KinesisError> {
        let at = TopicPartition::new(stream.name().clone(), shard.id.0);
        let (held, bytes) = self.hold(&at, limit.bytes)?;
        let limit = ReadLimit { bytes, ..limit };
        let mut next = from;
        let mut read = self.backend.log.read(&at, next, limit).await;
        if let Err(LogError::OffsetOutOfRange { earliest, end, .. }) = read {
            next = next.clamp(earliest, end);
            read = self.backend.log.read(&at, next, limit).await;
        }
        let records = read.map_err(|failure| self.error(stream.name(), failure))?;
        let end = self.bounds(&at).await?.end;
        let now = self.backend.clock.now();
        let behind = |since| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
        let mut millis_behind_latest = 0;
        if let Some(last) = records.last() {
            next = last.offset.plus(1);
            millis_behind_latest = if next < end { behind(last.timestamp) } else { 0 };
        }
        let mut child_shards = None;
        if let Some(closed) = shard.closed.filter(|_| records.is_empty() && next >= end) {
            millis_behind_latest = behind(closed);
            let children = stream.shards.all().into_iter().filter(|child| child.parents.contains(&shard.id));
            child_shards = Some(children.map(|child| ChildShard::of(&child)).collect());
        }
        let records = records.into_iter().map(|record| reply(shard, record)).collect();
        Ok(Page { records, next, millis_behind_latest, child_shards, held })
    }

    /// Memory for a page of `most` bytes, or of fewer while others are read too.
    fn hold(&self, at: &TopicPartition, most: usize) -> Result<(BodyShare, usize), KinesisError> {
        let mut bytes = most;
        while bytes >= SMALLEST_PAGE {
            let share = BodyShare::of(&self.backend.pages);
            if share.take(bytes * MEMORY_A_BYTE).is_ok() {
                return Ok((share, bytes));
            }
            bytes /= 2;
        }
        let message = self.rate_exceeded(&at.topic, at.partition);
        Err(KinesisError::ProvisionedThroughputExceeded { message, retry_after: BodyError::RETRY_AFTER })
    }
}

fn reply(shard: &Shard, record: Record) -> RecordReply {
    let number = SequenceNumber::of_record(shard.created, shard.id.0, record.offset, record.timestamp);
    RecordReply {
        approximate_arrival_timestamp: Time(record.timestamp),
        data: Blob(record.value.unwrap_or_default()),
        partition_key: String::from_utf8_lossy(&record.key.unwrap_or_default()).into_owned(),
        sequence_number: number.to_string(),
    }
}
