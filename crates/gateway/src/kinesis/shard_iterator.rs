//! Shard iterators: opaque texts that say where to read on. They hold all there is to know, so that the gateway keeps nothing.
//!
//! They have the size and the first bytes of those of AWS: 8 bytes of a version, then blocks of 16 whose number depends on the
//! length of the stream's name.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use md5::{Digest, Md5};
use pinflow_event::{Offset, Partition, Timestamp, TopicName, TopicPartition};

use super::KinesisError;

/// How long an iterator, or a token for the next page, can be used.
pub(super) const LIFETIME: Duration = Duration::from_secs(300);
const VERSION: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const CHECKSUM_BYTES: usize = 8;

/// Where to read on in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardIterator {
    /// The stream and the shard.
    pub(super) at: TopicPartition,
    /// When the stream was made: a later one of that name has other records.
    pub(super) stream_created: Timestamp,
    /// The next record.
    pub(super) next: Offset,
    /// When the iterator was given out.
    pub(super) issued: Timestamp,
}

impl ShardIterator {
    /// The text for the client.
    pub(super) fn encode(&self) -> String {
        let name = self.at.topic.as_str();
        let mut bytes = VERSION.to_vec();
        bytes.extend_from_slice(&self.issued.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.stream_created.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.next.0.to_be_bytes());
        bytes.extend_from_slice(&self.at.partition.0.to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.resize(152 + (name.len() + 2) / 16 * 16 - CHECKSUM_BYTES, 0);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        BASE64.encode(bytes)
    }

    /// Reads a client's text, at the time `now`.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for one that was not given out here; [`KinesisError::ExpiredIterator`].
    pub(super) fn decode(text: &str, now: Timestamp) -> Result<Self, KinesisError> {
        let iterator =
            Self::parse(text).ok_or_else(|| KinesisError::InvalidArgument("Invalid ShardIterator.".to_owned()))?;
        if now.since(iterator.issued) > LIFETIME {
            return Err(KinesisError::ExpiredIterator(format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future than \
                 the tolerated delay of {} milliseconds.",
                date(iterator.issued),
                date(now),
                LIFETIME.as_millis()
            )));
        }
        Ok(iterator)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (content, given) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        if checksum(content) != *given {
            return None;
        }
        let rest = content.strip_prefix(&VERSION)?;
        let (issued, rest) = rest.split_first_chunk::<8>()?;
        let (stream_created, rest) = rest.split_first_chunk::<8>()?;
        let (next, rest) = rest.split_first_chunk::<8>()?;
        let (partition, name) = rest.split_first_chunk::<4>()?;
        let topic = TopicName::new(std::str::from_utf8(name).ok()?.trim_end_matches('\0')).ok()?;
        Some(Self {
            at: TopicPartition::new(topic, Partition(u32::from_be_bytes(*partition))),
            stream_created: Timestamp::from_millis(i64::from_be_bytes(*stream_created)),
            next: Offset(u64::from_be_bytes(*next)),
            issued: Timestamp::from_millis(i64::from_be_bytes(*issued)),
        })
    }
}

/// A time as AWS writes it in this one message, as in `Thu Jan 22 01:22:02 UTC 2015`.
fn date(time: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default();
    time.format("%a %b %d %H:%M:%S UTC %Y").to_string()
}

/// Tells a mistyped or cut iterator from a whole one; it is no protection, and need not be: all in it is checked again.
fn checksum(content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [checksum @ .., _, _, _, _, _, _, _, _] = <[u8; 16]>::from(Md5::digest(content));
    checksum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn iterator(name: &str) -> ShardIterator {
        ShardIterator {
            at: TopicPartition::new(TopicName::new(name).unwrap(), Partition(3)),
            stream_created: Timestamp::from_millis(1),
            next: Offset(42),
            issued: Timestamp::from_millis(1_000),
        }
    }

    #[test]
    fn an_iterator_is_good_for_five_minutes() {
        let iterator = iterator("s");
        let text = iterator.encode();
        assert_eq!(ShardIterator::decode(&text, Timestamp::from_millis(301_000)).unwrap(), iterator);
        let expired = ShardIterator::decode(&text, Timestamp::from_millis(301_001)).unwrap_err();
        assert_eq!(expired.kind(), "ExpiredIteratorException");
        assert_eq!(
            expired.to_string(),
            "Iterator expired. The iterator was created at time Thu Jan 01 00:00:01 UTC 1970 while right now it is Thu Jan 01 \
             00:05:01 UTC 1970 which is further in the future than the tolerated delay of 300000 milliseconds."
        );
        // A clock that was set back does no harm.
        assert!(ShardIterator::decode(&text, Timestamp::from_millis(0)).is_ok());
    }

    #[test]
    fn the_longest_name_fits() {
        let iterator = iterator(&"x".repeat(128));
        let text = iterator.encode();
        assert!(text.len() <= 512);
        assert_eq!(ShardIterator::decode(&text, iterator.issued).unwrap(), iterator);
    }

    #[test]
    fn an_iterator_has_the_size_of_those_of_aws() {
        for (length, bytes) in [(1, 152), (13, 152), (14, 168), (29, 168), (30, 184)] {
            let text = iterator(&"x".repeat(length)).encode();
            assert_eq!(BASE64.decode(text).unwrap().len(), bytes, "{length}");
        }
    }

    #[test]
    fn what_was_not_given_out_here_is_refused() {
        let good = iterator("s").encode();
        let mut texts = vec![
            String::new(),
            "AAAA".to_owned(),
            "é".to_owned(),
            "A".repeat(600),
            good[4..].to_owned(),
            format!("{good}AAAA"),
        ];
        texts.extend((0..good.len()).map(|cut| good[..cut].to_owned()));
        texts.extend((0..good.len()).map(|at| {
            let mut text = good.clone().into_bytes();
            text[at] = if text[at] == b'Q' { b'R' } else { b'Q' };
            String::from_utf8(text).unwrap()
        }));
        for text in texts {
            let refused = ShardIterator::decode(&text, Timestamp::from_millis(1_000)).unwrap_err();
            assert_eq!(refused.to_string(), "Invalid ShardIterator.", "{text}");
        }
    }
}
