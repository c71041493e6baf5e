//! CreateStream, DeleteStream, ListStreams.

use pinflow_access::Right;
use pinflow_log::{LogError, TopicDescription};
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::describe::StreamSummary;
use super::member::{Boolean, Integer, Structure, Text, TextMap};
use super::stream::{Stream, StreamMode, mode_property, tags_property};
use super::{Kinesis, KinesisError, arn, tags};

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: i64 = 10_000;
/// The shards of a new stream whose user leaves their number to Kinesis.
const ON_DEMAND_SHARDS: i64 = 4;
/// The most shards that the service's model takes in one request.
const MOST_SHARDS: i64 = 100_000;

/// The request of CreateStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CreateStream {
    pub(crate) stream_name: Option<Text>,
    pub(crate) shard_count: Option<Integer>,
    pub(crate) stream_mode_details: Option<Structure<StreamModeDetails>>,
    pub(crate) tags: Option<TextMap>,
}

/// How a stream gets its shards, in a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StreamModeDetails {
    pub(crate) stream_mode: Option<Text>,
}

/// The request of DeleteStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeleteStream {
    pub(crate) stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<Text>,
    pub(crate) enforce_consumer_deletion: Option<Boolean>,
}

/// The request of ListStreams.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListStreams {
    /// Names after this one only.
    exclusive_start_stream_name: Option<Text>,
    /// The page after that one; it is the last name of it.
    next_token: Option<Text>,
    /// Names a page.
    limit: Option<Integer>,
}

/// The reply of ListStreams.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StreamList {
    has_more_streams: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    stream_names: Vec<String>,
    stream_summaries: Vec<StreamSummary>,
}

fn is_on_demand(details: Option<&Structure<StreamModeDetails>>) -> bool {
    let mode = details.and_then(|Structure(details)| details.stream_mode.as_deref());
    mode.and_then(StreamMode::parse) == Some(StreamMode::OnDemand)
}

/// The mode that a request names, whose constraints it checks.
pub(super) fn mode(
    details: Option<&Structure<StreamModeDetails>>,
    constraints: &mut Constraints,
) -> Option<StreamMode> {
    const PATH: &str = "streamModeDetails.streamMode";
    let Structure(details) = details?;
    constraints.not_null(PATH, details.stream_mode.as_ref());
    constraints.one_of(PATH, details.stream_mode.as_ref(), &StreamMode::NAMES);
    details.stream_mode.as_deref().and_then(StreamMode::parse)
}

impl Kinesis {
    /// Makes a stream. It can be used as soon as this returns.
    ///
    /// # Errors
    /// [`KinesisError::ResourceInUse`]; [`KinesisError::LimitExceeded`] for too many shards.
    pub(crate) async fn create_stream(&self, request: CreateStream) -> Result<(), KinesisError> {
        let mut constraints = Constraints::default();
        if !is_on_demand(request.stream_mode_details.as_ref()) {
            constraints.not_null("shardCount", request.shard_count.as_ref());
        }
        constraints.range("shardCount", request.shard_count, 1..=MOST_SHARDS);
        let mode = mode(request.stream_mode_details.as_ref(), &mut constraints);
        constraints.required_text("streamName", request.stream_name.as_ref(), TextRule::NAME);
        if let Some(given) = &request.tags {
            tags::check_tags(given, &mut constraints);
        }
        constraints.check()?;
        let stream = self.authorized(Right::Administer, "CreateStream", request.stream_name.as_ref(), None)?;
        let tags = request.tags.unwrap_or_default().0;
        let action = format!("add tags to stream {stream} under account {}", self.account());
        tags::check_characters(tags.iter().flat_map(|(key, value)| [key, value]), &action)?;
        if self.backend.log.topic(&stream).await.is_ok() {
            return Err(self.error(&stream, LogError::TopicExists(stream.clone())));
        }
        let Integer(shards) = request.shard_count.unwrap_or(Integer(ON_DEMAND_SHARDS));
        self.check_shard_limit(&stream, 0, u64::try_from(shards).unwrap_or(u64::MAX))?;
        let mut config = self.backend.settings.stream_config(u32::try_from(shards).unwrap_or(u32::MAX));
        let mut properties = tags_property(&tags);
        properties.extend(mode.map(mode_property).unwrap_or_default());
        config.properties = properties.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let made = self.backend.log.create_topic(&stream, config).await;
        made.map(drop).map_err(|failure| self.error(&stream, failure))
    }

