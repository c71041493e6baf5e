//! Where to start reading a shard: the five types of positions.

use pinflow_event::{Offset, Timestamp, TopicPartition};
use pinflow_log::Bounds;

use super::member::{Text, Time};
use super::sequence_number::{ForeignNumber, SequenceNumber};
use super::shard::ShardId;
use super::shards::Shard;
use super::stream::Stream;
use super::{Kinesis, KinesisError};

/// The names of the types, in the order in which Kinesis lists them.
pub(super) const TYPES: [&str; 5] =
    ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];

/// A position as the client says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartingPosition<'a> {
    /// One of [`TYPES`].
    pub(super) kind: &'a str,
    /// For the two types that go by sequence number.
    pub(super) sequence_number: Option<&'a Text>,
    /// For the type that goes by time.
    pub(super) timestamp: Option<Time>,
}

impl Kinesis {
    /// The offset of the first record from a position on.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for members that do not go together, numbers of other shards, times to come.
    pub(super) async fn starting_offset(
        &self,
        stream: &Stream,
        shard: &Shard,
        position: StartingPosition<'_>,
    ) -> Result<Offset, KinesisError> {
        let kind = position.kind;
        let by_number = kind.ends_with("_SEQUENCE_NUMBER");
        let at = TopicPartition::new(stream.name().clone(), shard.id.0);
        match (kind, position.sequence_number) {
            ("TRIM_HORIZON" | "LATEST", Some(_)) => Err(number_and_type(kind, "also a")),
            (_, Some(text)) => {
                let number = self.own_number(stream, shard, text)?;
                let after = kind == "AFTER_SEQUENCE_NUMBER";
                Ok(if after { number.next_offset() } else { number.offset() })
            }
            (_, None) if by_number => Err(number_and_type(kind, "no")),
            ("AT_TIMESTAMP", None) => {
                let time = self.past_time(position.timestamp)?;
                let offset = self.backend.log.offset_at(&at, time).await;
                offset.map_err(|failure| self.error(stream.name(), failure))
            }
            ("LATEST", None) => Ok(self.bounds(&at).await?.end),
            _ => Ok(self.bounds(&at).await?.earliest),
        }
    }

    fn own_number(&self, stream: &Stream, shard: &Shard, text: &str) -> Result<SequenceNumber, KinesisError> {
        let invalid = |why: &str| {
            KinesisError::InvalidArgument(format!(
                "StartingSequenceNumber {text} used in GetShardIterator on shard {} in stream {} under account {} is invalid{why}",
                shard.id,
                stream.name(),
                self.account()
            ))
        };
        let Some(foreign) = ForeignNumber::parse(text) else { return Err(invalid(".")) };
        if foreign.shard != shard.id.0 {
            return Err(KinesisError::InvalidArgument(format!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                ShardId(foreign.shard),
                shard.id
            )));
        }
        let own = SequenceNumber::parse(text).filter(|number| number.belongs_to(shard.created, shard.id.0));
        own.ok_or_else(|| invalid(" because it did not come from this stream."))
    }

    fn past_time(&self, time: Option<Time>) -> Result<Timestamp, KinesisError> {
        let Some(Time(time)) = time else {
            return Err(KinesisError::InvalidArgument(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."
                    .to_owned(),
            ));
        };
        let now = self.backend.clock.now();
        if time > now {
            return Err(KinesisError::InvalidArgument(format!(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: {time}, \
                 currentTimestampInMillis: {now}"
            )));
        }
        Ok(time)
    }

    pub(super) async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, KinesisError> {
        self.backend.log.bounds(at).await.map_err(|failure| self.error(&at.topic, failure))
    }
}

fn number_and_type(kind: &str, given: &str) -> KinesisError {
    KinesisError::InvalidArgument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or \
         LATEST and no StartingSequenceNumber. Request specified {kind} and {given} StartingSequenceNumber."
    ))
}
