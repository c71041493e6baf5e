//! DescribeStream, DescribeStreamSummary, DescribeLimits.

use pinflow_access::Right;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::member::{Integer, Text, Time};
use super::shard::ShardId;
use super::shards::Shard;
use super::stream::{Stream, StreamMode};
use super::{Kinesis, KinesisError};

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: i64 = 10_000;
/// What AWS gives every account.
const ON_DEMAND_STREAM_LIMIT: usize = 50;

/// The request of DescribeStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DescribeStream {
    pub(crate) stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<Text>,
    pub(crate) limit: Option<Integer>,
    pub(crate) exclusive_start_shard_id: Option<Text>,
}

/// The request of DescribeStreamSummary.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DescribeStreamSummary {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
}

/// What every description of a stream begins with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamSummary {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_status: &'static str,
    stream_mode_details: StreamModeDetails,
    stream_creation_timestamp: Time,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamModeDetails {
    stream_mode: StreamMode,
}

/// How a stream is kept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamKeeping {
    retention_period_hours: u64,
    enhanced_monitoring: [EnhancedMonitoring; 1],
    encryption_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnhancedMonitoring {
    shard_level_metrics: Vec<String>,
}

/// The reply of DescribeStream.
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
    shards: Vec<ShardDescription>,
    has_more_shards: bool,
    #[serde(flatten)]
    keeping: StreamKeeping,
}

/// The reply of DescribeStreamSummary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummarizedStream {
    stream_description_summary: StreamDescriptionSummary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamDescriptionSummary {
    #[serde(flatten)]
    summary: StreamSummary,
    #[serde(flatten)]
    keeping: StreamKeeping,
    open_shard_count: usize,
    consumer_count: usize,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size_in_kib: usize,
}

/// A shard in a reply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardDescription {
    shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_shard_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjacent_parent_shard_id: Option<String>,
    hash_key_range: HashKeyRange,
    sequence_number_range: SequenceNumberRange,
}

/// A shard that records of a closed one are followed by.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShard {
    shard_id: String,
    parent_shards: Vec<String>,
    hash_key_range: HashKeyRange,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    ending_sequence_number: Option<String>,
}

/// The reply of DescribeLimits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Limits {
    shard_limit: u32,
    open_shard_count: usize,
    on_demand_stream_count: usize,
    on_demand_stream_count_limit: usize,
}

impl HashKeyRange {
    fn of(shard: &Shard) -> Self {
        let (first, last) = shard.hash_keys;
        Self { starting_hash_key: first.to_string(), ending_hash_key: last.to_string() }
    }
}

impl ShardDescription {
    pub(super) fn of(shard: &Shard) -> Self {
        let parent = |which: usize| shard.parents.get(which).map(ShardId::to_string);
        Self {
            shard_id: shard.id.to_string(),
            parent_shard_id: parent(0),
            adjacent_parent_shard_id: parent(1),
            hash_key_range: HashKeyRange::of(shard),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: shard.start().to_string(),
                ending_sequence_number: shard.end().map(|end| end.to_string()),
            },
        }
    }
}

impl ChildShard {
    pub(super) fn of(shard: &Shard) -> Self {
        Self {
            shard_id: shard.id.to_string(),
            parent_shards: shard.parents.iter().map(ShardId::to_string).collect(),
            hash_key_range: HashKeyRange::of(shard),
        }
    }
}

impl Kinesis {
    /// A stream with a page of its shards.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn describe_stream(&self, request: DescribeStream) -> Result<DescribedStream, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.range("limit", request.limit, 1..=LARGEST_PAGE);
        constraints.text("exclusiveStartShardId", request.exclusive_start_shard_id.as_ref(), TextRule::NAME);
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.stream(&self.authorized(Right::Consume, "DescribeStream", name, arn)?).await?;
        let page = request.limit.and_then(|Integer(limit)| usize::try_from(limit).ok()).unwrap_or(DEFAULT_PAGE);
        let after = request.exclusive_start_shard_id.unwrap_or_default();
        let mut shards = stream.shards.all();
        shards.retain(|shard| shard.id.to_string().as_str() > &*after);
        let has_more_shards = shards.len() > page;
        shards.truncate(page);
        let stream_description = StreamDescription {
            summary: self.summary(&stream),
            shards: shards.iter().map(ShardDescription::of).collect(),
            has_more_shards,
            keeping: keeping(&stream)?,
        };
        Ok(DescribedStream { stream_description })
    }

    /// A stream without its shards.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn describe_stream_summary(
        &self,
        request: DescribeStreamSummary,
    ) -> Result<SummarizedStream, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.stream(&self.authorized(Right::Consume, "DescribeStreamSummary", name, arn)?).await?;
        let stream_description_summary = StreamDescriptionSummary {
            summary: self.summary(&stream),
            keeping: keeping(&stream)?,
            open_shard_count: stream.shards.open().len(),
            consumer_count: stream.consumers()?.len(),
            max_record_size_in_kib: self.backend.settings.record_limit(&stream.topic.config) / 1_024,
        };
        Ok(SummarizedStream { stream_description_summary })
    }

    /// How many shards and streams there are, and how many there may be.
    ///
    /// # Errors
    /// [`KinesisError::ServiceUnavailable`].
    pub(crate) async fn describe_limits(&self) -> Result<Limits, KinesisError> {
        let streams = self.all_streams().await?.into_iter().map(Stream::of).collect::<Result<Vec<_>, _>>()?;
        Ok(Limits {
            shard_limit: self.backend.settings.max_shards,
            open_shard_count: streams.iter().map(|stream| stream.shards.open().len()).sum(),
            on_demand_stream_count: streams.iter().filter(|stream| stream.mode() == StreamMode::OnDemand).count(),
            on_demand_stream_count_limit: ON_DEMAND_STREAM_LIMIT,
        })
    }

    pub(super) fn summary(&self, stream: &Stream) -> StreamSummary {
        StreamSummary {
            stream_name: stream.name().to_string(),
            stream_arn: self.stream_arn(stream.name()),
            stream_status: "ACTIVE",
            stream_mode_details: StreamModeDetails { stream_mode: stream.mode() },
            stream_creation_timestamp: Time(stream.topic.created),
        }
    }
}

fn keeping(stream: &Stream) -> Result<StreamKeeping, KinesisError> {
    let key_id = stream.encryption_key().map(str::to_owned);
    Ok(StreamKeeping {
        retention_period_hours: stream.retention_hours(),
        enhanced_monitoring: [EnhancedMonitoring { shard_level_metrics: stream.monitoring()? }],
        encryption_type: if key_id.is_some() { "KMS" } else { "NONE" },
        key_id,
    })
}
