//! The bodies of `/record` and `/records`, in all the spellings that request templates in the wild take.
//!
//! What is stored is the JSON text of `Data`. A string makes the difference between the two: `/record` keeps its quotes,
//! `/records` stores the bare text, as the templates of the AWS tutorial do.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::error::ApiGatewayError;
use crate::json::{self, Members, Object, once};
use crate::kinesis::{Blob, KinesisError, List, PutEntry, PutRecord, PutRecords, Structure, Text};

/// The record of a `/record` body.
///
/// # Errors
/// [`ApiGatewayError`] for what is not a record.
pub(super) fn record(stream: String, body: &Bytes) -> Result<PutRecord, ApiGatewayError> {
    let members: Option<Object<RecordMembers>> = super::optional_json(body)?;
    let members = members.map(|Object(members)| members).unwrap_or_default();
    let data = members.data.flatten().map(|data| json::compact_bytes(data, body)).transpose()?;
    let partition_key = partition_key(members.partition_key.flatten())?;
    Ok(PutRecord {
        stream_name: Some(Text(stream)),
        data: data.map(Blob),
        partition_key: Some(partition_key),
        ..PutRecord::default()
    })
}

/// The records of a `/records` body; `None` where it has none.
///
/// # Errors
/// [`ApiGatewayError`] for what is not a list of records.
pub(super) fn records(stream: String, body: &Bytes) -> Result<PutRecords, ApiGatewayError> {
    let envelope: Option<Object<RecordsMembers>> = super::optional_json(body)?;
    let records = envelope.and_then(|Object(envelope)| envelope.records.flatten());
    let entries = |records: Vec<Object<RecordMembers>>| {
        records.into_iter().map(|Object(members)| entry(members, body).map(Structure)).collect()
    };
    let records: Option<Vec<_>> = records.map(entries).transpose()?;
    Ok(PutRecords { stream_name: Some(Text(stream)), records: records.map(List), ..PutRecords::default() })
}

fn entry(members: RecordMembers<'_>, body: &Bytes) -> Result<PutEntry, ApiGatewayError> {
    let data = match members.data.flatten() {
        None => None,
        Some(data) if data.get().starts_with('"') => Some(Bytes::from(unquoted(data)?.into_owned())),
        Some(data) => Some(json::compact_bytes(data, body)?),
    };
    let partition_key = Some(partition_key(members.partition_key.flatten())?);
    Ok(PutEntry { data: data.map(Blob), partition_key, ..PutEntry::default() })
}

#[derive(Default)]
struct RecordsMembers<'a> {
    records: Option<Option<Vec<Object<RecordMembers<'a>>>>>,
}

impl<'de> Members<'de> for RecordsMembers<'de> {
    const EXPECTED: &'static str = "an object with `Records`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "Records" | "records" => once(&mut self.records, "Records", members),
            // `StreamName` too: the name in the path is the one that counts.
            _ => members.next_value::<IgnoredAny>().map(drop),
        }
    }
}

#[derive(Default)]
struct RecordMembers<'a> {
    data: Option<Option<&'a RawValue>>,
    partition_key: Option<Option<&'a RawValue>>,
}

impl<'de> Members<'de> for RecordMembers<'de> {
    const EXPECTED: &'static str = "an object with `Data` and `PartitionKey`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "Data" | "data" => once(&mut self.data, "Data", members),
            "PartitionKey" | "partition-key" | "partitionKey" => once(&mut self.partition_key, "PartitionKey", members),
            _ => members.next_value::<IgnoredAny>().map(drop),
        }
    }
}

/// A key as text: a number or a boolean is taken as its own text, and none as an empty one, as a template would.
fn partition_key(key: Option<&RawValue>) -> Result<Text, ApiGatewayError> {
    let Some(key) = key else { return Ok(Text::default()) };
    match key.get().as_bytes().first() {
        Some(b'"') => Ok(Text(unquoted(key)?.into_owned())),
        Some(b'{' | b'[') => {
            Err(KinesisError::Serialization("PartitionKey is an object or a list; send a string".to_owned()).into())
        }
        _ => Ok(Text::from(key.get())),
    }
}

/// The text of a JSON string.
fn unquoted(string: &RawValue) -> Result<Cow<'_, str>, ApiGatewayError> {
    Ok(serde_json::from_str(string.get()).map(|Unquoted(text)| text).map_err(json::JsonError::from)?)
}

/// A text that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Unquoted<'a>(#[serde(borrow)] Cow<'a, str>);
