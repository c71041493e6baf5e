//! `GET /topics...`: what topics there are, and what they hold, as far as the caller has any right on them.

use std::collections::BTreeMap;

use pinflow_access::Right;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::TopicDescription;
use serde::Serialize;

use crate::dialect::Call;
use crate::kafka_rest::error::KafkaRestError;

/// The one broker that a pinflow node is.
pub(super) const BROKER: u32 = 1;

#[derive(Serialize)]
pub(super) struct TopicReply {
    name: TopicName,
    configs: BTreeMap<&'static str, String>,
    partitions: Vec<PartitionReply>,
}

#[derive(Serialize)]
pub(super) struct PartitionReply {
    partition: Partition,
    leader: u32,
    replicas: [ReplicaReply; 1],
}

#[derive(Serialize)]
struct ReplicaReply {
    broker: u32,
    leader: bool,
    in_sync: bool,
}

#[derive(Serialize)]
pub(super) struct OffsetsReply {
    beginning_offset: Offset,
    end_offset: Offset,
}

impl From<Partition> for PartitionReply {
    fn from(partition: Partition) -> Self {
        Self { partition, leader: BROKER, replicas: [ReplicaReply { broker: BROKER, leader: true, in_sync: true }] }
    }
}

/// `GET /topics`.
pub(super) async fn names(call: &Call) -> Result<Vec<TopicName>, KafkaRestError> {
    let topics = call.backend.log.topics().await?;
    Ok(topics.into_iter().map(|topic| topic.name).filter(|topic| sees(call, topic)).collect())
}

/// `GET /topics/{topic}`.
pub(super) async fn topic(call: &Call, topic: &str) -> Result<TopicReply, KafkaRestError> {
    let topic = describe(call, topic).await?;
    Ok(TopicReply {
        configs: configs(&topic, call.backend.settings.record_limit(&topic.config)),
        partitions: (0..topic.config.partitions).map(|number| Partition(number).into()).collect(),
        name: topic.name,
    })
}

/// `GET /topics/{topic}/partitions`.
pub(super) async fn partitions(call: &Call, topic: &str) -> Result<Vec<PartitionReply>, KafkaRestError> {
    let topic = describe(call, topic).await?;
    Ok((0..topic.config.partitions).map(|number| Partition(number).into()).collect())
}

/// `GET /topics/{topic}/partitions/{partition}`.
pub(super) async fn partition(call: &Call, topic: &str, number: i64) -> Result<PartitionReply, KafkaRestError> {
    Ok(find(call, topic, number).await?.partition.into())
}

/// `GET /topics/{topic}/partitions/{partition}/offsets`.
pub(super) async fn offsets(call: &Call, topic: &str, number: i64) -> Result<OffsetsReply, KafkaRestError> {
    let bounds = call.backend.log.bounds(&find(call, topic, number).await?).await?;
    Ok(OffsetsReply { beginning_offset: bounds.earliest, end_offset: bounds.end })
}

async fn describe(call: &Call, topic: &str) -> Result<TopicDescription, KafkaRestError> {
    // A text that is no name is not the name of any topic.
    let topic = TopicName::new(topic).map_err(|_| KafkaRestError::UnknownTopic)?;
    // Who has no right on a topic does not learn whether it is there.
    if !sees(call, &topic) {
        return Err(KafkaRestError::Forbidden(topic));
    }
    Ok(call.backend.log.topic(&topic).await?)
}

fn sees(call: &Call, topic: &TopicName) -> bool {
    [Right::Consume, Right::Produce, Right::Administer].into_iter().any(|right| call.may(right, topic))
}

async fn find(call: &Call, topic: &str, number: i64) -> Result<TopicPartition, KafkaRestError> {
    let topic = describe(call, topic).await?;
    match u32::try_from(number) {
        Ok(number) if number < topic.config.partitions => Ok(TopicPartition::new(topic.name, Partition(number))),
        _ => Err(KafkaRestError::UnknownPartition),
    }
}

/// The configuration in Kafka's terms, as far as it means something here.
fn configs(topic: &TopicDescription, max_record_bytes: usize) -> BTreeMap<&'static str, String> {
    let forever = || "-1".to_owned();
    BTreeMap::from([
        ("cleanup.policy", "delete".to_owned()),
        ("max.message.bytes", max_record_bytes.to_string()),
        ("message.timestamp.type", "CreateTime".to_owned()),
        ("min.insync.replicas", "1".to_owned()),
        ("retention.bytes", topic.config.retention_bytes.map_or_else(forever, |bytes| bytes.to_string())),
        ("retention.ms", topic.config.retention_age.map_or_else(forever, |age| age.as_millis().to_string())),
    ])
}
