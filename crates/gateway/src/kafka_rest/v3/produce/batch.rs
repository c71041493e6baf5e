//! `POST .../topics/{topic}/records:batch`: a few records with ids, answered with 207 and what became of each.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::failure::RecordFailure;
use super::record::RecordMembers;
use super::reply::Success;
use super::{Decoded, Producer};
use crate::dialect::Call;
use crate::json::{Members, Object, once};
use crate::kafka_rest::partitioner::StickyPartitioner;
use crate::kafka_rest::v3::body::{self, Unrecognized};
use crate::kafka_rest::v3::error::V3Error;
use crate::kafka_rest::v3::json_reply;

/// The longest id of an entry, in characters.
const LONGEST_ID: usize = 80;

#[derive(Debug, Default)]
struct Batch<'a> {
    entries: Option<Option<Vec<Object<RecordMembers<'a>>>>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Batch<'de> {
    const EXPECTED: &'static str = "an object with `entries`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "entries" => once(&mut self.entries, "entries", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

#[derive(Serialize)]
struct BatchReply<'a> {
    successes: Vec<Success<'a>>,
    failures: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    id: String,
    error_code: u32,
    message: String,
}

/// Produces the entries of a request.
///
/// # Errors
/// [`V3Error`], with nothing produced.
pub(in crate::kafka_rest::v3) async fn produce(
    sticky: &Arc<StickyPartitioner>,
    call: &Call,
    body: Body,
    cluster: &str,
    topic: &str,
) -> Result<Response, V3Error> {
    let bytes = body::read(call, body).await?;
    let entries = parse(&bytes, call.backend.settings.max_batch_entries)?;
    let producer = Producer::new(call, sticky, cluster, topic)?;
    let (ids, records): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    let outcomes = producer.produce(records).await;
    let mut reply = BatchReply { successes: Vec::new(), failures: Vec::new() };
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        match outcome {
            Ok(produced) => reply.successes.push(Success::of_entry(&producer, id, &produced)),
            Err(RecordFailure { code, message }) => reply.failures.push(Failure { id, error_code: code, message }),
        }
    }
    Ok(json_reply(StatusCode::MULTI_STATUS, &reply))
}

/// The entries with their ids.
fn parse(bytes: &Bytes, most: usize) -> Result<Vec<(String, Decoded)>, V3Error> {
    let batch: Option<Batch<'_>> = body::parse_optional(bytes)?;
    let batch = batch.ok_or(V3Error::Batch("Request body is empty. Data is required."))?;
    batch.unrecognized.check()?;
    let entries = batch.entries.flatten().unwrap_or_default();
    if let Some(name) = entries.iter().find_map(|Object(entry)| entry.unrecognized()) {
        return Err(body::unrecognized(name));
    }
    let ids: Vec<String> = entries.iter().map(|Object(entry)| entry_id(entry.id())).collect::<Result<_, _>>()?;
    let mut seen = HashSet::with_capacity(ids.len());
    if !ids.iter().all(|id| seen.insert(id)) {
        return Err(V3Error::Batch("Batch entry IDs are not distinct."));
    }
    if entries.is_empty() {
        return Err(V3Error::Batch("Empty batch."));
    }
    if entries.len() > most {
        return Err(V3Error::Batch("Too many entries in batch."));
    }
    let records = entries.into_iter().map(|Object(entry)| entry.decode(bytes));
    Ok(ids.into_iter().zip(records).collect())
}

fn entry_id(id: Option<&RawValue>) -> Result<String, V3Error> {
    let id = id.and_then(|id| serde_json::from_str::<String>(id.get()).ok());
    let valid = |id: &String| {
        (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    id.filter(valid).ok_or(V3Error::Batch("Batch entry identifier is not a valid string."))
}
