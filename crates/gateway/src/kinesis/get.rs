//! GetShardIterator and GetRecords.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pinflow_event::{Offset, Record, Timestamp, TopicPartition};
use pinflow_log::{Bounds, LogError, ReadLimit, TopicDescription};
use serde::Serialize;

use super::constraint::Constraints;
use super::sequence_number::SequenceNumber;
use super::shard::ShardId;
use super::shard_iterator::ShardIterator;
use super::{Kinesis, KinesisError, stream_name};

/// What one GetRecords returns at most.
const PAGE: ReadLimit = ReadLimit { records: 10_000, bytes: 10 * 1024 * 1024 };
const ITERATOR_TYPES: [&str; 5] =
    ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

/// The request of GetShardIterator.
#[derive(Debug, Default)]
pub(crate) struct GetShardIterator {
    /// The shard's id.
    pub(crate) shard_id: Option<String>,
    /// One of the five types.
    pub(crate) kind: Option<String>,
    /// For the two types that go by sequence number.
    pub(crate) starting_sequence_number: Option<String>,
    /// For the type that goes by time.
    pub(crate) timestamp: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShardIteratorReply {
    shard_iterator: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecordsReply {
    millis_behind_latest: u128,
    next_shard_iterator: String,
    records: Vec<RecordReply>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecordReply {
    approximate_arrival_timestamp: f64,
    data: String,
    partition_key: String,
    sequence_number: String,
}

impl Kinesis {
    /// Where to start reading a shard.
    ///
    /// # Errors
    /// [`KinesisError`].
    pub(crate) async fn get_shard_iterator(
        &self,
        stream: &str,
        request: GetShardIterator,
    ) -> Result<ShardIteratorReply, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.not_null(request.shard_id.as_ref(), "shardId");
        constraints.not_null(request.kind.as_ref(), "shardIteratorType");
        if let Some(kind) = request.kind.as_ref().filter(|kind| !ITERATOR_TYPES.contains(&kind.as_str())) {
            let types = ITERATOR_TYPES.join(", ");
            constraints.broken(
                kind,
                "shardIteratorType",
                format_args!("Member must satisfy enum value set: [{types}]"),
            );
        }
        let stream = stream_name::note(stream, &mut constraints);
        constraints.check()?;
        let topic = self.describe(&stream.expect(stream_name::CHECKED)).await?;
        let at = self.find_shard(&topic, request.shard_id.as_deref().unwrap_or_default())?;
        let next = self.starting_offset(&topic, &at, &request).await?;
        let issued = self.backend.clock.now();
        let iterator = ShardIterator { at, stream_created: topic.created, next, issued };
        Ok(ShardIteratorReply { shard_iterator: iterator.encode() })
    }

    fn find_shard(&self, topic: &TopicDescription, id: &str) -> Result<TopicPartition, KinesisError> {
        match ShardId::parse(id) {
            Some(ShardId(number)) if number.0 < topic.config.partitions => {
                Ok(TopicPartition::new(topic.name.clone(), number))
            }
            Some(_) => Err(KinesisError::ResourceNotFound(format!(
                "Shard {id} in stream {} under account {} does not exist",
                topic.name,
                self.account()
            ))),
            None => Err(KinesisError::ResourceNotFound(format!(
                "Could not find shard {id} in stream {} under account {}.",
                topic.name,
                self.account()
            ))),
        }
    }

    async fn starting_offset(
        &self,
        topic: &TopicDescription,
        at: &TopicPartition,
        request: &GetShardIterator,
    ) -> Result<Offset, KinesisError> {
        let kind = request.kind.as_deref().unwrap_or_default();
        let number = match &request.starting_sequence_number {
            Some(text) if kind.ends_with("_SEQUENCE_NUMBER") => Some(self.own_number(topic, at, text)?),
            None if kind.ends_with("_SEQUENCE_NUMBER") => return Err(number_and_type(kind, "no")),
            Some(_) => return Err(number_and_type(kind, "also a")),
            None => None,
        };
        match (kind, number) {
            ("AT_SEQUENCE_NUMBER", Some(number)) => Ok(number.offset()),
            ("AFTER_SEQUENCE_NUMBER", Some(number)) => Ok(number.next_offset()),
            ("AT_TIMESTAMP", _) => {
                let time = self.past_time(request.timestamp)?;
                self.backend.log.offset_at(at, time).await.map_err(|failure| self.error(&topic.name, failure))
            }
            ("LATEST", _) => Ok(self.bounds(at).await?.end),
            _ => Ok(self.bounds(at).await?.earliest),
        }
    }

    fn own_number(
        &self,
        topic: &TopicDescription,
        at: &TopicPartition,
        text: &str,
    ) -> Result<SequenceNumber, KinesisError> {
        let number = SequenceNumber::parse(text).filter(|number| number.belongs_to(topic.created, at.partition));
        number.ok_or_else(|| {
            KinesisError::InvalidArgument(format!(
                "StartingSequenceNumber {text} used in GetShardIterator on shard {} in stream {} under account {} is invalid \
                 because it did not come from this stream.",
                ShardId(at.partition),
                topic.name,
                self.account()
            ))
        })
    }

    fn past_time(&self, time: Option<Timestamp>) -> Result<Timestamp, KinesisError> {
        let time = time.ok_or_else(|| {
            KinesisError::InvalidArgument(
                "Must specify timestamp parameter for iterator of type AT_TIMESTAMP. Request specified no timestamp parameter."
                    .to_owned(),
            )
        })?;
        let now = self.backend.clock.now();
        if time > now {
            return Err(KinesisError::InvalidArgument(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                 timestampInMillis: {time}, currentTimestampInMillis: {now}"
            )));
        }
        Ok(time)
    }

    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, KinesisError> {
        self.backend.log.bounds(at).await.map_err(|failure| self.error(&at.topic, failure))
    }

    /// The records from an iterator on, of the stream `stream` where that is given.
    ///
    /// # Errors
    /// [`KinesisError`].
    pub(crate) async fn get_records(
        &self,
        stream: Option<&str>,
        iterator: Option<&str>,
    ) -> Result<RecordsReply, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.not_null(iterator, "shardIterator");
        constraints.check()?;
        let now = self.backend.clock.now();
        let mut iterator = ShardIterator::decode(iterator.unwrap_or_default(), now)?;
        if stream.is_some_and(|stream| stream != iterator.at.topic.as_str()) {
            return Err(KinesisError::InvalidArgument("Invalid ShardIterator.".to_owned()));
        }
        let topic = self.describe(&iterator.at.topic).await?;
        if topic.created != iterator.stream_created {
            return Err(self.error(&topic.name, LogError::UnknownTopic(topic.name.clone())));
        }
        let records = self.read(&mut iterator).await?;
        let end = self.bounds(&iterator.at).await?.end;
        if let Some(last) = records.last() {
            iterator.next = last.offset.plus(1);
        }
        iterator.issued = now;
        let behind = records.last().filter(|_| iterator.next < end).map(|last| now.since(last.timestamp).as_millis());
        Ok(RecordsReply {
            millis_behind_latest: behind.unwrap_or(0),
            next_shard_iterator: iterator.encode(),
            records: records.into_iter().map(|record| reply(&topic, &iterator.at, record)).collect(),
        })
    }

