//! Partitions of a topic: where each is led, and what it holds. There is one broker, so there is one replica of each.

use std::collections::HashMap;

use axum::extract::Query;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use serde::Serialize;

use super::access::{visible_topic, visible_topics};
use super::clusters::check_broker;
use super::error::V3Error;
use super::links::{BROKER, Links, List, Related, Resource};
use crate::dialect::Call;
use crate::kafka_rest::error::KafkaRestError;

/// The only value of `offset_type`.
const OFFSET_TYPE: &str = "earliest_and_latest";

#[derive(Debug, Serialize)]
pub(super) struct PartitionData {
    cluster_id: String,
    topic_name: TopicName,
    partition_id: Partition,
    leader: Related,
    replicas: Related,
    reassignment: Related,
}

#[derive(Debug, Serialize)]
pub(super) struct OffsetsData {
    cluster_id: String,
    topic_name: TopicName,
    partition_id: Partition,
    earliest_offset: Offset,
    latest_offset: Offset,
}

#[derive(Debug, Serialize)]
pub(super) struct ReplicaData {
    cluster_id: String,
    topic_name: TopicName,
    partition_id: Partition,
    broker_id: u32,
    is_leader: bool,
    is_in_sync: bool,
    broker: Related,
}

/// `GET .../partitions`.
///
/// # Errors
/// As [`visible_topic`].
pub(super) async fn list(call: &Call, links: &Links, topic: &str) -> Result<List<Resource<PartitionData>>, V3Error> {
    let topic = visible_topic(call, topic).await?;
    let numbers = 0..topic.config.partitions;
    let data = numbers.map(|number| partition_data(links, &topic.name, Partition(number))).collect();
    Ok(links.list("KafkaPartitionList", &["topics", topic.name.as_str(), "partitions"], data))
}

/// `GET .../partitions/{partition}`.
///
/// # Errors
/// As [`find`].
pub(super) async fn get(
    call: &Call,
    links: &Links,
    topic: &str,
    partition: &str,
) -> Result<Resource<PartitionData>, V3Error> {
    let at = find(call, topic, partition).await?;
    Ok(partition_data(links, &at.topic, at.partition))
}

/// `GET .../partitions/{partition}/offset?offset_type=earliest_and_latest`.
///
/// # Errors
/// As [`find`]; a bad request for any other type of offset.
pub(super) async fn offset(
    call: &Call,
    links: &Links,
    topic: &str,
    partition: &str,
) -> Result<Resource<OffsetsData>, V3Error> {
    let parameters = Query::<HashMap<String, String>>::try_from_uri(&call.uri);
    let wanted = parameters.ok().and_then(|Query(mut parameters)| parameters.remove("offset_type"));
    if wanted.as_deref() != Some(OFFSET_TYPE) {
        let given = wanted.unwrap_or_default();
        return Err(V3Error::bad_request(format!("offset_type `{given}` is not supported; send `{OFFSET_TYPE}`")));
    }
    let at = find(call, topic, partition).await?;
    let bounds = call.backend.log.bounds(&at).await?;
    let data = OffsetsData {
        cluster_id: links.cluster().to_owned(),
        topic_name: at.topic.clone(),
        partition_id: at.partition,
        earliest_offset: bounds.earliest,
        latest_offset: bounds.end,
    };
    let (name, number) = (at.topic.as_str(), at.partition.to_string());
    let path = ["topics", name, "partitions", &number, "offset"];
    let crn = ["topic", name, "partition", &number, "offset_type", OFFSET_TYPE];
    Ok(links.resource("KafkaPartitionWithOffsets", &path, &crn, data))
}

/// `GET .../partitions/{partition}/replicas`.
///
/// # Errors
/// As [`find`].
pub(super) async fn replicas(
    call: &Call,
    links: &Links,
    topic: &str,
    partition: &str,
) -> Result<List<Resource<ReplicaData>>, V3Error> {
    let at = find(call, topic, partition).await?;
    let number = at.partition.to_string();
    let path = ["topics", at.topic.as_str(), "partitions", &number, "replicas"];
    Ok(links.list("KafkaReplicaList", &path, vec![replica_data(links, &at)]))
}

