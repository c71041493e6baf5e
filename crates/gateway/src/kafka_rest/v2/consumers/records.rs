//! `GET .../records`.

use std::time::Duration;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use pinflow_event::{Offset, Partition, Record};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect::Call;
use crate::kafka_rest::consumer_groups::{Consumer, PollLimits, Polled, PolledRecord};
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::json_reply;
use crate::kafka_rest::media_type::{self, EmbeddedFormat, RecordsRefusal};

/// No read waits longer, whatever an instance was made with: as long as the original leaves a connection idle.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct RecordReply<'a, T> {
    topic: &'a str,
    key: Option<T>,
    value: Option<T>,
    partition: Partition,
    offset: Offset,
}

/// Reads what comes next in the partitions of an instance.
///
/// # Errors
/// [`KafkaRestError`]; nothing is lost but a record that is not of the instance's format.
pub(super) async fn read(consumer: &Consumer<'_>, call: &Call) -> Result<Response, KafkaRestError> {
    let reply_type =
        |format| media_type::records_reply_type(&call.headers, format, call.backend.settings.accept_plain_json);
    if reply_type(EmbeddedFormat::Schema) == Err(RecordsRefusal::NothingAcceptable) {
        return Err(KafkaRestError::NotAcceptable);
    }
    let timeout = number(call, "timeout")?;
    let max_bytes = number(call, "max_bytes")?;
    let settings = consumer.settings()?;
    let reply_type = reply_type(settings.format).map_err(|refusal| match refusal {
        RecordsRefusal::OtherFormat => KafkaRestError::FormatMismatch,
        RecordsRefusal::NothingAcceptable => KafkaRestError::NotAcceptable,
    })?;
    let longest = settings.request_timeout.min(LONGEST_WAIT);
    let largest = call.backend.settings.max_consumer_response_bytes;
    let limits = PollLimits {
        wait: timeout.map_or(longest, |millis| longest.min(Duration::from_millis(millis))),
        min_bytes: settings.min_bytes,
        max_bytes: max_bytes.map_or(largest, |bytes| largest.min(usize::try_from(bytes).unwrap_or(usize::MAX))),
    };
    Ok(if settings.format == EmbeddedFormat::Json {
        let Polled { records, memory } = consumer.poll(limits, readable_as_json).await?;
        memory.held_by(json_reply(reply_type, &replies(&records, as_json)))
    } else {
        let Polled { records, memory } = consumer.poll(limits, |_| Ok(())).await?;
        memory.held_by(json_reply(reply_type, &replies(&records, |bytes| Some(BASE64.encode(bytes)))))
    })
}

/// A parameter of the query; `None` where it is not there, or not positive. One that is no number is, as with the original, no
/// resource.
fn number(call: &Call, name: &str) -> Result<Option<u64>, KafkaRestError> {
    let parameters = call.uri.query().unwrap_or_default().split('&').filter_map(|parameter| parameter.split_once('='));
    match parameters.into_iter().find(|(given, _)| *given == name) {
        Some((_, value)) => {
            let number: i64 = value.parse().map_err(|_| KafkaRestError::NoSuchPath)?;
            Ok(u64::try_from(number).ok().filter(|number| *number > 0))
        }
        None => Ok(None),
    }
}

fn replies<'a, T>(records: &'a [PolledRecord], written: impl Fn(&'a Bytes) -> Option<T>) -> Vec<RecordReply<'a, T>> {
    records
        .iter()
        .map(|PolledRecord { at, record }| RecordReply {
            topic: at.topic.as_str(),
            key: record.key.as_ref().and_then(&written),
            value: record.value.as_ref().and_then(&written),
            partition: at.partition,
            offset: record.offset,
        })
        .collect()
}

/// The JSON as it is stored: numbers keep their digits, members their order.
fn as_json(bytes: &Bytes) -> Option<&RawValue> {
    serde_json::from_slice(bytes).ok()
}

fn readable_as_json(record: &Record) -> Result<(), String> {
    let parts = [("key", &record.key), ("value", &record.value)];
    for (part, bytes) in parts.into_iter().filter_map(|(part, bytes)| Some((part, bytes.as_ref()?))) {
        serde_json::from_slice::<&RawValue>(bytes).map_err(|failure| format!("the {part} is no JSON ({failure})"))?;
    }
    Ok(())
}
