//! The operations of version 2.

use pinflow_openapi::schema::{
    any, any_of, array, array_of, base64, boolean, constant, count, integer, map, nullable, object, text,
};
use pinflow_openapi::{Api, Operation, Schema};

use super::consumers;
use crate::kafka_rest::media_type::{BINARY, JSON, PLAIN_JSON, V2};
use crate::kafka_rest::openapi::{error, errors, partition, partition_id, topic, topic_name};

/// Version 2.
pub(in crate::kafka_rest) fn api() -> Api {
    Api {
        tag: "Kafka REST v2",
        description: "Version 2 of the Confluent REST Proxy's API",
        operations: metadata_and_produce().into_iter().chain(consumers::operations()).collect(),
        schemas: consumers::schemas(),
    }
}

fn metadata_and_produce() -> Vec<Operation> {
    vec![
        read("/", "getRoot", "Whether the service is there", object([]), &[])
            .reply(302, "The page for people, to who prefers HTML", [])
            .reply_header("Location", text()),
        read("/brokers", "listBrokersV2", "The brokers", object([("brokers", array(count()))]), &[]),
        read("/topics", "listTopicsV2", "The names of all topics", array(topic()), &[]),
        read("/topics/{topic_name}", "getTopicV2", "A topic", topic_reply(), &[404]).with(topic_name()),
        produce("/topics/{topic_name}", "produceToTopicV2", "Produce to a topic").with(topic_name()),
        read(
            "/topics/{topic_name}/partitions",
            "listPartitionsV2",
            "The partitions of a topic",
            array(partition_reply()),
            &[404],
        )
        .with(topic_name()),
        read(
            "/topics/{topic_name}/partitions/{partition_id}",
            "getPartitionV2",
            "A partition",
            partition_reply(),
            &[404],
        )
        .with(topic_name())
        .with(partition_id()),
        produce("/topics/{topic_name}/partitions/{partition_id}", "produceToPartitionV2", "Produce to a partition")
            .with(topic_name())
            .with(partition_id()),
        read(
            "/topics/{topic_name}/partitions/{partition_id}/offsets",
            "getOffsetsV2",
            "What a partition holds",
            offsets_reply(),
            &[404],
        )
        .with(topic_name())
        .with(partition_id()),
    ]
}

fn read(path: &'static str, id: &'static str, summary: &'static str, reply: Schema, refused: &[u16]) -> Operation {
    errors(Operation::new("GET", path, id, summary).reply(200, "Here it is", [(V2, reply)]), refused)
}

fn produce(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let operation = Operation::new("POST", path, id, summary)
        .body([(JSON, produce_request(any())), (BINARY, produce_request(nullable(base64())))])
        .reply(200, "One entry a record, in their order: where it is, or why it was refused", [(V2, produce_reply())]);
    // Of a topic that the caller may not write, each record is refused in its own entry.
    let forbidden = [(V2, any_of([error(), produce_reply()])), (PLAIN_JSON, error())];
    errors(operation, &[400, 404, 408, 413, 415, 422]).reply(
        403,
        "The caller has no right to do this, in all or for some of the records",
        forbidden,
    )
}

/// `embedded` is how a key or value stands in the format.
fn produce_request(embedded: Schema) -> Schema {
    let record = object([("key?", embedded.clone()), ("value?", embedded), ("partition?", nullable(partition()))]);
    object([
        ("records", array_of(record, 1, 100_000)),
        ("key_schema?", any()),
        ("key_schema_id?", any()),
        ("value_schema?", any()),
        ("value_schema_id?", any()),
    ])
}

fn produce_reply() -> Schema {
    let entry = object([
        ("partition", nullable(count())),
        ("offset", nullable(count())),
        ("error_code", nullable(integer(1, 99_999))),
        ("error", nullable(text())),
    ]);
    object([("offsets", array(entry)), ("key_schema_id", constant(())), ("value_schema_id", constant(()))])
}

fn topic_reply() -> Schema {
    object([("name", topic()), ("configs", map(text())), ("partitions", array(partition_reply()))])
}

fn partition_reply() -> Schema {
    let replica = object([("broker", count()), ("leader", boolean()), ("in_sync", boolean())]);
    object([("partition", partition()), ("leader", integer(-1, i64::from(i32::MAX))), ("replicas", array(replica))])
}

fn offsets_reply() -> Schema {
    object([("beginning_offset", count()), ("end_offset", count())])
}
