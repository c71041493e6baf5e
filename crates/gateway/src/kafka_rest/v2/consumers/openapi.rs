//! The operations of consumers, and the schemas of their bodies.

use pinflow_openapi::schema::{
    any, any_of, array, array_of, base64, boolean, count, described, integer, named, nullable, number, object,
    one_of_texts, text, text_of,
};
use pinflow_openapi::{Operation, Parameter, Schema};

use crate::kafka_rest::media_type::{BINARY, JSON, SCHEMA, V2};
use crate::kafka_rest::openapi::{errors, partition, topic};

/// The ways in which a body can be refused before it is looked at.
const BODY: [u16; 4] = [400, 408, 413, 415];

/// The operations under `/consumers`.
pub(in crate::kafka_rest::v2) fn operations() -> Vec<Operation> {
    let mut operations = vec![create(), delete()];
    operations.extend(subscriptions());
    operations.extend(assignments());
    operations.extend(positions());
    operations.push(records());
    operations.extend(offsets());
    operations
}

/// The schemas that they name: each stands under several media types.
pub(in crate::kafka_rest::v2) fn schemas() -> Vec<(&'static str, Schema)> {
    let instance = object([("instance_id", text()), ("base_uri", text())]);
    let by_name = object([("topics", array(topic()))]);
    let pattern = described(text(), "A regular expression that matches the whole name of a topic");
    let time = described(text(), "An instant as in RFC 3339: 2026-01-31T12:00:00Z");
    let at = object([("topic", topic()), ("partition", partition())]);
    let offset =
        object([("topic", topic()), ("partition", partition()), ("offset", count()), ("metadata?", nullable(text()))]);
    let instant =
        object([("topic", topic()), ("partition", partition()), ("timestamp", time), ("metadata?", nullable(text()))]);
    let committed = object([("topic", topic()), ("partition", partition()), ("offset", count()), ("metadata", text())]);
    vec![
        ("ConsumerSettings", settings()),
        ("ConsumerInstance", instance),
        ("ConsumerTopics", by_name.clone()),
        ("ConsumerSubscription", any_of([by_name, object([("topic_pattern", pattern)])])),
        ("ConsumerPartitions", object([("partitions", array(at))])),
        ("ConsumerPositions", object([("offsets?", array(offset.clone())), ("timestamps?", array(instant))])),
        ("ConsumerCommit", nullable(object([("offsets?", nullable(array(offset)))]))),
        ("ConsumerCommitted", object([("offsets", array(committed))])),
        ("ConsumerNothing", array_of(any(), 0, 0)),
        ("ConsumerBinaryRecords", records_of(base64())),
        ("ConsumerJsonRecords", records_of(any())),
    ]
}

fn create() -> Operation {
    let operation = Operation::new("POST", "/consumers/{group_name}", "createConsumer", "Make an instance of a group")
        .with(group_name())
        .optional_body(control("ConsumerSettings"))
        .reply(200, "The instance, and where it is", control("ConsumerInstance"));
    errors(operation, &[&BODY[..], &[409, 422]].concat())
}

fn delete() -> Operation {
    let summary = "Remove an instance; what it has read is committed where it commits by itself";
    done(on_instance("DELETE", "", "deleteConsumer", summary, &[]))
}

fn subscriptions() -> [Operation; 3] {
    const PATH: &str = "/subscription";
    [
        on_instance("GET", PATH, "getSubscription", "The topics that an instance is subscribed to", &[]).reply(
            200,
            "Their names",
            control("ConsumerTopics"),
        ),
        done(on_instance("POST", PATH, "subscribe", "Subscribe to topics, in place of those before", &[409, 422]))
            .body(control("ConsumerSubscription")),
        done(on_instance("DELETE", PATH, "unsubscribe", "Read nothing any more", &[])),
    ]
}

fn assignments() -> [Operation; 2] {
    const PATH: &str = "/assignments";
    [
        on_instance("GET", PATH, "getAssignments", "The partitions that an instance reads", &[]).reply(
            200,
            "The partitions",
            control("ConsumerPartitions"),
        ),
        done(on_instance("POST", PATH, "assign", "Read these partitions, in place of those before", &[409, 422]))
            .body(control("ConsumerPartitions")),
    ]
}

