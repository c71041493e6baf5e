//! What the operations of Kafka REST have in common.

use pinflow_openapi::schema::{count, integer, matching, named, object, text};
use pinflow_openapi::{Operation, Parameter, Schema};

use super::media_type::{PLAIN_JSON, V2};

/// The name of the error's schema.
pub(super) const ERROR: &str = "KafkaRestError";

/// Schemas that all versions name.
pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        // The status, or five digits that begin with it.
        (ERROR, object([("error_code", integer(400, 99_999)), ("message", text())])),
    ]
}

/// The body of a refusal.
pub(super) fn error() -> Schema {
    named(ERROR)
}

/// `{topic_name}` in a path.
pub(super) fn topic_name() -> Parameter {
    Parameter::path("topic_name", topic())
}

/// The name of a topic, as it is checked by [`TopicName`](pinflow_event::TopicName).
pub(super) fn topic() -> Schema {
    matching(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}|\.[A-Za-z0-9_-][A-Za-z0-9._-]{0,247})")
}

/// `{partition_id}` in a path.
pub(super) fn partition_id() -> Parameter {
    Parameter::path("partition_id", partition())
}

/// The number of a partition.
pub(super) fn partition() -> Schema {
    integer(0, i64::from(i32::MAX))
}

/// Every way in which a request is refused: those that are named, and those that any operation knows.
pub(super) fn errors(operation: Operation, statuses: &[u16]) -> Operation {
    errors_typed(operation, statuses, &[V2, PLAIN_JSON])
}

/// As [`errors`], in these media types.
pub(super) fn errors_typed(operation: Operation, statuses: &[u16], media_types: &[&'static str]) -> Operation {
    const ALWAYS: [u16; 5] = [401, 403, 406, 429, 503];
    let mut all: Vec<u16> = statuses.iter().copied().chain(ALWAYS).collect();
    all.sort_unstable();
    all.into_iter().fold(operation, |operation, status| {
        let content = media_types.iter().map(|media_type| (*media_type, named(ERROR)));
        let operation = operation.reply(status, description(status), content);
        match status {
            401 => operation.reply_header("WWW-Authenticate", text()),
            429 => operation.reply_header("Retry-After", count()),
            _ => operation,
        }
    })
}

fn description(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read",
        401 => "No credentials, or wrong ones",
        403 => "The caller has no right to do this",
        404 => "There is no such thing",
        406 => "None of the accepted types can be produced",
        408 => "The body did not come in time, or a record is not of the reader's format",
        409 => "It does not fit what is there already",
        413 => "The body is too large",
        415 => "The body's type is not taken",
        422 => "A member of the request is wrong",
        429 => "Too much waits to be stored; try again later",
        _ => "The log takes no records",
    }
}
