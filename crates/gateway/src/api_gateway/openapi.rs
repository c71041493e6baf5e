//! The operations of the dialect.

use pinflow_openapi::schema::{
    any_of, array, array_of, base64, boolean, count, integer, matching, named, not_null, number, object, one_of_texts,
    open_object, text, text_of,
};
use pinflow_openapi::{Api, Operation, Parameter, Schema};

const JSON: &str = "application/json";
const ERROR: &str = "ApiGatewayError";

/// The dialect.
pub(crate) fn api() -> Api {
    Api {
        tag: "Kinesis behind API Gateway",
        description: "Streams as the AWS tutorial puts them behind an API Gateway: `/streams` with plain JSON",
        operations: vec![
            operation("GET", "/streams", "listStreams", "The names of the streams")
                .optional_body([(
                    JSON,
                    open_object([("Limit?", integer(1, 10_000)), ("ExclusiveStartStreamName?", stream())]),
                )])
                .reply(
                    200,
                    "The names",
                    [(JSON, open_object([("HasMoreStreams", boolean()), ("StreamNames", array(stream()))]))],
                ),
            on_stream("GET", "/streams/{stream_name}", "describeStream", "A stream and its shards").reply(
                200,
                "The stream",
                [(
                    JSON,
                    object([(
                        "StreamDescription",
                        open_object([
                            ("StreamName", stream()),
                            ("StreamARN", text()),
                            ("StreamStatus", text()),
                            ("Shards", array(shard())),
                        ]),
                    )]),
                )],
            ),
            on_stream("POST", "/streams/{stream_name}", "createStream", "Make a stream")
                .optional_body([(JSON, open_object([("ShardCount?", integer(1, 1_000))]))])
                .reply(200, "It is made", [(JSON, object([]))]),
            on_stream("DELETE", "/streams/{stream_name}", "deleteStream", "Remove a stream").reply(
                200,
                "It is removed",
                [(JSON, object([]))],
            ),
            put_record("PUT", "putRecord"),
            put_record("POST", "putRecordByPost"),
            put_records("PUT", "putRecords"),
            put_records("POST", "putRecordsByPost"),
            on_stream("GET", "/streams/{stream_name}/sharditerator", "getShardIterator", "Where to begin to read")
                .with(Parameter::query("shard-id", matching("shardId-[0-9]{12}")).required())
                .with(Parameter::query(
                    "shard-iterator-type",
                    one_of_texts(&[
                        "TRIM_HORIZON",
                        "LATEST",
                        "AT_SEQUENCE_NUMBER",
                        "AFTER_SEQUENCE_NUMBER",
                        "AT_TIMESTAMP",
                    ]),
                ))
                .with(Parameter::query("starting-sequence-number", matching("(?:0|[1-9][0-9]{0,128})")))
                .with(Parameter::query("timestamp", number()))
                .reply(200, "The iterator", [(JSON, object([("ShardIterator", text_of(1, 512))]))]),
            on_stream("GET", "/streams/{stream_name}/records", "getRecords", "Read on")
                .with(Parameter::header("Shard-Iterator", text_of(1, 512)).required())
                .reply(200, "Records, and the iterator for the next ones", [(JSON, records_reply())]),
        ],
        schemas: vec![
            (
                ERROR,
                any_of([
                    // API Gateway's own, those of Kinesis, and the one that spells its message with a capital.
                    object([("message", text())]),
                    object([("__type", text()), ("message", text())]),
                    object([("__type", text()), ("Message", text())]),
                ]),
            ),
            ("Record", record()),
        ],
    }
}

/// With every way in which it is refused.
fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let refusals = [
        (400, "Kinesis refuses it; the body says why"),
        (403, "No credentials, wrong ones, or no right to do this"),
        (413, "The body is too large"),
        (415, "The body is not JSON"),
        (429, "Too many requests; try again later"),
        (500, "The service failed"),
        (503, "The log takes no records"),
    ];
    let operation = Operation::new(method, path, id, summary);
    refusals.into_iter().fold(operation, |operation, (status, description)| {
        operation.reply(status, description, [(JSON, named(ERROR))]).reply_header("x-amzn-ErrorType", text())
    })
}

fn on_stream(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(method, path, id, summary).with(Parameter::path("stream_name", stream()))
}

fn put_record(method: &'static str, id: &'static str) -> Operation {
    on_stream(method, "/streams/{stream_name}/record", id, "Put a record into a stream")
        .body([(JSON, named("Record"))])
        .reply(200, "Where it is", [(JSON, object([("SequenceNumber", text()), ("ShardId", text())]))])
}

fn put_records(method: &'static str, id: &'static str) -> Operation {
    let records = || array_of(named("Record"), 1, 500);
    let put = object([("SequenceNumber", text()), ("ShardId", text())]);
    let refused = object([("ErrorCode", text()), ("ErrorMessage", text())]);
    let reply = object([("FailedRecordCount", count()), ("Records", array(any_of([put, refused])))]);
    on_stream(method, "/streams/{stream_name}/records", id, "Put records into a stream")
        .body([(JSON, any_of([open_object([("records", records())]), open_object([("Records", records())])]))])
        .reply(200, "One entry a record, in their order: where it is, or why it was refused", [(JSON, reply)])
}

fn stream() -> Schema {
    matching("[a-zA-Z0-9_.-]{1,128}")
}

fn shard() -> Schema {
    open_object([("ShardId", text()), ("HashKeyRange", open_object([])), ("SequenceNumberRange", open_object([]))])
}

/// A record in all spellings that are taken. Other members are ignored.
fn record() -> Schema {
    let key = || any_of([text_of(1, 256), number(), boolean()]);
    let keys = ["PartitionKey", "partition-key", "partitionKey"];
    any_of(
        ["Data", "data"].into_iter().flat_map(|data| keys.map(|name| open_object([(data, not_null()), (name, key())]))),
    )
}

fn records_reply() -> Schema {
    let record = object([
        ("ApproximateArrivalTimestamp", number()),
        ("Data", base64()),
        ("PartitionKey", text()),
        ("SequenceNumber", text()),
    ]);
    open_object([("MillisBehindLatest", count()), ("NextShardIterator?", text_of(1, 512)), ("Records", array(record))])
}
