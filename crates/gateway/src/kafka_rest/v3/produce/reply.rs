//! What is said about each record.

use serde::Serialize;

use super::record::Embedded;
use super::{Outcome, Produced, Producer, timestamp};
use crate::kafka_rest::v3::error::ErrorBody;

/// Between the objects of a streamed reply, and after the last.
const SEPARATOR: &[u8] = b"\r\n";

/// A record that is in the log.
#[derive(Debug, Serialize)]
pub(super) struct Success<'a> {
    /// The entry of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The status of one of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    cluster_id: &'a str,
    topic_name: &'a str,
    partition_id: u32,
    offset: u64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Embedded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Embedded>,
}

impl<'a> Success<'a> {
    /// Of the entry `id` of a batch.
    pub(super) fn of_entry(producer: &'a Producer, id: String, produced: &Produced) -> Self {
        Self { id: Some(id), ..Self::new(producer, produced) }
    }

    fn new(producer: &'a Producer, produced: &Produced) -> Self {
        Self {
            id: None,
            error_code: None,
            cluster_id: &producer.cluster,
            topic_name: &producer.topic,
            partition_id: produced.at.partition.0,
            offset: produced.at.offset.0,
            timestamp: timestamp::format(produced.at.timestamp),
            key: produced.key,
            value: produced.value,
        }
    }
}

/// Appends what a stream says about one of its records.
pub(super) fn write_streamed(text: &mut Vec<u8>, producer: &Producer, outcome: &Outcome) {
    let written = match outcome {
        Ok(produced) => {
            let success = Success { error_code: Some(200), ..Success::new(producer, produced) };
            serde_json::to_writer(&mut *text, &success)
        }
        Err(failure) => {
            serde_json::to_writer(&mut *text, &ErrorBody { error_code: failure.code, message: &failure.message })
        }
    };
    written.expect("a reply has text keys and finite numbers only");
    text.extend_from_slice(SEPARATOR);
}
