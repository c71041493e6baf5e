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
        operations: streams_operations().into_iter().chain(records_operations()).collect(),
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

fn streams_operations() -> Vec<Operation> {
    vec![
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
    ]
}

/// With every way in which it is refused.
fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let refusals = [
        (400, "Kinesis refuses it; the body says why"),
        (403, "No credentials, wrong ones, or no right to do this"),
        (408, "The body did not come in time"),
        (413, "The body is too large"),
        (415, "The body is not JSON"),
        (429, "Too many requests; try again later"),
        (500, "The service failed"),
        (503, "The log takes no records"),
    ];
    let operation = Operation::new(method, path, id, summary);
    refusals.into_iter().fold(operation, |operation, (status, description)| {
        let operation =
            operation.reply(status, description, [(JSON, named(ERROR))]).reply_header("x-amzn-ErrorType", text());
        if status == 429 { operation.reply_header("Retry-After", count()) } else { operation }
    })
}

fn on_stream(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(method, path, id, summary).with(Parameter::path("stream_name", stream()))
}

/// Reading and writing, of the stream in the path and of the one that a gateway has `default_stream` for.
fn records_operations() -> Vec<Operation> {
    const RECORD: &str = "/streams/{stream_name}/record";
    const RECORDS: &str = "/streams/{stream_name}/records";
    const PUT_ONE: &str = "Put a record into a stream";
    const PUT_ONE_FIXED: &str = "Put a record into the default stream, where one is set";
    const PUT_MANY: &str = "Put records into a stream";
    const PUT_MANY_FIXED: &str = "Put records into the default stream, where one is set";
    vec![
        put_record(on_stream("PUT", RECORD, "putRecord", PUT_ONE)),
        put_record(on_stream("POST", RECORD, "putRecordByPost", PUT_ONE)),
        put_record(operation("PUT", "/record", "putDefaultRecord", PUT_ONE_FIXED)),
        put_record(operation("POST", "/record", "putDefaultRecordByPost", PUT_ONE_FIXED)),
        put_records(on_stream("PUT", RECORDS, "putRecords", PUT_MANY)),
        put_records(on_stream("POST", RECORDS, "putRecordsByPost", PUT_MANY)),
        put_records(operation("PUT", "/records", "putDefaultRecords", PUT_MANY_FIXED)),
        put_records(operation("POST", "/records", "putDefaultRecordsByPost", PUT_MANY_FIXED)),
        get_records(on_stream("GET", RECORDS, "getRecords", "Read on")),
        get_records(operation(
            "GET",
            "/records",
            "getDefaultRecords",
            "Read on in the default stream, where one is set",
        )),
    ]
}

fn put_record(operation: Operation) -> Operation {
    let reply = object([("SequenceNumber", text()), ("ShardId", text())]);
    operation.body([(JSON, named("Record"))]).reply(200, "Where it is", [(JSON, reply)])
}

fn put_records(operation: Operation) -> Operation {
    let records = || array_of(named("Record"), 1, 500);
    let put = object([("SequenceNumber", text()), ("ShardId", text())]);
    let refused = object([("ErrorCode", text()), ("ErrorMessage", text())]);
    let reply = object([("FailedRecordCount", count()), ("Records", array(any_of([put, refused])))]);
    operation
        .body([(JSON, any_of([open_object([("records", records())]), open_object([("Records", records())])]))])
        .reply(200, "One entry a record, in their order: where it is, or why it was refused", [(JSON, reply)])
}

fn get_records(operation: Operation) -> Operation {
    operation.with(Parameter::header("Shard-Iterator", text_of(1, 512)).required()).reply(
        200,
        "Records, and the iterator for the next ones",
        [(JSON, records_reply())],
    )
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
