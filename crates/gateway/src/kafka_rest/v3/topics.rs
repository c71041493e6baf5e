//! Topics: looking at them, making, growing and deleting them.

use axum::http::StatusCode;
use bytes::Bytes;
use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::{LogError, TopicChange, TopicDescription};
use serde::Serialize;
use serde::de::MapAccess;

use super::access::{administered_topic, require, visible_topic, visible_topics};
use super::body::{self, Unrecognized};
use super::create_topic::CreateTopic;
use super::error::V3Error;
use super::links::{Links, List, Related, Resource};
use crate::dialect::Call;
use crate::json::{Members, once};

#[derive(Debug, Serialize)]
pub(super) struct TopicData {
    cluster_id: String,
    topic_name: TopicName,
    is_internal: bool,
    replication_factor: u32,
    partitions_count: u32,
    partitions: Related,
    configs: Related,
    partition_reassignments: Related,
    authorized_operations: [&'static str; 0],
}

/// `GET .../topics`: those that the caller sees, sorted by name.
///
/// # Errors
/// What the log reports.
pub(super) async fn list(call: &Call, links: &Links) -> Result<List<Resource<TopicData>>, V3Error> {
    let topics = visible_topics(call).await?;
    let data = topics.iter().map(|topic| topic_data(links, &topic.name, topic.config.partitions, 1)).collect();
    Ok(links.list("KafkaTopicList", &["topics"], data))
}

/// `GET .../topics/{topic}`.
///
/// # Errors
/// As [`visible_topic`].
pub(super) async fn get(call: &Call, links: &Links, topic: &str) -> Result<Resource<TopicData>, V3Error> {
    let topic = visible_topic(call, topic).await?;
    Ok(topic_data(links, &topic.name, topic.config.partitions, 1))
}

/// `POST .../topics`: the topic, and the status of the reply: 201, or 200 where it was only checked.
///
/// # Errors
/// Those of the body; [`V3Error::forbidden`]; [`V3Error::Kafka`] for what Kafka would not make.
pub(super) async fn create(
    call: &Call,
    links: &Links,
    bytes: &Bytes,
) -> Result<(StatusCode, Resource<TopicData>), V3Error> {
    let settings = &call.backend.settings;
    let CreateTopic { name, config, replication_factor, validate_only } = CreateTopic::parse(bytes, settings)?;
    require(call, Right::Administer, &name)?;
    let made = topic_data(links, &name, config.partitions, replication_factor);
    if validate_only {
        return match call.backend.log.topic(&name).await {
            Ok(_) => Err(LogError::TopicExists(name).into()),
            Err(LogError::UnknownTopic(_)) => Ok((StatusCode::OK, made)),
            Err(failure) => Err(failure.into()),
        };
    }
    call.backend.log.create_topic(&name, config).await?;
    Ok((StatusCode::CREATED, made))
}

/// `PATCH .../topics/{topic}`: more partitions.
///
/// # Errors
/// As [`administered_topic`]; [`V3Error::Kafka`] where it would not have more, and where its shards were split or merged: they
/// divide the keys among themselves in a way that further partitions have no part in.
pub(super) async fn grow(
    call: &Call,
    links: &Links,
    topic: &str,
    bytes: &Bytes,
) -> Result<Resource<TopicData>, V3Error> {
    let request: Grow = body::parse(bytes)?;
    request.unrecognized.check()?;
    let wanted = request.partitions_count.flatten().ok_or_else(|| body::missing("partitions_count"))?;
    let _administration = call.backend.administration.lock().await;
    let topic = administered_topic(call, topic).await?;
    check_growth(&topic, wanted)?;
    let partitions = u32::try_from(wanted).unwrap_or(u32::MAX);
    let change = TopicChange { partitions: Some(partitions), ..TopicChange::default() };
    let topic = call.backend.log.alter_topic(&topic.name, change).await?;
    Ok(topic_data(links, &topic.name, topic.config.partitions, 1))
}

fn check_growth(topic: &TopicDescription, wanted: i64) -> Result<(), V3Error> {
    let TopicDescription { name, config, .. } = topic;
    if !config.closed.is_empty() {
        return Err(V3Error::Kafka(format!(
            "Topic {name} has shards that were split or merged through Kinesis; change its shard count there (UpdateShardCount)."
        )));
    }
    if wanted <= i64::from(config.partitions) {
        return Err(V3Error::Kafka(format!(
            "The topic {name} currently has {} partition(s); {wanted} would not be an increase.",
            config.partitions
        )));
    }
    Ok(())
}

/// `DELETE .../topics/{topic}`.
///
/// # Errors
/// As [`administered_topic`]; [`V3Error::Kafka`] for a topic that the pipeline reads.
pub(super) async fn delete(call: &Call, topic: &str) -> Result<(), V3Error> {
    let topic = administered_topic(call, topic).await?.name;
    if call.backend.settings.kept_topics.contains(&topic) {
        return Err(V3Error::Kafka(format!("Topic {topic} is read by the pipeline and cannot be deleted.")));
    }
    Ok(call.backend.log.delete_topic(&topic).await?)
}

#[derive(Debug, Default)]
struct Grow {
    partitions_count: Option<Option<i64>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Grow {
    const EXPECTED: &'static str = "an object with `partitions_count`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "partitions_count" => once(&mut self.partitions_count, "partitions_count", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

fn topic_data(links: &Links, topic: &TopicName, partitions: u32, replication_factor: u32) -> Resource<TopicData> {
    let name = topic.as_str();
    let path = ["topics", name];
    let below = |rest: &[&str]| links.related(&[&path, rest].concat());
    let data = TopicData {
        cluster_id: links.cluster().to_owned(),
        topic_name: topic.clone(),
        is_internal: false,
        replication_factor,
        partitions_count: partitions,
        partitions: below(&["partitions"]),
        configs: below(&["configs"]),
        partition_reassignments: below(&["partitions", "-", "reassignment"]),
        authorized_operations: [],
    };
    links.resource("KafkaTopic", &path, &["topic", name], data)
}
