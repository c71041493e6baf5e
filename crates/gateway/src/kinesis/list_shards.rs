//! ListShards.

use pinflow_access::Right;
use pinflow_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::describe::ShardDescription;
use super::member::{Integer, Structure, Text, Time};
use super::page_token::PageToken;
use super::shards::Shard;
use super::stream::Stream;
use super::{Kinesis, KinesisError};

const DEFAULT_PAGE: usize = 1_000;
const LARGEST_PAGE: i64 = 10_000;
/// What `ShardFilter` may filter by, in the order of the model.
pub(super) const FILTER_TYPES: [&str; 6] =
    ["AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"];

/// The request of ListShards.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListShards {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    next_token: Option<Text>,
    exclusive_start_shard_id: Option<Text>,
    max_results: Option<Integer>,
    stream_creation_timestamp: Option<Time>,
    shard_filter: Option<Structure<ShardFilter>>,
}

/// Which shards a list shall have, as the client says it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ShardFilter {
    r#type: Option<Text>,
    shard_id: Option<Text>,
    timestamp: Option<Time>,
}

/// The reply of ListShards.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ShardList {
    shards: Vec<ShardDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Which shards a list has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Filter {
    All,
    After(String),
    Open,
    /// Open at that time.
    At(Timestamp),
    /// Open at that time or later.
    From(Timestamp),
}

impl Filter {
    fn keeps(&self, shard: &Shard) -> bool {
        match self {
            Self::All => true,
            Self::After(id) => shard.id.to_string() > *id,
            Self::Open => shard.is_open(),
            Self::At(time) => shard.opened <= *time && shard.closed.is_none_or(|closed| closed > *time),
            Self::From(time) => shard.closed.is_none_or(|closed| closed > *time),
        }
    }
}

impl Kinesis {
    /// A page of the shards of a stream.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`]; [`KinesisError::InvalidArgument`] for members that do not go together;
    /// [`KinesisError::ExpiredNextToken`].
    pub(crate) async fn list_shards(&self, request: ListShards) -> Result<ShardList, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.text("exclusiveStartShardId", request.exclusive_start_shard_id.as_ref(), TextRule::NAME);
        constraints.range("maxResults", request.max_results, 1..=LARGEST_PAGE);
        constraints.text("nextToken", request.next_token.as_ref(), TextRule::NEXT_TOKEN);
        if let Some(Structure(filter)) = &request.shard_filter {
            constraints.text("shardFilter.shardId", filter.shard_id.as_ref(), TextRule::NAME);
            constraints.not_null("shardFilter.type", filter.r#type.as_ref());
            constraints.one_of("shardFilter.type", filter.r#type.as_ref(), &FILTER_TYPES);
        }
        constraints.text("streamARN", request.stream_arn.as_ref(), TextRule::STREAM_ARN);
        constraints.text("streamName", request.stream_name.as_ref(), TextRule::NAME);
        constraints.check()?;
        check_combination(&request)?;
        let page = request.max_results.and_then(|Integer(most)| usize::try_from(most).ok()).unwrap_or(DEFAULT_PAGE);
        let (stream, after, filter) = match &request.next_token {
            Some(token) => self.next_page(token).await?,
            None => self.first_page(&request).await?,
        };
        let mut shards = stream.shards.all();
        shards.retain(|shard| filter.keeps(shard) && shard.id.to_string() > after);
        let more = shards.len() > page;
        shards.truncate(page);
        let next_token = shards.last().filter(|_| more).map(|last| {
            let token = PageToken {
                stream: stream.name().clone(),
                stream_created: stream.topic.created,
                after: last.id.to_string(),
                filter,
                issued: self.backend.clock.now(),
            };
            token.encode()
        });
        Ok(ShardList { shards: shards.iter().map(ShardDescription::of).collect(), next_token })
    }

    async fn first_page(&self, request: &ListShards) -> Result<(Stream, String, Filter), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let stream = self.stream(&self.authorized(Right::Consume, "ListShards", name, arn)?).await?;
        self.check_creation(&stream, request.stream_creation_timestamp)?;
        let filter = match &request.shard_filter {
            Some(Structure(filter)) => self.filter(&stream, filter)?,
            None => Filter::All,
        };
        Ok((stream, request.exclusive_start_shard_id.clone().unwrap_or_default().0, filter))
    }

    async fn next_page(&self, token: &str) -> Result<(Stream, String, Filter), KinesisError> {
        let token = PageToken::<Filter>::decode(token, self.backend.clock.now())?;
        let arn = Text(self.stream_arn(&token.stream));
        let stream = self.stream(&self.authorized(Right::Consume, "ListShards", None, Some(&arn))?).await?;
        self.check_creation(&stream, Some(Time(token.stream_created)))?;
        Ok((stream, token.after, token.filter))
    }

    /// A stream of that name that was made at another time is another one.
    pub(super) fn check_creation(&self, stream: &Stream, wanted: Option<Time>) -> Result<(), KinesisError> {
        let second = |time: Timestamp| time.as_millis().div_euclid(1_000);
        if wanted.is_none_or(|Time(wanted)| second(wanted) == second(stream.topic.created)) {
            return Ok(());
        }
        let unknown = pinflow_log::LogError::UnknownTopic(stream.name().clone());
        Err(self.error(stream.name(), unknown))
    }

    fn filter(&self, stream: &Stream, filter: &ShardFilter) -> Result<Filter, KinesisError> {
        let now = self.backend.clock.now();
        let kept_since = stream.topic.config.retention_age.map(|age| now.minus(age));
        let horizon = kept_since.map_or(stream.topic.created, |since| since.max(stream.topic.created));
        let kind = filter.r#type.as_deref().unwrap_or_default();
        let missing = |member: &str| {
            Err(KinesisError::InvalidArgument(format!("ShardFilter of type {kind} should have the member {member}.")))
        };
        Ok(match (kind, &filter.shard_id, filter.timestamp) {
            ("AFTER_SHARD_ID", Some(id), _) => Filter::After(id.0.clone()),
            ("AFTER_SHARD_ID", None, _) => return missing("ShardId"),
            ("AT_TRIM_HORIZON", ..) => Filter::At(horizon),
            ("FROM_TRIM_HORIZON", ..) => Filter::From(horizon),
            ("AT_TIMESTAMP", _, Some(Time(time))) => Filter::At(time.max(horizon)),
            ("FROM_TIMESTAMP", _, Some(Time(time))) => Filter::From(time.max(horizon)),
            ("AT_TIMESTAMP" | "FROM_TIMESTAMP", _, None) => return missing("Timestamp"),
            _ => Filter::Open,
        })
    }
}

fn check_combination(request: &ListShards) -> Result<(), KinesisError> {
    let stream = request.stream_name.is_some() || request.stream_arn.is_some();
    let refusal = match &request.next_token {
        None if !stream => "Either NextToken or StreamName should be provided.",
        Some(_) if stream => "NextToken and StreamName cannot be provided together.",
        Some(_) if request.stream_creation_timestamp.is_some() => {
            "NextToken and StreamCreationTimestamp cannot be provided together."
        }
        Some(_) if request.exclusive_start_shard_id.is_some() => {
            "NextToken and ExclusiveStartShardId cannot be provided together."
        }
        Some(_) if request.shard_filter.is_some() => "NextToken and ShardFilter cannot be provided together.",
        _ => return Ok(()),
    };
    Err(KinesisError::InvalidArgument(refusal.to_owned()))
}
