//! SplitShard, MergeShards, UpdateShardCount.

use pinflow_access::Right;
use pinflow_event::TopicName;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule, hash_key};
use super::member::{Integer, Text};
use super::resharding::Resharding;
use super::shard::ShardId;
use super::shards::Shard;
use super::stream::{Stream, StreamMode};
use super::{Kinesis, KinesisError};

/// The ways to change the number of shards: one.
pub(super) const SCALING_TYPES: [&str; 1] = ["UNIFORM_SCALING"];

/// The request of SplitShard.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SplitShard {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    shard_to_split: Option<Text>,
    new_starting_hash_key: Option<Text>,
}

/// The request of MergeShards.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct MergeShards {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    shard_to_merge: Option<Text>,
    adjacent_shard_to_merge: Option<Text>,
}

/// The request of UpdateShardCount.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UpdateShardCount {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    target_shard_count: Option<Integer>,
    scaling_type: Option<Text>,
}

/// The reply of UpdateShardCount.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdatedShardCount {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_count: usize,
    target_shard_count: i64,
}

impl Kinesis {
    /// Divides a shard in two.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for a hash key that is not inside the shard, and for a closed shard.
    pub(crate) async fn split_shard(&self, request: SplitShard) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.required_text("newStartingHashKey", request.new_starting_hash_key.as_ref(), TextRule::HASH_KEY);
        constraints.stream(name, arn);
        constraints.required_text("shardToSplit", request.shard_to_split.as_ref(), TextRule::NAME);
        constraints.check()?;
        let name = self.authorized(Right::Administer, "SplitShard", name, arn)?;
        let id = self.shard_id(&name, request.shard_to_split.as_ref())?;
        let _administration = self.backend.administration.lock().await;
        let stream = self.stream(&name).await?;
        let shard = self.existing_shard(&stream, id)?;
        self.check_shard_limit(&name, stream.shards.open().len() as u64, 1)?;
        let given = request.new_starting_hash_key.as_deref().unwrap_or_default();
        let (first, last) = shard.hash_keys;
        let inside = hash_key(given).filter(|key| *key > first.saturating_add(1) && *key < last);
        let Some(second_first) = inside else {
            return Err(KinesisError::InvalidArgument(format!(
                "NewStartingHashKey {given} used in SplitShard() on shard {id} in stream {name} under account {} is not both greater \
                 than one plus the shard's StartingHashKey {first} and less than the shard's EndingHashKey {last}.",
                self.account()
            )));
        };
        self.check_open(&name, &shard)?;
        self.reshard(&stream, |change| change.split(id, second_first)).await
    }

    /// Makes one shard of two neighbours.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for shards that are no neighbours, and for closed ones.
    pub(crate) async fn merge_shards(&self, request: MergeShards) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.required_text("shardToMerge", request.shard_to_merge.as_ref(), TextRule::NAME);
        constraints.required_text("adjacentShardToMerge", request.adjacent_shard_to_merge.as_ref(), TextRule::NAME);
        constraints.stream(name, arn);
        constraints.check()?;
        let name = self.authorized(Right::Administer, "MergeShards", name, arn)?;
        let first = self.shard_id(&name, request.shard_to_merge.as_ref())?;
        let second = self.shard_id(&name, request.adjacent_shard_to_merge.as_ref())?;
        let _administration = self.backend.administration.lock().await;
        let stream = self.stream(&name).await?;
        let (first, second) = (self.existing_shard(&stream, first)?, self.existing_shard(&stream, second)?);
        if first.hash_keys.1.checked_add(1) != Some(second.hash_keys.0) {
            return Err(KinesisError::InvalidArgument(format!(
                "Shards {} and {} in stream {name} under account {} are not an adjacent pair of shards eligible for merging",
                first.id,
                second.id,
                self.account()
            )));
        }
        self.check_open(&name, &first)?;
        self.check_open(&name, &second)?;
        self.reshard(&stream, |change| {
            change.merge(first.id, second.id);
        })
        .await
    }

    /// Makes so many shards of the same width, by splits and merges.
    ///
    /// # Errors
    /// [`KinesisError::LimitExceeded`] for more than twice or less than half as many as before; [`KinesisError::Validation`] for a
    /// stream whose shards are not for its user to count.
    pub(crate) async fn update_shard_count(
        &self,
        request: UpdateShardCount,
    ) -> Result<UpdatedShardCount, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("scalingType", request.scaling_type.as_ref());
        constraints.one_of("scalingType", request.scaling_type.as_ref(), &SCALING_TYPES);
        constraints.stream(name, arn);
        constraints.not_null("targetShardCount", request.target_shard_count.as_ref());
        constraints.range("targetShardCount", request.target_shard_count, 1..=100_000);
        constraints.check()?;
        let name = self.authorized(Right::Administer, "UpdateShardCount", name, arn)?;
        let Integer(target_shard_count) = request.target_shard_count.unwrap_or_default();
        let target = u32::try_from(target_shard_count).unwrap_or(u32::MAX);
        let _administration = self.backend.administration.lock().await;
        let stream = self.stream(&name).await?;
        if stream.mode() == StreamMode::OnDemand {
            return Err(KinesisError::Validation(format!(
                "Request is invalid. Stream {name} under account {} is in On-Demand mode.",
                self.account()
            )));
        }
        let open = stream.shards.open().len();
        let target_count = target as usize;
        let beyond = match target_count {
            more if more > 2 * open => Some("up over double"),
            fewer if 2 * fewer < open => Some("down below half"),
            _ => None,
        };
        if let Some(beyond) = beyond {
            return Err(KinesisError::LimitExceeded(format!(
                "UpdateShardCount cannot scale {beyond} your current open shard count. Current open shard count: {open} Target shard \
                 count: {target}"
            )));
        }
        self.check_shard_limit(&name, open as u64, target_count.saturating_sub(open) as u64)?;
        self.reshard(&stream, |change| change.scale(target)).await?;
        Ok(UpdatedShardCount {
            stream_arn: self.stream_arn(&name),
            stream_name: name.to_string(),
            current_shard_count: open,
            target_shard_count,
        })
    }

    fn shard_id(&self, stream: &TopicName, id: Option<&Text>) -> Result<ShardId, KinesisError> {
        let id = id.map(|id| &**id).unwrap_or_default();
        ShardId::parse(id).ok_or_else(|| self.unknown_shard(stream, id))
    }

    fn existing_shard(&self, stream: &Stream, id: ShardId) -> Result<Shard, KinesisError> {
        stream.shards.get(id).ok_or_else(|| self.unknown_shard(stream.name(), id))
    }

    fn check_open(&self, stream: &TopicName, shard: &Shard) -> Result<(), KinesisError> {
        if shard.is_open() {
            return Ok(());
        }
        Err(KinesisError::InvalidArgument(format!(
            "Shard {} in stream {stream} under account {} has already been merged or split, and thus is not eligible for merging \
             or splitting.",
            shard.id,
            self.account()
        )))
    }

    async fn reshard(&self, stream: &Stream, change: impl FnOnce(&mut Resharding)) -> Result<(), KinesisError> {
        let mut resharding = Resharding::new(stream.shards.all(), self.backend.clock.now());
        change(&mut resharding);
        self.alter(stream.name(), resharding.into_change()).await
    }
}
