//! `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
//!
//! A request that can be read is answered with 200 and one entry a record, in its order; the records that failed alone say
//! why in their entries.

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::Response;
use pinflow_event::{NewRecord, Offset, Partition, TopicName};
use pinflow_log::{Appended, LogError, TopicDescription};
use serde::Serialize;

use super::produce_request::{self, ProduceRecord};
use crate::append;
use crate::dialect::Call;
use crate::kafka_rest::error::{KafkaRestError, RecordError};
use crate::kafka_rest::json_reply;
use crate::kafka_rest::media_type::{self, EmbeddedFormat};
use crate::kafka_rest::partitioner::{StickyPartitioner, partition_of_key};

#[derive(Serialize)]
struct ProduceReply {
    offsets: Vec<OffsetEntry>,
    key_schema_id: Option<u32>,
    value_schema_id: Option<u32>,
}

#[derive(Serialize)]
struct OffsetEntry {
    partition: Option<Partition>,
    offset: Option<Offset>,
    error_code: Option<u32>,
    error: Option<String>,
}

impl From<Result<Appended, RecordError>> for OffsetEntry {
    fn from(outcome: Result<Appended, RecordError>) -> Self {
        match outcome {
            Ok(at) => Self { partition: Some(at.partition), offset: Some(at.offset), error_code: None, error: None },
            Err(e) => Self { partition: None, offset: None, error_code: Some(e.code), error: Some(e.message) },
        }
    }
}

/// Produces the records of a request. `partition` is the one in the path; a record's own wins over it.
///
/// # Errors
/// [`KafkaRestError`], with nothing produced.
pub(super) async fn produce(
    sticky: &StickyPartitioner,
    call: &Call,
    body: Body,
    topic: &str,
    partition: Option<i64>,
) -> Result<Response, KafkaRestError> {
    let plain_json = call.backend.settings.accept_plain_json;
    let format = media_type::embedded_format(call.headers.get(CONTENT_TYPE), plain_json)
        .ok_or(KafkaRestError::UnsupportedMediaType)?;
    let reply_type = super::reply_type(call)?;
    refuse_encoding(call)?;
    let path_partition = match partition {
        None => None,
        Some(number) => Some(u32::try_from(number).map_err(|_| KafkaRestError::UnknownPartition)?),
    };
    let body = call.read(body).await?;
    if format == EmbeddedFormat::Schema {
        return Err(KafkaRestError::NoSchemaRegistry);
    }
    let mut records = produce_request::decode(&body, format)?;
    // From here on the records alone hold the connection's buffer; it is used again once they are in the log.
    drop(body);
    for record in &mut records {
        record.partition = record.partition.or(path_partition);
    }
    let outcomes = append_each(sticky, call, topic, records).await?;
    let offsets = outcomes
        .into_iter()
        .inspect(|outcome| {
            if let Err(refusal) = outcome {
                call.metrics.refuse(refusal.code);
            }
        })
        .map(OffsetEntry::from)
        .collect();
    Ok(json_reply(reply_type, &ProduceReply { offsets, key_schema_id: None, value_schema_id: None }))
}

/// A compressed body would be taken for broken JSON; better say what is wrong.
fn refuse_encoding(call: &Call) -> Result<(), KafkaRestError> {
    match call.headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(KafkaRestError::UnsupportedEncoding(String::from_utf8_lossy(encoding.as_bytes()).into_owned()))
        }
        _ => Ok(()),
    }
}

/// Appends what can be appended, in one call, and says for each record where it went or why it did not.
async fn append_each(
    sticky: &StickyPartitioner,
    call: &Call,
    topic: &str,
    records: Vec<ProduceRecord>,
) -> Result<Vec<Result<Appended, RecordError>>, KafkaRestError> {
    let all = records.len();
    let topic = match find_topic(call, topic).await? {
        Ok(topic) => topic,
        Err(refusal) => return Ok(vec![Err(refusal); all]),
    };
    let limit = call.backend.settings.max_record_bytes;
    let mut taken = Vec::with_capacity(all);
    // The record's refusal, or `None` for the next of `taken`.
    let mut refusals = Vec::with_capacity(all);
    for record in records {
        match place(sticky, &topic, limit, record) {
            Ok(placed) => {
                taken.push(placed);
                refusals.push(None);
            }
            Err(refusal) => refusals.push(Some(refusal)),
        }
    }
    match append::append(&call.backend.log, &call.metrics, topic.name.clone(), taken).await {
        Ok(appended) => {
            let mut appended = appended.into_iter();
            let missing = || RecordError::retriable("the log did not say where the record is");
            Ok(refusals
                .into_iter()
                .map(|refusal| refusal.map_or_else(|| appended.next().ok_or_else(missing), Err))
                .collect())
        }
        Err(failure) => {
            let failure = record_failure(&topic, failure)?;
            Ok(refusals.into_iter().map(|refusal| Err(refusal.unwrap_or_else(|| failure.clone()))).collect())
        }
    }
}

/// The topic, made if need be; `Ok(Err)` for what Kafka says a record.
async fn find_topic(call: &Call, topic: &str) -> Result<Result<TopicDescription, RecordError>, KafkaRestError> {
    let name = match TopicName::new(topic) {
        Ok(name) => name,
        Err(invalid) => return Ok(Err(RecordError::fatal(format!("Invalid topic: {invalid}")))),
    };
    let settings = &call.backend.settings;
    let config = settings.auto_create_topics.then(|| settings.topic_config(settings.default_partitions));
    match append::topic_or_create(&call.backend.log, &name, config).await {
        Ok(topic) => Ok(Ok(topic)),
        Err(LogError::UnknownTopic(_)) => Ok(Err(RecordError::unknown_topic(topic))),
        Err(failure) => Err(failure.into()),
    }
}

/// Checks a record and chooses its partition.
fn place(
    sticky: &StickyPartitioner,
    topic: &TopicDescription,
    limit: usize,
    ProduceRecord { partition, record }: ProduceRecord,
) -> Result<(Partition, NewRecord), RecordError> {
    let size = record.size();
    if size > limit {
        return Err(RecordError::too_large(size, limit));
    }
    let partitions = topic.config.partitions;
    let partition = match (partition, &record.key) {
        (Some(number), _) if number >= partitions => {
            return Err(RecordError::unknown_partition(topic.name.as_str(), number, partitions));
        }
        (Some(number), _) => Partition(number),
        (None, Some(key)) => partition_of_key(key, partitions),
        (None, None) => sticky.next(&topic.name, partitions, size),
    };
    Ok((partition, record))
}

/// What a failed append means for its records, unless it means something for the whole request.
fn record_failure(topic: &TopicDescription, failure: LogError) -> Result<RecordError, KafkaRestError> {
    match failure {
        LogError::RecordTooLarge { size, limit, .. } => Ok(RecordError::too_large(size, limit)),
        LogError::UnknownTopic(_) => Ok(RecordError::unknown_topic(topic.name.as_str())),
        LogError::UnknownPartition { at, partitions } => {
            Ok(RecordError::unknown_partition(topic.name.as_str(), at.partition.0, partitions))
        }
        failure => Err(failure.into()),
    }
}
