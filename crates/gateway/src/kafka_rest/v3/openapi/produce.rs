//! Producing. What is wrong with one record is said in its place, under the status of the others: so each request takes, in the
//! place of a record, anything else too.

use pinflow_openapi::schema::{
    any, any_of, array, array_of, base64, constant, count, integer, matching, named, nullable, number, object,
    one_of_texts, open_object, sequence, text,
};
use pinflow_openapi::{Operation, Schema};

use super::{Named, content, operation, with_body};
use crate::kafka_rest::openapi::{ERROR, partition, topic};
use crate::settings::GatewaySettings;

const RECORD: &str = "KafkaRecord";
const DATA: &str = "KafkaRecordData";
const SIZE: &str = "KafkaRecordDataSize";

pub(super) fn operations() -> Vec<Operation> {
    let stream = operation(
        "POST",
        "/topics/{topic_name}/records",
        "produceRecord",
        "Produce records to a topic, one after the other for as long as the request is open",
    )
    .reply(
        200,
        "One object a record, in their order and as soon as it is stored: where it is, or why it was refused",
        content(sequence(any_of([produced([("error_code", constant(200))]), named(ERROR)]))),
    );
    let batch = operation(
        "POST",
        "/topics/{topic_name}/records:batch",
        "produceRecordsBatch",
        "Produce a few records to a topic at once",
    )
    .reply(207, "Where the entries are, and why others were refused", content(batch_reply()));
    vec![with_body(stream, sequence(any_of([named(RECORD), any()]))), with_body(batch, batch_request())]
}

pub(super) fn schemas() -> Vec<Named> {
    let header = object([("name", text()), ("value?", nullable(base64()))]);
    let record = object([
        ("id?", any()),
        ("partition_id?", nullable(partition())),
        ("headers?", nullable(array(header))),
        ("key?", nullable(named(DATA))),
        ("value?", nullable(named(DATA))),
        // An instant of ISO 8601, or seconds since 1970.
        ("timestamp?", nullable(any_of([text(), number()]))),
    ]);
    let data = any_of([
        object([("type", constant("BINARY")), ("data?", nullable(base64()))]),
        object([("type", constant("STRING")), ("data?", nullable(text()))]),
        object([("type", constant("JSON")), ("data?", any())]),
    ]);
    // -1 is that of null.
    let size = object([("type", one_of_texts(&["BINARY", "JSON", "STRING"])), ("size", integer(-1, i64::MAX))]);
    vec![(RECORD, record), (DATA, data), (SIZE, size)]
}

fn entry_id() -> Schema {
    matching("[A-Za-z0-9_-]{1,80}")
}

fn batch_request() -> Schema {
    let mut entry = open_object([("id", entry_id())]);
    entry["anyOf"] = vec![named(RECORD), any()].into();
    object([("entries", array_of(entry, 1, GatewaySettings::default().max_batch_entries))])
}

fn batch_reply() -> Schema {
    let failure = object([("id", entry_id()), ("error_code", integer(400, 99_999)), ("message", text())]);
    object([("successes", array(produced([("id", entry_id())]))), ("failures", array(failure))])
}

/// Where a record is.
fn produced(first: [(&str, Schema); 1]) -> Schema {
    let [first] = first;
    object([
        first,
        ("cluster_id", text()),
        ("topic_name", topic()),
        ("partition_id", partition()),
        ("offset", count()),
        ("timestamp", text()),
        ("key?", named(SIZE)),
        ("value?", named(SIZE)),
    ])
}
