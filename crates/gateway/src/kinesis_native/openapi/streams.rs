//! Streams: made, removed, listed, described, and what is set for them.

use pinflow_openapi::schema::{array, array_of, boolean, constant, count, integer, named, number, object, text};
use pinflow_openapi::{Operation, Schema};

use super::{command, on_stream, query, request, with_any};
use crate::kinesis::schema::{encryption_type, key_id, metric, name, next_token, stream_arn, stream_mode, tags};

const SUMMARY: &str = "KinesisStreamSummary";
const MONITORING: &str = "KinesisMonitoring";

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        (SUMMARY, object(summary())),
        (
            MONITORING,
            object([
                ("StreamName", name()),
                ("StreamARN", stream_arn()),
                ("CurrentShardLevelMetrics", array(metric())),
                ("DesiredShardLevelMetrics", array(metric())),
            ]),
        ),
    ]
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        command("CreateStream", "Make a stream", create_stream()),
        command("DeleteStream", "Remove a stream", on_stream([("EnforceConsumerDeletion?", boolean())])),
        query("ListStreams", "The streams, by name", list_streams(), stream_list()),
        query(
            "DescribeStream",
            "A stream and its shards",
            on_stream([("Limit?", integer(1, 10_000)), ("ExclusiveStartShardId?", name())]),
            description(),
        ),
        query("DescribeStreamSummary", "A stream without its shards", on_stream([]), description_summary()),
        query("DescribeLimits", "How many shards and streams there may be", request([]), limits()),
        command("IncreaseStreamRetentionPeriod", "Keep records longer", on_stream([retention()])),
        command("DecreaseStreamRetentionPeriod", "Keep records for a shorter time", on_stream([retention()])),
        command(
            "UpdateStreamMode",
            "Change how a stream gets its shards; it is remembered only",
            request([("StreamARN", stream_arn()), ("StreamModeDetails", mode())]),
        ),
        command("StartStreamEncryption", "Set an encryption key; it is remembered only", encryption()),
        command("StopStreamEncryption", "Remove the encryption key", encryption()),
        query("EnableEnhancedMonitoring", "Name metrics; they are remembered only", metrics(), named(MONITORING)),
        query("DisableEnhancedMonitoring", "Remove metrics", metrics(), named(MONITORING)),
    ]
}

fn create_stream() -> Schema {
    let request = request([
        ("StreamName", name()),
        ("ShardCount?", integer(1, 100_000)),
        ("StreamModeDetails?", mode()),
        ("Tags?", tags()),
    ]);
    // A stream on demand needs no count.
    with_any(request, &[&["ShardCount"], &["StreamModeDetails"]])
}

fn list_streams() -> Schema {
    request([("ExclusiveStartStreamName?", name()), ("NextToken?", next_token()), ("Limit?", integer(1, 10_000))])
}

fn stream_list() -> Schema {
    object([
        ("HasMoreStreams", boolean()),
        ("NextToken?", next_token()),
        ("StreamNames", array(name())),
        ("StreamSummaries", array(named(SUMMARY))),
    ])
}

fn mode() -> Schema {
    request([("StreamMode", stream_mode())])
}

fn retention() -> (&'static str, Schema) {
    ("RetentionPeriodHours", integer(1, 8_760))
}

fn encryption() -> Schema {
    on_stream([("EncryptionType", encryption_type()), ("KeyId", key_id())])
}

fn metrics() -> Schema {
    on_stream([("ShardLevelMetrics", array_of(metric(), 1, 7))])
}

/// What every description of a stream begins with.
fn summary() -> [(&'static str, Schema); 5] {
    [
        ("StreamName", name()),
        ("StreamARN", stream_arn()),
        ("StreamStatus", constant("ACTIVE")),
        ("StreamModeDetails", object([("StreamMode", stream_mode())])),
        ("StreamCreationTimestamp", number()),
    ]
}

/// How a stream is kept.
fn keeping() -> [(&'static str, Schema); 4] {
    [
        ("RetentionPeriodHours", count()),
        ("EnhancedMonitoring", array_of(object([("ShardLevelMetrics", array(metric()))]), 1, 1)),
        ("EncryptionType", encryption_type()),
        ("KeyId?", text()),
    ]
}

fn description() -> Schema {
    let [name, arn, status, mode, created] = summary();
    let [retention, monitoring, encryption, key] = keeping();
    let shards = ("Shards", array(named(super::shards::SHARD)));
    let more = ("HasMoreShards", boolean());
    let description = object([name, arn, status, mode, created, shards, more, retention, monitoring, encryption, key]);
    object([("StreamDescription", description)])
}

fn description_summary() -> Schema {
    let [name, arn, status, mode, created] = summary();
    let [retention, monitoring, encryption, key] = keeping();
    let [shards, consumers, largest] =
        ["OpenShardCount", "ConsumerCount", "MaxRecordSizeInKiB"].map(|name| (name, count()));
    let summary =
        object([name, arn, status, mode, created, retention, monitoring, encryption, key, shards, consumers, largest]);
    object([("StreamDescriptionSummary", summary)])
}

fn limits() -> Schema {
    object(
        ["ShardLimit", "OpenShardCount", "OnDemandStreamCount", "OnDemandStreamCountLimit"].map(|name| (name, count())),
    )
}
