//! The operations of the protocol.

use axum::response::Response;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

use super::error::Refusal;
use super::event_stream;
use super::format::Format;
use crate::kinesis::Kinesis;

/// What every target begins with.
pub(super) const SERVICE: &str = "Kinesis_20131202";

/// The header `X-Amz-Target`, as in `Kinesis_20131202.PutRecord`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    service: &'a str,
    operation: &'a str,
}

impl<'a> Target<'a> {
    /// Takes a header's value apart; anything has two parts, which may be empty.
    pub(super) fn parse(target: &'a str) -> Self {
        let mut parts = target.split('.');
        Self { service: parts.next().unwrap_or_default(), operation: parts.next().unwrap_or_default() }
    }

    /// Whether it names a service and an operation, be they known or not.
    pub(super) fn is_complete(self) -> bool {
        !(self.service.is_empty() || self.operation.is_empty())
    }

    /// The operation, if it is known.
    pub(super) fn operation(self) -> Option<Operation> {
        let name: serde::de::value::StrDeserializer<'_, Error> = self.operation.into_deserializer();
        Operation::deserialize(name).ok().filter(|_| self.service == SERVICE)
    }
}

/// A known operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Operation {
    AddTagsToStream,
    CreateStream,
    DecreaseStreamRetentionPeriod,
    DeleteResourcePolicy,
    DeleteStream,
    DeregisterStreamConsumer,
    DescribeLimits,
    DescribeStream,
    DescribeStreamConsumer,
    DescribeStreamSummary,
    DisableEnhancedMonitoring,
    EnableEnhancedMonitoring,
    GetRecords,
    GetResourcePolicy,
    GetShardIterator,
    IncreaseStreamRetentionPeriod,
    ListShards,
    ListStreamConsumers,
    ListStreams,
    ListTagsForResource,
    ListTagsForStream,
    MergeShards,
    PutRecord,
    PutRecords,
    PutResourcePolicy,
    RegisterStreamConsumer,
    RemoveTagsFromStream,
    SplitShard,
    StartStreamEncryption,
    StopStreamEncryption,
    SubscribeToShard,
    TagResource,
    UntagResource,
    UpdateShardCount,
    UpdateStreamMode,
}

impl Operation {
    /// Does what the request in `body` asks for.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) async fn carry_out(self, kinesis: &Kinesis, format: Format, body: &[u8]) -> Result<Response, Refusal> {
        match self {
            Self::AddTagsToStream => kinesis.add_tags_to_stream(format.decode(body)?).await?,
            Self::CreateStream => kinesis.create_stream(format.decode(body)?).await?,
            Self::DecreaseStreamRetentionPeriod => kinesis.decrease_retention(format.decode(body)?).await?,
            Self::DeleteResourcePolicy => kinesis.delete_resource_policy(format.decode(body)?).await?,
            Self::DeleteStream => kinesis.delete_stream(format.decode(body)?).await?,
            Self::DeregisterStreamConsumer => kinesis.deregister_stream_consumer(format.decode(body)?).await?,
            Self::IncreaseStreamRetentionPeriod => kinesis.increase_retention(format.decode(body)?).await?,
            Self::MergeShards => kinesis.merge_shards(format.decode(body)?).await?,
            Self::PutResourcePolicy => kinesis.put_resource_policy(format.decode(body)?).await?,
            Self::RemoveTagsFromStream => kinesis.remove_tags_from_stream(format.decode(body)?).await?,
            Self::SplitShard => kinesis.split_shard(format.decode(body)?).await?,
            Self::StartStreamEncryption => kinesis.start_stream_encryption(format.decode(body)?).await?,
            Self::StopStreamEncryption => kinesis.stop_stream_encryption(format.decode(body)?).await?,
            Self::TagResource => kinesis.tag_resource(format.decode(body)?).await?,
            Self::UntagResource => kinesis.untag_resource(format.decode(body)?).await?,
            Self::UpdateStreamMode => kinesis.update_stream_mode(format.decode(body)?).await?,
            _ => return self.answer(kinesis, format, body).await,
        }
        Ok(format.empty())
    }

    /// Those with a result.
    async fn answer(self, kinesis: &Kinesis, format: Format, body: &[u8]) -> Result<Response, Refusal> {
        Ok(match self {
            Self::PutRecord => format.reply(&kinesis.put_record(format.decode(body)?).await?),
            Self::PutRecords => format.reply(&kinesis.put_records(format.decode(body)?).await?),
            Self::GetRecords => {
                let records = kinesis.get_records(None, format.decode(body)?).await?;
                let (reply, memory) = records.written(|records| format.reply(records));
                memory.held_by(reply)
            }
            Self::GetResourcePolicy => format.reply(&kinesis.get_resource_policy(format.decode(body)?).await?),
            Self::GetShardIterator => format.reply(&kinesis.get_shard_iterator(format.decode(body)?).await?),
            Self::DescribeStream => format.reply(&kinesis.describe_stream(format.decode(body)?).await?),
            Self::DescribeStreamSummary => format.reply(&kinesis.describe_stream_summary(format.decode(body)?).await?),
            Self::ListShards => format.reply(&kinesis.list_shards(format.decode(body)?).await?),
            Self::ListStreams => format.reply(&kinesis.list_streams(format.decode(body)?).await?),
            Self::UpdateShardCount => format.reply(&kinesis.update_shard_count(format.decode(body)?).await?),
            Self::ListTagsForStream => format.reply(&kinesis.list_tags_for_stream(format.decode(body)?).await?),
            Self::ListTagsForResource => format.reply(&kinesis.list_tags_for_resource(format.decode(body)?).await?),
            Self::RegisterStreamConsumer => {
                format.reply(&kinesis.register_stream_consumer(format.decode(body)?).await?)
            }
            Self::DescribeStreamConsumer => {
                format.reply(&kinesis.describe_stream_consumer(format.decode(body)?).await?)
            }
            Self::ListStreamConsumers => format.reply(&kinesis.list_stream_consumers(format.decode(body)?).await?),
            Self::EnableEnhancedMonitoring => {
                format.reply(&kinesis.enable_enhanced_monitoring(format.decode(body)?).await?)
            }
            Self::DisableEnhancedMonitoring => {
                format.reply(&kinesis.disable_enhanced_monitoring(format.decode(body)?).await?)
            }
            Self::SubscribeToShard => {
                event_stream::response(format, kinesis.subscribe_to_shard(format.decode(body)?).await?)
            }
            // The only one left: all others are carried out without a result.
            _ => format.reply(&kinesis.describe_limits().await?),
        })
    }
}