    /// Removes a stream with all its records.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`]; [`KinesisError::ResourceInUse`] for a stream that the pipeline reads, or that
    /// has consumers which are not to go with it.
    pub(crate) async fn delete_stream(&self, request: DeleteStream) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, "DeleteStream", name, arn)?;
        let account = self.account();
        let in_use = |why| KinesisError::ResourceInUse(format!("Stream {stream} under account {account} {why}"));
        if self.backend.settings.kept_topics.contains(&stream) {
            return Err(in_use("is read by the pipeline and cannot be deleted."));
        }
        let _administration = self.backend.administration.lock().await;
        let enforced = request.enforce_consumer_deletion.is_some_and(|Boolean(enforced)| enforced);
        if !(enforced || self.stream(&stream).await?.consumers()?.is_empty()) {
            return Err(in_use("has registered consumers; deregister them or set EnforceConsumerDeletion."));
        }
        self.backend.log.delete_topic(&stream).await.map_err(|failure| self.error(&stream, failure))
    }

    /// A page of the streams that the caller has any right on, sorted by name.
    ///
    /// # Errors
    /// [`KinesisError::Validation`] for the page's size.
    pub(crate) async fn list_streams(&self, request: ListStreams) -> Result<StreamList, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.range("limit", request.limit, 1..=LARGEST_PAGE);
        constraints.text("exclusiveStartStreamName", request.exclusive_start_stream_name.as_ref(), TextRule::NAME);
        constraints.text("nextToken", request.next_token.as_ref(), TextRule::NEXT_TOKEN);
        constraints.check()?;
        let page = request.limit.and_then(|Integer(limit)| usize::try_from(limit).ok()).unwrap_or(DEFAULT_PAGE);
        let Text(after) = request.next_token.or(request.exclusive_start_stream_name).unwrap_or_default();
        let mut topics: Vec<TopicDescription> = self.all_streams().await?;
        topics.retain(|topic| topic.name.as_str() > after.as_str());
        let has_more_streams = topics.len() > page;
        topics.truncate(page);
        let stream_names: Vec<String> = topics.iter().map(|topic| topic.name.to_string()).collect();
        let streams = topics.into_iter().map(Stream::of).collect::<Result<Vec<_>, _>>()?;
        Ok(StreamList {
            has_more_streams,
            next_token: if has_more_streams { stream_names.last().cloned() } else { None },
            stream_names,
            stream_summaries: streams.iter().map(|stream| self.summary(stream)).collect(),
        })
    }

    /// All streams that the caller has any right on, sorted by name.
    pub(super) async fn all_streams(&self) -> Result<Vec<TopicDescription>, KinesisError> {
        let topics = self.backend.log.topics().await;
        let mut topics = topics.map_err(|failure| KinesisError::ServiceUnavailable(failure.to_string()))?;
        let known = |topic: &TopicDescription| {
            let mut rights = [Right::Produce, Right::Consume, Right::Administer].into_iter();
            rights.any(|right| self.caller.may(right, &topic.name))
        };
        topics.retain(|topic| arn::is_stream(&topic.name) && known(topic));
        Ok(topics)
    }

    /// Refuses `more` open shards beside the stream's `open` ones, where they are too many.
    pub(super) fn check_shard_limit(
        &self,
        stream: &pinflow_event::TopicName,
        open: u64,
        more: u64,
    ) -> Result<(), KinesisError> {
        let settings = &self.backend.settings;
        let limit = settings.max_shards;
        if open.saturating_add(more) <= u64::from(limit) {
            return Ok(());
        }
        Err(KinesisError::LimitExceeded(format!(
            "This request would exceed the shard limit for the account {} in {}. Current shard count for the stream {stream}: {open}. \
             Limit: {limit}. Number of additional shards that would have resulted from this request: {more}. Refer to the AWS \
             Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how \
             to request higher limits.",
            settings.account_id, settings.region
        )))
    }
}
