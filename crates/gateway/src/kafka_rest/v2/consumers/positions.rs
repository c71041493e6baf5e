//! `.../positions`: where to read on, by offset or by time.

use chrono::DateTime;
use pinflow_event::{Timestamp, TopicPartition};
use serde::Deserialize;

use super::offsets::checked_offset;
use super::request::{ConsumerBody, Unrecognized, checked_partition, required};
use crate::kafka_rest::consumer_groups::{Consumer, Seek};
use crate::kafka_rest::error::KafkaRestError;

#[derive(Debug, Deserialize)]
struct SeekBody {
    offsets: Option<Vec<OffsetBody>>,
    timestamps: Option<Vec<TimestampBody>>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

#[derive(Debug, Deserialize)]
struct OffsetBody {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    /// Accepted and not used, as by the original.
    #[serde(rename = "metadata")]
    _metadata: Option<String>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

#[derive(Debug, Deserialize)]
struct TimestampBody {
    topic: Option<String>,
    partition: Option<i32>,
    timestamp: Option<String>,
    #[serde(rename = "metadata")]
    _metadata: Option<String>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

impl ConsumerBody for SeekBody {
    fn unrecognized(&self) -> Option<&String> {
        let in_offsets = self.offsets.iter().flatten().find_map(|offset| offset.unrecognized.keys().next());
        let in_timestamps = self.timestamps.iter().flatten().find_map(|time| time.unrecognized.keys().next());
        in_offsets.or(in_timestamps).or_else(|| self.unrecognized.keys().next())
    }
}

/// Sets the positions that a body names: the offsets first, then the timestamps.
///
/// # Errors
/// Those of the body; as [`Consumer::seek`].
pub(super) async fn seek(consumer: &Consumer<'_>, body: &[u8]) -> Result<(), KafkaRestError> {
    let SeekBody { offsets, timestamps, .. } = required(body)?;
    let mut seeks: Vec<(TopicPartition, Seek)> = Vec::new();
    for (index, given) in offsets.into_iter().flatten().enumerate() {
        let path = format!("offsets[{index}]");
        let at = checked_partition(given.topic, given.partition, &path)?;
        seeks.push((at, Seek::Offset(checked_offset(given.offset, &path)?)));
    }
    for (index, given) in timestamps.into_iter().flatten().enumerate() {
        let path = format!("timestamps[{index}]");
        let at = checked_partition(given.topic, given.partition, &path)?;
        seeks.push((at, Seek::Time(checked_time(given.timestamp.as_deref(), &path)?)));
    }
    Ok(consumer.seek(seeks).await?)
}

fn checked_time(timestamp: Option<&str>, path: &str) -> Result<Timestamp, KafkaRestError> {
    let Some(text) = timestamp else {
        return Err(KafkaRestError::Constraint(format!("{path}.timestamp may not be null (was null)")));
    };
    let instant = DateTime::parse_from_rfc3339(text);
    let refusal = |_| format!("{path}.timestamp `{text}` is no ISO 8601 instant; write it as 2026-01-31T12:00:00Z");
    instant.map(|at| Timestamp::from_millis(at.timestamp_millis())).map_err(|e| KafkaRestError::BadRequest(refusal(e)))
}
