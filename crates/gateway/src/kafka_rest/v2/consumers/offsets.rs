//! `.../offsets`: commits, and what was committed.

use std::collections::BTreeMap;

use pinflow_event::{Offset, Partition, TopicName};
use pinflow_log::CommittedOffset;
use serde::{Deserialize, Serialize};

use super::partitions::PartitionsBody;
use super::request::{ConsumerBody, Unrecognized, checked_partition, optional};
use crate::kafka_rest::consumer_groups::Consumer;
use crate::kafka_rest::error::KafkaRestError;

#[derive(Debug, Deserialize)]
struct CommitBody {
    offsets: Option<Vec<OffsetBody>>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

#[derive(Debug, Deserialize)]
struct OffsetBody {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    metadata: Option<String>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

impl ConsumerBody for CommitBody {
    fn unrecognized(&self) -> Option<&String> {
        let in_offsets = self.offsets.iter().flatten().find_map(|offset| offset.unrecognized.keys().next());
        in_offsets.or_else(|| self.unrecognized.keys().next())
    }
}

/// `POST .../offsets`: commits what the body names, or everything that was read.
///
/// # Errors
/// Those of the body; as [`Consumer::commit`].
pub(super) async fn commit(consumer: &Consumer<'_>, body: &[u8]) -> Result<(), KafkaRestError> {
    let Some(offsets) = optional::<CommitBody>(body)?.and_then(|body| body.offsets) else {
        return Ok(consumer.commit_all().await?);
    };
    let mut committed = BTreeMap::new();
    for (index, given) in offsets.into_iter().enumerate() {
        let path = format!("offsets[{index}]");
        let at = checked_partition(given.topic, given.partition, &path)?;
        let last_read = checked_offset(given.offset, &path)?;
        // The client names the last record that it has processed; what is committed is the next one.
        let metadata = given.metadata.unwrap_or_default();
        committed.insert(at, CommittedOffset { offset: last_read.plus(1), metadata });
    }
    Ok(consumer.commit(committed).await?)
}

/// An offset that a body names at `path`.
///
/// # Errors
/// [`KafkaRestError::Constraint`].
pub(super) fn checked_offset(offset: Option<i64>, path: &str) -> Result<Offset, KafkaRestError> {
    let given = offset.map_or_else(|| "null".to_owned(), |offset| offset.to_string());
    let offset = offset.and_then(|offset| u64::try_from(offset).ok()).map(Offset);
    let refusal = || format!("{path}.offset must be greater than or equal to 0 (was {given})");
    offset.ok_or_else(|| KafkaRestError::Constraint(refusal()))
}

#[derive(Serialize)]
pub(super) struct CommittedReply {
    offsets: Vec<OffsetReply>,
}

#[derive(Serialize)]
struct OffsetReply {
    topic: TopicName,
    partition: Partition,
    offset: Offset,
    metadata: String,
}

/// `GET .../offsets`.
///
/// # Errors
/// Those of the body; as [`Consumer::committed`].
pub(super) async fn committed(
    consumer: &Consumer<'_>,
    wanted: PartitionsBody,
) -> Result<CommittedReply, KafkaRestError> {
    let offsets = consumer.committed(wanted.check()?).await?;
    let reply = offsets.into_iter().map(|(at, committed)| OffsetReply {
        topic: at.topic,
        partition: at.partition,
        offset: committed.offset,
        metadata: committed.metadata,
    });
    Ok(CommittedReply { offsets: reply.collect() })
}
