//! `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
//!
//! A request that can be read is answered with 200 and one entry a record, in its order; the records that failed alone say
//! why in their entries.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pinflow_access::Right;
use pinflow_event::{NewRecord, Offset, Partition, TopicName};
use pinflow_log::{Appended, LogError, TopicDescription};
use serde::Serialize;

use super::produce_request::{self, ProduceRecord};
use crate::append;
use crate::dialect::Call;
use crate::kafka_rest::error::{KafkaRestError, RecordError};
use crate::kafka_rest::json_reply;
use crate::kafka_rest::media_type::{self, EmbeddedFormat};
use crate::kafka_rest::partitioner::{StickyPartitioner, open_partition, open_partitions, partition_of_key};

/// How often the records of a request are given partitions, where those that they got are closed before they are stored.
const PLACEMENTS: u32 = 3;

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
    let path_partition = match partition {
        None => None,
        Some(number) => Some(u32::try_from(number).map_err(|_| KafkaRestError::UnknownPartition)?),
    };
    let body = call.read(body).await?;
    if format == EmbeddedFormat::Schema {
        return Err(KafkaRestError::NoSchemaRegistry);
    }
    let mut placements = 0;
    let outcomes = loop {
        let mut records = produce_request::decode(&body, format)?;
        for record in &mut records {
            record.partition = record.partition.or(path_partition);
        }
        placements += 1;
        match append_each(sticky, call, topic, records).await? {
            // A shard was split or merged since the topic was looked up. Nothing is stored: a fresh look finds what is open.
            Outcomes { closed_meanwhile: true, .. } if placements < PLACEMENTS => {}
            Outcomes { records, .. } => break records,
        }
    };
    let forbidden = |outcome: &Result<Appended, RecordError>| {
        outcome.as_ref().is_err_and(|refusal| refusal.code == RecordError::FORBIDDEN)
    };
    let status = if outcomes.iter().any(forbidden) { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let offsets = outcomes
        .into_iter()
        .inspect(|outcome| {
            if let Err(refusal) = outcome {
                call.metrics.refuse(refusal.code);
            }
        })
        .map(OffsetEntry::from)
        .collect();
    let reply = json_reply(reply_type, &ProduceReply { offsets, key_schema_id: None, value_schema_id: None });
    Ok((status, reply).into_response())
}

/// Where each record of a request went, or why it did not.
struct Outcomes {
    records: Vec<Result<Appended, RecordError>>,
    /// Nothing was stored since a partition was closed between the look at the topic and the append.
    closed_meanwhile: bool,
}

/// Appends what can be appended, in one call, and says for each record where it went or why it did not.
async fn append_each(
    sticky: &StickyPartitioner,
    call: &Call,
    topic: &str,
    records: Vec<ProduceRecord>,
) -> Result<Outcomes, KafkaRestError> {
    let all = records.len();
    let topic = match find_topic(call, topic).await? {
        Ok(topic) => topic,
        Err(refusal) => return Ok(Outcomes { records: vec![Err(refusal); all], closed_meanwhile: false }),
    };
    let limit = call.backend.settings.record_limit(&topic.config);
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
            let outcome = |refusal: Option<_>| refusal.map_or_else(|| appended.next().ok_or_else(missing), Err);
            Ok(Outcomes { records: refusals.into_iter().map(outcome).collect(), closed_meanwhile: false })
        }
        Err(failure) => {
            let closed_meanwhile = matches!(failure, LogError::PartitionClosed(_));
            let failure = record_failure(&topic, failure)?;
            let outcome = |refusal: Option<_>| Err(refusal.unwrap_or_else(|| failure.clone()));
            Ok(Outcomes { records: refusals.into_iter().map(outcome).collect(), closed_meanwhile })
        }
    }
}

/// The topic, made if need be; `Ok(Err)` for what Kafka says a record.
async fn find_topic(call: &Call, topic: &str) -> Result<Result<TopicDescription, RecordError>, KafkaRestError> {
    let name = match TopicName::new(topic) {
        Ok(name) => name,
        Err(invalid) => return Ok(Err(RecordError::fatal(format!("Invalid topic: {invalid}")))),
    };
    if !call.may(Right::Produce, &name) {
        return Ok(Err(RecordError::forbidden(&name)));
    }
    let settings = &call.backend.settings;
    let create = settings.auto_create_topics && call.may(Right::Administer, &name);
    let config = create.then(|| settings.topic_config(settings.default_partitions));
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
    let (name, partitions, open) = (&topic.name, topic.config.partitions, open_partitions(&topic.config));
    let partition = match (partition, &record.key) {
        (Some(number), _) if number >= partitions => {
            return Err(RecordError::unknown_partition(name.as_str(), number, partitions));
        }
        (Some(number), _) if topic.config.closed.contains(&Partition(number)) => {
            return Err(RecordError::closed_partition(name.as_str(), number));
        }
        (Some(number), _) => return Ok((Partition(number), record)),
        (None, _) if open == 0 => return Err(RecordError::closed_partition(name.as_str(), 0)),
        (None, Some(key)) => partition_of_key(key, open),
        (None, None) => sticky.next(name, open, size),
    };
    Ok((open_partition(&topic.config, partition), record))
}

/// What a failed append means for its records, unless it means something for the whole request.
fn record_failure(topic: &TopicDescription, failure: LogError) -> Result<RecordError, KafkaRestError> {
    match failure {
        LogError::RecordTooLarge { size, limit, .. } => Ok(RecordError::too_large(size, limit)),
        LogError::UnknownTopic(_) => Ok(RecordError::unknown_topic(topic.name.as_str())),
        LogError::PartitionClosed(at) => Ok(RecordError::closed_partition(topic.name.as_str(), at.partition.0)),
        LogError::UnknownPartition { at, partitions } => {
            Ok(RecordError::unknown_partition(topic.name.as_str(), at.partition.0, partitions))
        }
        failure => Err(failure.into()),
    }
}
