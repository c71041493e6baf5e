//! Records: put and read.

use pinflow_openapi::schema::{any_of, array, array_of, base64, constant, count, integer, named, number, object, text};
use pinflow_openapi::{Operation, Schema};

use super::shards::CHILD_SHARD;
use super::{on_stream, query, request};
use crate::kinesis::schema::{hash_key, name, partition_key, sequence_number, shard_iterator, starting_position_type};

/// The name of the schema of a record that is read.
pub(super) const RECORD: &str = "KinesisRecord";

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let record = object([
        ("ApproximateArrivalTimestamp", number()),
        ("Data", base64()),
        // That of a record which came another way may be longer.
        ("PartitionKey", text()),
        ("SequenceNumber", sequence_number()),
    ]);
    vec![(RECORD, record)]
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        query("PutRecord", "Put a record into a stream", put_record(), placed()),
        query("PutRecords", "Put records into a stream", put_records(), outcomes()),
        query(
            "GetShardIterator",
            "Where to begin to read",
            on_stream([
                ("ShardId", name()),
                ("ShardIteratorType", starting_position_type()),
                ("StartingSequenceNumber?", sequence_number()),
                ("Timestamp?", number()),
            ]),
            object([("ShardIterator", shard_iterator())]),
        ),
        query(
            "GetRecords",
            "Read on",
            request([("ShardIterator", shard_iterator()), ("Limit?", integer(1, 10_000))]),
            object([
                ("MillisBehindLatest", count()),
                ("NextShardIterator?", shard_iterator()),
                ("Records", array(named(RECORD))),
                ("ChildShards?", array(named(CHILD_SHARD))),
            ]),
        ),
    ]
}

fn put_record() -> Schema {
    on_stream([
        ("Data", base64()),
        ("PartitionKey", partition_key()),
        ("ExplicitHashKey?", hash_key()),
        ("SequenceNumberForOrdering?", sequence_number()),
    ])
}

fn put_records() -> Schema {
    let entry = request([("Data", base64()), ("PartitionKey", partition_key()), ("ExplicitHashKey?", hash_key())]);
    on_stream([("Records", array_of(entry, 1, 500))])
}

fn placed() -> Schema {
    object([("SequenceNumber", sequence_number()), ("ShardId", name()), ("EncryptionType?", constant("KMS"))])
}

/// One entry a record, in their order: where it is, or why it was refused.
fn outcomes() -> Schema {
    let placed = object([("SequenceNumber", sequence_number()), ("ShardId", name())]);
    let refused = object([("ErrorCode", text()), ("ErrorMessage", text())]);
    object([
        ("FailedRecordCount", count()),
        ("Records", array(any_of([placed, refused]))),
        ("EncryptionType?", constant("KMS")),
    ])
}