/// `GET .../partitions/{partition}/replicas/{broker}`.
///
/// # Errors
/// As [`find`]; [`V3Error::NotFound`] for a broker that is not there.
pub(super) async fn replica(
    call: &Call,
    links: &Links,
    topic: &str,
    partition: &str,
    broker: &str,
) -> Result<Resource<ReplicaData>, V3Error> {
    let at = find(call, topic, partition).await?;
    check_broker(broker)?;
    Ok(replica_data(links, &at))
}

/// `GET .../brokers/{broker}/partition-replicas`: all partitions that the caller sees.
///
/// # Errors
/// [`V3Error::NotFound`] for a broker that is not there.
pub(super) async fn of_broker(
    call: &Call,
    links: &Links,
    broker: &str,
) -> Result<List<Resource<ReplicaData>>, V3Error> {
    check_broker(broker)?;
    let mut data = Vec::new();
    for topic in visible_topics(call).await? {
        for number in 0..topic.config.partitions {
            data.push(replica_data(links, &TopicPartition::new(topic.name.clone(), Partition(number))));
        }
    }
    Ok(links.list("KafkaReplicaList", &["brokers", broker, "partition-replicas"], data))
}

/// `GET .../partitions/-/reassignment`: replicas that are being moved. None ever is.
///
/// # Errors
/// As [`visible_topic`]; every topic is meant where none is given.
pub(super) async fn reassignments(call: &Call, links: &Links, topic: Option<&str>) -> Result<List<()>, V3Error> {
    if let Some(topic) = topic {
        visible_topic(call, topic).await?;
    }
    let path = ["topics", topic.unwrap_or("-"), "partitions", "-", "reassignment"];
    Ok(links.list("KafkaReassignmentList", &path, Vec::new()))
}

/// `GET .../partitions/{partition}/reassignment`: never one.
///
/// # Errors
/// As [`find`], and [`V3Error::NotFound`] else.
pub(super) async fn reassignment(call: &Call, topic: &str, partition: &str) -> Result<List<()>, V3Error> {
    find(call, topic, partition).await?;
    Err(V3Error::NotFound)
}

/// A partition that is there.
///
/// # Errors
/// As [`visible_topic`]; that the partition is unknown, also for what is no number.
async fn find(call: &Call, topic: &str, partition: &str) -> Result<TopicPartition, V3Error> {
    let topic = visible_topic(call, topic).await?;
    match partition.parse() {
        Ok(number) if number < topic.config.partitions => Ok(TopicPartition::new(topic.name, Partition(number))),
        _ => Err(KafkaRestError::UnknownPartition.into()),
    }
}

fn partition_data(links: &Links, topic: &TopicName, partition: Partition) -> Resource<PartitionData> {
    let (name, number) = (topic.as_str(), partition.to_string());
    let path = ["topics", name, "partitions", &number];
    let below = |rest: &[&str]| links.related(&[&path, rest].concat());
    let data = PartitionData {
        cluster_id: links.cluster().to_owned(),
        topic_name: topic.clone(),
        partition_id: partition,
        leader: below(&["replicas", BROKER]),
        replicas: below(&["replicas"]),
        reassignment: below(&["reassignment"]),
    };
    links.resource("KafkaPartition", &path, &["topic", name, "partition", &number], data)
}

fn replica_data(links: &Links, at: &TopicPartition) -> Resource<ReplicaData> {
    let (name, number) = (at.topic.as_str(), at.partition.to_string());
    let data = ReplicaData {
        cluster_id: links.cluster().to_owned(),
        topic_name: at.topic.clone(),
        partition_id: at.partition,
        broker_id: 1,
        is_leader: true,
        is_in_sync: true,
        broker: links.related(&["brokers", BROKER]),
    };
    let path = ["topics", name, "partitions", &number, "replicas", BROKER];
    let crn = ["topic", name, "partition", &number, "replica", BROKER];
    links.resource("KafkaReplica", &path, &crn, data)
}
