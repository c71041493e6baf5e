//! A record of a version 3 request: read from JSON, then decoded.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use pinflow_event::{Header, NewRecord};
use serde::Serialize;
use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::failure::RecordFailure;
use super::timestamp;
use crate::json::{self, Members, Object, once};
use crate::kafka_rest::v3::body::Unrecognized;

/// A decoded record.
#[derive(Debug)]
pub(super) struct ProduceRecord {
    /// The partition that it names.
    pub(super) partition: Option<u32>,
    /// Its content.
    pub(super) record: NewRecord,
    /// What the reply says about its key; `None` where it has none.
    pub(super) key: Option<Embedded>,
    /// What the reply says about its value.
    pub(super) value: Option<Embedded>,
}

/// What a reply says about a key or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Embedded {
    r#type: Type,
    /// Its bytes; -1 for null, as Kafka's producer has it.
    size: i64,
}

/// How a key or value stands in a request, of those that need no schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Type {
    /// As base64 of the bytes.
    Binary,
    /// As the JSON itself.
    Json,
    /// As a JSON string that stands for its characters.
    String,
}

/// A record as it stands in the request.
#[derive(Debug, Default)]
pub(super) struct RecordMembers<'a> {
    id: Option<&'a RawValue>,
    partition_id: Option<Option<i32>>,
    headers: Option<Option<Vec<Object<HeaderMembers<'a>>>>>,
    key: Option<Option<Object<Data<'a>>>>,
    value: Option<Option<Object<Data<'a>>>>,
    timestamp: Option<Option<&'a RawValue>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for RecordMembers<'de> {
    const EXPECTED: &'static str = "a record object";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => once(&mut self.id, "id", members),
            "partition_id" => once(&mut self.partition_id, "partition_id", members),
            "headers" => once(&mut self.headers, "headers", members),
            "key" => once(&mut self.key, "key", members),
            "value" => once(&mut self.value, "value", members),
            "timestamp" => once(&mut self.timestamp, "timestamp", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

#[derive(Debug, Default)]
struct HeaderMembers<'a> {
    name: Option<Option<Cow<'a, str>>>,
    value: Option<Option<&'a RawValue>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for HeaderMembers<'de> {
    const EXPECTED: &'static str = "a header with `name` and `value`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => once(&mut self.name, "name", members),
            "value" => once(&mut self.value, "value", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

/// A key or a value.
#[derive(Debug, Default)]
struct Data<'a> {
    r#type: Option<Option<Cow<'a, str>>>,
    data: Option<Option<&'a RawValue>>,
    /// The first member given that only schemas have.
    schema_member: Option<&'static str>,
    unrecognized: Unrecognized,
}

/// The members of a key or value that name a schema.
const SCHEMA_MEMBERS: [&str; 5] = ["subject", "subject_name_strategy", "schema_id", "schema_version", "schema"];

impl<'de> Members<'de> for Data<'de> {
    const EXPECTED: &'static str = "an object with `type` and `data`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => once(&mut self.r#type, "type", members),
            "data" => once(&mut self.data, "data", members),
            name => match SCHEMA_MEMBERS.into_iter().find(|member| *member == name) {
                Some(member) => {
                    if members.next_value::<Option<IgnoredAny>>()?.is_some() {
                        self.schema_member.get_or_insert(member);
                    }
                    Ok(())
                }
                None => self.unrecognized.skip(name, members),
            },
        }
    }
}