fn positions() -> [Operation; 3] {
    let seek =
        |path, id, summary, schema| done(on_instance("POST", path, id, summary, &[409, 422])).body(control(schema));
    [
        seek("/positions", "seek", "Read on from offsets or instants", "ConsumerPositions"),
        seek(
            "/positions/beginning",
            "seekToBeginning",
            "Read on from the first record of partitions",
            "ConsumerPartitions",
        ),
        seek("/positions/end", "seekToEnd", "Read on behind the last record of partitions", "ConsumerPartitions"),
    ]
}

fn records() -> Operation {
    let path = "/consumers/{group_name}/instances/{instance}/records";
    let content = [
        (BINARY, named("ConsumerBinaryRecords")),
        (V2, named("ConsumerBinaryRecords")),
        (JSON, named("ConsumerJsonRecords")),
    ];
    let operation = Operation::new("GET", path, "readRecords", "Read on, in the format of the instance")
        .with(group_name())
        .with(instance())
        .with(Parameter::query("timeout", described(count(), "How many milliseconds to wait for records at most")))
        .with(Parameter::query("max_bytes", described(count(), "How many bytes of keys and values to return at most")))
        .reply(200, "The records that came next, none where there are none yet", content);
    errors(operation, &[404, 408, 409])
}

fn offsets() -> [Operation; 2] {
    const PATH: &str = "/offsets";
    [
        // Which partitions is said in a body, as the original has it, though few clients send one with GET.
        on_instance("GET", PATH, "getCommittedOffsets", "The offsets that a group has committed", &[422])
            .body(control("ConsumerPartitions"))
            .reply(200, "Where the group reads on", control("ConsumerCommitted")),
        on_instance("POST", PATH, "commitOffsets", "Commit offsets, or without a body all that was read", &[422])
            .optional_body(control("ConsumerCommit"))
            .reply(200, "They are committed", control("ConsumerNothing")),
    ]
}

/// An operation on an instance or, at `path`, a part of it; all of these look at the body, whether or not they need one.
fn on_instance(
    method: &'static str,
    path: &str,
    id: &'static str,
    summary: &'static str,
    refused: &[u16],
) -> Operation {
    let path = format!("/consumers/{{group_name}}/instances/{{instance}}{path}");
    let operation = Operation::new(method, path, id, summary).with(group_name()).with(instance());
    errors(operation, &[&BODY[..], &[404], refused].concat())
}

fn done(operation: Operation) -> Operation {
    operation.reply(204, "It is done", [])
}

fn group_name() -> Parameter {
    Parameter::path("group_name", text_of(1, 256))
}

fn instance() -> Parameter {
    Parameter::path("instance", text_of(1, 256))
}

/// A body about a consumer: any type of version 2 will do.
fn control(schema: &str) -> impl Iterator<Item = (&'static str, Schema)> {
    [V2, BINARY, JSON].into_iter().chain(SCHEMA).map(move |media_type| (media_type, named(schema)))
}

fn settings() -> Schema {
    let name = || any_of([text_of(1, 256), number(), boolean()]);
    let min_bytes = || any_of([integer(-1, 10_000_000), text()]);
    let wait = || any_of([integer(i64::from(i32::MIN), i64::from(i32::MAX)), text()]);
    nullable(object([
        ("id?", described(name(), "The older word for `name`, which it goes before")),
        ("name?", name()),
        ("format?", described(text(), "`binary` or `json`, in small letters or capitals; without it `binary`")),
        ("auto.offset.reset?", one_of_texts(&["latest", "earliest", "none"])),
        ("auto.commit.enable?", any_of([boolean(), one_of_texts(&["true", "false"])])),
        ("fetch.min.bytes?", min_bytes()),
        ("responseMinBytes?", described(min_bytes(), "The older word for `fetch.min.bytes`")),
        ("consumer.request.timeout.ms?", wait()),
        ("requestWaitMs?", described(wait(), "The older word for `consumer.request.timeout.ms`")),
    ]))
}

fn records_of(embedded: Schema) -> Schema {
    let record = object([
        ("topic", topic()),
        ("key", nullable(embedded.clone())),
        ("value", nullable(embedded)),
        ("partition", partition()),
        ("offset", count()),
    ]);
    array(record)
}
