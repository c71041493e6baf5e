//! Shards: listed, divided, merged.

use pinflow_openapi::schema::{array, count, integer, named, number, object, text};
use pinflow_openapi::{Operation, Schema};

use super::{command, on_stream, query, request, with_any};
use crate::kinesis::schema::{
    hash_key, name, next_token, scaling_type, sequence_number, shard_filter_type, stream_arn,
};

/// The name of a shard's schema.
pub(super) const SHARD: &str = "KinesisShard";
/// The name of the schema of a shard that follows a closed one.
pub(super) const CHILD_SHARD: &str = "KinesisChildShard";

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let hash_keys = || object([("StartingHashKey", hash_key()), ("EndingHashKey", hash_key())]);
    let numbers = object([("StartingSequenceNumber", sequence_number()), ("EndingSequenceNumber?", sequence_number())]);
    vec![
        (
            SHARD,
            object([
                ("ShardId", name()),
                ("ParentShardId?", name()),
                ("AdjacentParentShardId?", name()),
                ("HashKeyRange", hash_keys()),
                ("SequenceNumberRange", numbers),
            ]),
        ),
        (CHILD_SHARD, object([("ShardId", name()), ("ParentShards", array(name())), ("HashKeyRange", hash_keys())])),
    ]
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        query(
            "ListShards",
            "The shards of a stream",
            list_shards(),
            object([("Shards", array(named(SHARD))), ("NextToken?", next_token())]),
        ),
        command(
            "SplitShard",
            "Divide a shard in two",
            on_stream([("ShardToSplit", name()), ("NewStartingHashKey", hash_key())]),
        ),
        command(
            "MergeShards",
            "Make two neighbouring shards one",
            on_stream([("ShardToMerge", name()), ("AdjacentShardToMerge", name())]),
        ),
        query(
            "UpdateShardCount",
            "Divide and merge shards until there are so many",
            on_stream([("TargetShardCount", integer(1, 100_000)), ("ScalingType", scaling_type())]),
            object([
                ("StreamName", text()),
                ("StreamARN", text()),
                ("CurrentShardCount", count()),
                ("TargetShardCount", count()),
            ]),
        ),
    ]
}

/// The first page of a stream, or the one of a token.
fn list_shards() -> Schema {
    let filter = request([("Type", shard_filter_type()), ("ShardId?", name()), ("Timestamp?", number())]);
    let request = request([
        ("StreamName?", name()),
        ("StreamARN?", stream_arn()),
        ("NextToken?", next_token()),
        ("ExclusiveStartShardId?", name()),
        ("MaxResults?", integer(1, 10_000)),
        ("StreamCreationTimestamp?", number()),
        ("ShardFilter?", filter),
    ]);
    with_any(request, &[&["StreamName"], &["StreamARN"], &["NextToken"]])
}
