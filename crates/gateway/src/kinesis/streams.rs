//! CreateStream, DeleteStream, DescribeStream, ListStreams.

use pinflow_event::Partition;
use pinflow_log::TopicDescription;
use serde::{Deserialize, Serialize};

use super::constraint::Constraints;
use super::sequence_number::SequenceNumber;
use super::shard::{ShardId, hash_range};
use super::{Kinesis, KinesisError, stream_name};

/// What a stream keeps where it has no retention age: the longest that Kinesis has.
const LONGEST_RETENTION_HOURS: u64 = 8_760;
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: i64 = 10_000;

/// The request of ListStreams.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListStreams {
    /// Names after this one only.
    exclusive_start_stream_name: Option<String>,
    /// The page after that one; it is the last name of it.
    next_token: Option<String>,
    /// Names a page.
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamList {
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    stream_names: Vec<String>,
    stream_summaries: Vec<StreamSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamSummary {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: StreamModeDetails,
    stream_creation_timestamp: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamModeDetails {
    stream_mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribedStream {
    stream_description: StreamDescription,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamDescription {
    #[serde(flatten)]
    summary: StreamSummary,
    shards: Vec<Shard>,
    has_more_shards: bool,
    retention_period_hours: u64,
    enhanced_monitoring: [EnhancedMonitoring; 1],
    encryption_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnhancedMonitoring {
    shard_level_metrics: [&'static str; 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shard {
    shard_id: String,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HashKeyRange {
    starting_hash_key: String,
    ending_hash_key: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: String,
}

impl Kinesis {
    /// Makes a stream.
    ///
    /// # Errors
    /// [`KinesisError::ResourceInUse`]; [`KinesisError::LimitExceeded`] for too many shards.
    pub(crate) async fn create_stream(&self, stream: &str, shards: i64) -> Result<(), KinesisError> {
        let mut constraints = Constraints::default();
        constraints.range(shards, "shardCount", 1, i64::from(i32::MAX));
        let topic = stream_name::note(stream, &mut constraints);
        constraints.check()?;
        let topic = topic.expect(stream_name::CHECKED);
        let limit = self.backend.settings.max_shards;
        let shards = u32::try_from(shards).ok().filter(|shards| *shards <= limit).ok_or_else(|| {
            KinesisError::LimitExceeded(format!(
                "This request would exceed the shard limit for the account {} in {}. Limit: {limit} shards a stream, requested: {shards}.",
                self.account(),
                self.backend.settings.region
            ))
        })?;
        let config = self.backend.settings.topic_config(shards);
        let made = self.backend.log.create_topic(&topic, config).await;
        made.map(drop).map_err(|failure| self.error(&topic, failure))
    }

    /// Removes a stream with all its records.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`]; [`KinesisError::ResourceInUse`] for a stream that the pipeline reads.
    pub(crate) async fn delete_stream(&self, stream: &str) -> Result<(), KinesisError> {
        let topic = stream_name::parse(stream)?;
        if self.backend.settings.kept_topics.contains(&topic) {
            let account = self.account();
            let message =
                format!("Stream {stream} under account {account} is read by the pipeline and cannot be deleted.");
            return Err(KinesisError::ResourceInUse(message));
        }
        self.backend.log.delete_topic(&topic).await.map_err(|failure| self.error(&topic, failure))
    }

    /// A stream with all its shards.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn describe_stream(&self, stream: &str) -> Result<DescribedStream, KinesisError> {
        let topic = self.describe(&stream_name::parse(stream)?).await?;
        let age = topic.config.retention_age;
        let stream_description = StreamDescription {
            summary: self.summary(&topic),
            shards: (0..topic.config.partitions).map(|number| shard(&topic, Partition(number))).collect(),
            has_more_shards: false,
            retention_period_hours: age.map_or(LONGEST_RETENTION_HOURS, |age| age.as_secs().div_ceil(3_600)),
            enhanced_monitoring: [EnhancedMonitoring { shard_level_metrics: [] }],
            encryption_type: "NONE",
        };
        Ok(DescribedStream { stream_description })
    }

    /// A page of the streams, sorted by name.
    ///
    /// # Errors
    /// [`KinesisError::Validation`] for the page's size.
    pub(crate) async fn list_streams(&self, request: ListStreams) -> Result<StreamList, KinesisError> {
        let mut constraints = Constraints::default();
        if let Some(limit) = request.limit {
            constraints.range(limit, "limit", 1, LARGEST_PAGE);
        }
        constraints.check()?;
        let page = request.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_PAGE);
        let after = request.next_token.or(request.exclusive_start_stream_name).unwrap_or_default();
        let topics = self.backend.log.topics().await;
        let topics = topics.map_err(|failure| KinesisError::ServiceUnavailable(failure.to_string()))?;
        let mut topics: Vec<TopicDescription> = topics
            .into_iter()
            .filter(|topic| stream_name::is_stream(&topic.name) && topic.name.as_str() > after.as_str())
            .take(page + 1)
            .collect();
        let has_more_streams = topics.len() > page;
        topics.truncate(page);
        let stream_names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
        Ok(StreamList {
            has_more_streams,
            next_token: if has_more_streams { stream_names.last().cloned() } else { None },
            stream_names,
            stream_summaries: topics.iter().map(|topic| self.summary(topic)).collect(),
        })
    }

    fn summary(&self, topic: &TopicDescription) -> StreamSummary {
        let settings = &self.backend.settings;
        StreamSummary {
            stream_name: topic.name.to_string(),
            stream_arn: format!("arn:aws:kinesis:{}:{}:stream/{}", settings.region, settings.account_id, topic.name),
            stream_status: "ACTIVE",
            stream_mode_details: StreamModeDetails { stream_mode: "PROVISIONED" },
            stream_creation_timestamp: topic.created.as_millis() as f64 / 1_000.0,
        }
    }
}

fn shard(topic: &TopicDescription, partition: Partition) -> Shard {
    let id = ShardId(partition);
    let (first, last) = hash_range(id, topic.config.partitions);
    Shard {
        shard_id: id.to_string(),
        hash_key_range: HashKeyRange { starting_hash_key: first.to_string(), ending_hash_key: last.to_string() },
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: SequenceNumber::of_shard(topic.created, partition).to_string(),
        },
    }
}
