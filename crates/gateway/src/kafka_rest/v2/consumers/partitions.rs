//! `.../assignments`, and the bodies that name partitions.

use pinflow_event::{Partition, TopicName, TopicPartition};
use serde::{Deserialize, Serialize};

use super::request::{ConsumerBody, PartitionBody, Unrecognized, required};
use crate::kafka_rest::consumer_groups::Consumer;
use crate::kafka_rest::error::KafkaRestError;

/// `{"partitions": [...]}`.
#[derive(Debug, Deserialize)]
pub(super) struct PartitionsBody {
    partitions: Option<Vec<PartitionBody>>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

impl ConsumerBody for PartitionsBody {
    fn unrecognized(&self) -> Option<&String> {
        let in_partitions = self.partitions.iter().flatten().find_map(|p| p.unrecognized.keys().next());
        in_partitions.or_else(|| self.unrecognized.keys().next())
    }
}

impl PartitionsBody {
    /// The partitions, in the order given.
    ///
    /// # Errors
    /// Those of the status 422, and for a topic's name.
    pub(super) fn check(self) -> Result<Vec<TopicPartition>, KafkaRestError> {
        let partitions = self
            .partitions
            .ok_or_else(|| KafkaRestError::Constraint("partitions may not be null (was null)".to_owned()))?;
        partitions.into_iter().enumerate().map(|(index, at)| at.check(&format!("partitions[{index}]"))).collect()
    }
}

/// A body that must name partitions.
///
/// # Errors
/// Those of the body.
pub(super) fn decode(body: &[u8]) -> Result<Vec<TopicPartition>, KafkaRestError> {
    required::<PartitionsBody>(body)?.check()
}

#[derive(Serialize)]
pub(super) struct AssignmentReply {
    partitions: Vec<PartitionReply>,
}

#[derive(Serialize)]
struct PartitionReply {
    topic: TopicName,
    partition: Partition,
}

/// `GET .../assignments`.
///
/// # Errors
/// As [`Consumer::assignment`].
pub(super) async fn reply(consumer: &Consumer<'_>) -> Result<AssignmentReply, KafkaRestError> {
    let reply = |TopicPartition { topic, partition }| PartitionReply { topic, partition };
    Ok(AssignmentReply { partitions: consumer.assignment().await?.into_iter().map(reply).collect() })
}