    /// Reads on. What is gone already is passed over, as Kinesis does.
    async fn read(&self, iterator: &mut ShardIterator) -> Result<Vec<Record>, KinesisError> {
        let log = &self.backend.log;
        let mut read = log.read(&iterator.at, iterator.next, PAGE).await;
        if let Err(LogError::OffsetOutOfRange { earliest, end, .. }) = read {
            iterator.next = iterator.next.clamp(earliest, end);
            read = log.read(&iterator.at, iterator.next, PAGE).await;
        }
        read.map_err(|failure| self.error(&iterator.at.topic, failure))
    }
}

fn reply(topic: &TopicDescription, at: &TopicPartition, record: Record) -> RecordReply {
    let key = record.key.unwrap_or_default();
    RecordReply {
        approximate_arrival_timestamp: record.timestamp.as_millis() as f64 / 1_000.0,
        data: BASE64.encode(record.value.unwrap_or_default()),
        partition_key: String::from_utf8_lossy(&key).into_owned(),
        sequence_number: SequenceNumber::of_record(topic.created, at.partition, record.offset, record.timestamp)
            .to_string(),
    }
}

fn number_and_type(kind: &str, given: &str) -> KinesisError {
    KinesisError::InvalidArgument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or \
         LATEST and no StartingSequenceNumber. Request specified {kind} and {given} StartingSequenceNumber."
    ))
}
