//! Registered consumers, and the subscription that they are for.

use pinflow_openapi::schema::{array, constant, integer, named, number, object, text};
use pinflow_openapi::{Operation, Schema};
use serde_json::json;

use super::{command, described, query, request, with_any};
use crate::kinesis::schema::{
    consumer_arn, name, next_token, sequence_number, starting_position_type, stream_arn, tags,
};

const CONSUMER: &str = "KinesisConsumer";

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![(CONSUMER, object(consumer()))]
}

pub(super) fn operations() -> Vec<Operation> {
    let [consumer_name, arn, status, created] = consumer();
    let described_consumer = object([consumer_name, arn, status, created, ("StreamARN", stream_arn())]);
    vec![
        query(
            "RegisterStreamConsumer",
            "Register a consumer",
            request([("StreamARN", stream_arn()), ("ConsumerName", name()), ("Tags?", tags())]),
            object([("Consumer", named(CONSUMER))]),
        ),
        command("DeregisterStreamConsumer", "Remove a consumer", reference()),
        query(
            "DescribeStreamConsumer",
            "A consumer",
            reference(),
            object([("ConsumerDescription", described_consumer)]),
        ),
        query(
            "ListStreamConsumers",
            "The consumers of a stream",
            request([
                ("StreamARN", stream_arn()),
                ("NextToken?", next_token()),
                ("MaxResults?", integer(1, 10_000)),
                ("StreamCreationTimestamp?", number()),
            ]),
            object([("Consumers", array(named(CONSUMER))), ("NextToken?", next_token())]),
        ),
        described("SubscribeToShard", "Have the records of a shard pushed for five minutes", subscribe_to_shard())
            .reply(200, "Events", [("application/vnd.amazon.eventstream", events())]),
    ]
}

fn consumer() -> [(&'static str, Schema); 4] {
    [
        ("ConsumerName", name()),
        ("ConsumerARN", consumer_arn()),
        ("ConsumerStatus", constant("ACTIVE")),
        ("ConsumerCreationTimestamp", number()),
    ]
}

/// A consumer by its ARN, or by its name and its stream.
fn reference() -> Schema {
    let request = request([("StreamARN?", stream_arn()), ("ConsumerName?", name()), ("ConsumerARN?", consumer_arn())]);
    with_any(request, &[&["ConsumerARN"], &["StreamARN", "ConsumerName"]])
}

fn subscribe_to_shard() -> Schema {
    let position =
        request([("Type", starting_position_type()), ("SequenceNumber?", sequence_number()), ("Timestamp?", number())]);
    request([("ConsumerARN", consumer_arn()), ("ShardId", name()), ("StartingPosition", position)])
}

fn events() -> Schema {
    let mut events = text();
    events["description"] = json!(
        "Messages in the encoding of AWS event streams: an `initial-response`, then each `SubscribeToShardEvent` with the members \
         Records, ContinuationSequenceNumber, MillisBehindLatest and ChildShards, as GetRecords has them"
    );
    events
}