impl<'a> RecordMembers<'a> {
    /// The entry's id, as it stands in a batch.
    pub(super) fn id(&self) -> Option<&'a RawValue> {
        self.id
    }

    /// The first member, in it or in its parts, that there is not.
    pub(super) fn unrecognized(&self) -> Option<&str> {
        let headers = self.headers.iter().flatten().flatten();
        let data = [&self.key, &self.value].into_iter().flatten().flatten();
        let inner = headers.map(|Object(h)| &h.unrecognized).chain(data.map(|Object(d)| &d.unrecognized));
        [&self.unrecognized].into_iter().chain(inner).find_map(Unrecognized::name)
    }

    /// Decodes it. `body` is the text that it was parsed from.
    ///
    /// # Errors
    /// [`RecordFailure`] for a negative partition, a schema, and what is not of the type that it says.
    pub(super) fn decode(self, body: &Bytes) -> Result<ProduceRecord, RecordFailure> {
        let partition = match self.partition_id.flatten() {
            None => None,
            Some(number) => Some(u32::try_from(number).map_err(|_| RecordFailure::no_partition())?),
        };
        let key = self.key.flatten().map(|Object(key)| key.decode(body)).transpose()?;
        let value = self.value.flatten().map(|Object(value)| value.decode(body)).transpose()?;
        let headers = self.headers.flatten().unwrap_or_default();
        let headers = headers.into_iter().map(|Object(header)| header.decode()).collect::<Result<_, _>>()?;
        let timestamp = self.timestamp.flatten().map(timestamp::parse).transpose()?;
        let (key, key_reply) = split(key);
        let (value, value_reply) = split(value);
        let record = NewRecord { key, value, headers, timestamp };
        Ok(ProduceRecord { partition, record, key: key_reply, value: value_reply })
    }
}

fn split(data: Option<(Option<Bytes>, Embedded)>) -> (Option<Bytes>, Option<Embedded>) {
    data.map_or((None, None), |(bytes, embedded)| (bytes, Some(embedded)))
}

impl HeaderMembers<'_> {
    fn decode(self) -> Result<Header, RecordFailure> {
        let name = self.name.flatten().ok_or_else(|| RecordFailure::bad_request("a header has no `name`."))?;
        let value = self.value.flatten().map(base64_bytes).transpose()?;
        Ok(Header { name: name.into_owned(), value })
    }
}

impl Data<'_> {
    fn decode(self, body: &Bytes) -> Result<(Option<Bytes>, Embedded), RecordFailure> {
        let r#type = match self.r#type.flatten().as_deref() {
            Some("BINARY") => Type::Binary,
            Some("JSON") => Type::Json,
            Some("STRING") => Type::String,
            // Without a type it is the type of the subject's latest schema.
            None | Some("AVRO" | "JSONSCHEMA" | "PROTOBUF") => return Err(RecordFailure::no_schema_registry()),
            Some(other) => {
                return Err(RecordFailure::bad_request(format!(
                    "type `{other}` is none of [BINARY, JSON, STRING, AVRO, JSONSCHEMA, PROTOBUF]."
                )));
            }
        };
        if let Some(member) = self.schema_member {
            let name = serde_json::to_string(&r#type).expect("a type is a text");
            let name = name.trim_matches('"');
            return Err(RecordFailure::bad_request(format!("'type={name}' cannot be used with '{member}'.")));
        }
        let bytes = self.data.flatten().map(|data| r#type.decode(data, body)).transpose()?;
        let size = bytes.as_ref().map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        Ok((bytes, Embedded { r#type, size }))
    }
}

impl Type {
    fn decode(self, data: &RawValue, body: &Bytes) -> Result<Bytes, RecordFailure> {
        match self {
            Self::Json => {
                json::compact_bytes(data, body).map_err(|too_deep| RecordFailure::bad_request(too_deep.to_string()))
            }
            Self::Binary => base64_bytes(data),
            Self::String => match serde_json::from_str::<String>(data.get()) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(RecordFailure::bad_request(format!("data={} is not a string.", excerpt(data)))),
            },
        }
    }
}

fn base64_bytes(data: &RawValue) -> Result<Bytes, RecordFailure> {
    if !data.get().starts_with('"') {
        return Err(RecordFailure::bad_request(format!("data={} is not a base64 string.", excerpt(data))));
    }
    let invalid = || RecordFailure::bad_request(format!("data={} is not a valid base64 string.", excerpt(data)));
    let text: Cow<'_, str> = serde_json::from_str(data.get()).map_err(|_| invalid())?;
    Ok(BASE64.decode(text.as_bytes()).map_err(|_| invalid())?.into())
}

/// As much of a value as fits in a message.
fn excerpt(value: &RawValue) -> String {
    const LONGEST: usize = 100;
    let mut chars = value.get().chars();
    let mut text: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}
