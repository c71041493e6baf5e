//! The body of a v2 produce request, as strict as the original: unknown members are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use pinflow_event::NewRecord;
use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use crate::json::{self, JsonError, Members, Object, Scanner, Span, Texts, once};
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::media_type::EmbeddedFormat;

/// A record of a produce request, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProduceRecord {
    /// The partition that the record itself names.
    pub(super) partition: Option<u32>,
    /// Its content.
    pub(super) record: NewRecord,
}

/// Parses and decodes a whole body: nothing may be produced unless every record in it decodes.
///
/// # Errors
/// Those of the status 400 and 422.
pub(super) fn decode(body: &Bytes, format: EmbeddedFormat) -> Result<Vec<ProduceRecord>, KafkaRestError> {
    match format {
        EmbeddedFormat::Json => quickly(body).map_or_else(|| carefully(body, format), Ok),
        _ => carefully(body, format),
    }
}

/// Takes apart what has nothing but records with keys, values and partitions. Anything else is to be read carefully.
fn quickly(body: &Bytes) -> Option<Vec<ProduceRecord>> {
    let mut scanner = Scanner::new(body)?;
    let mut records = Vec::new();
    scanner.take(b'{')?;
    (scanner.name()? == b"records").then_some(())?;
    scanner.take(b'[')?;
    loop {
        records.push(RecordSpans::scan(&mut scanner)?);
        if !scanner.more(b']')? {
            break;
        }
    }
    scanner.take(b'}')?;
    let texts = scanner.finish()?;
    records.into_iter().map(|record| record.decode(&texts)).collect()
}

/// Where the members of a record stand.
#[derive(Default)]
struct RecordSpans {
    key: Option<Span>,
    value: Option<Span>,
    partition: Option<Span>,
}

impl RecordSpans {
    fn scan(scanner: &mut Scanner<'_>) -> Option<Self> {
        let mut record = Self::default();
        scanner.take(b'{')?;
        loop {
            let member = match scanner.name()? {
                b"key" => &mut record.key,
                b"value" => &mut record.value,
                b"partition" => &mut record.partition,
                _ => return None,
            };
            let again = member.replace(scanner.value()?).is_some();
            if again {
                return None;
            }
            if !scanner.more(b'}')? {
                return Some(record);
            }
        }
    }

    fn decode(self, texts: &Texts) -> Option<ProduceRecord> {
        let present = |span: Option<Span>| span.and_then(|span| texts.present(span));
        let partition = match present(self.partition) {
            None => None,
            Some(number) => {
                let number: u32 = std::str::from_utf8(&number).ok()?.parse().ok()?;
                // An integer of 32 bits, as the careful reader has it.
                Some(i32::try_from(number).ok()?.cast_unsigned())
            }
        };
        let record = NewRecord { key: present(self.key), value: present(self.value), ..NewRecord::default() };
        Some(ProduceRecord { partition, record })
    }
}

fn carefully(body: &Bytes, format: EmbeddedFormat) -> Result<Vec<ProduceRecord>, KafkaRestError> {
    let envelope = if json::is_blank(body) { None } else { json::parse::<Option<Object<Envelope>>>(body)? };
    let Some(Object(envelope)) = envelope else {
        return Err(KafkaRestError::Constraint("request may not be null (was null)".to_owned()));
    };
    let records = envelope.records.flatten();
    let in_record = records.iter().flatten().find_map(|Object(record)| record.unrecognized.as_ref());
    if let Some(name) = in_record.or(envelope.unrecognized.as_ref()) {
        return Err(KafkaRestError::UnrecognizedField(name.clone()));
    }
    match records {
        Some(records) if !records.is_empty() => {
            records.into_iter().enumerate().map(|(index, Object(record))| record.decode(index, body, format)).collect()
        }
        Some(_) => Err(KafkaRestError::Constraint("records must not be empty (was [])".to_owned())),
        None => Err(KafkaRestError::Constraint("records must not be empty (was null)".to_owned())),
    }
}

#[derive(Default)]
struct Envelope<'a> {
    records: Option<Option<Vec<Object<RecordMembers<'a>>>>>,
    unrecognized: Option<String>,
}

impl<'de> Members<'de> for Envelope<'de> {
    const EXPECTED: &'static str = "an object with `records`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "records" => return once(&mut self.records, "records", members),
            // Schemas mean nothing to the formats without them, and are no error there.
            "key_schema" | "key_schema_id" | "value_schema" | "value_schema_id" => {}
            _ => {
                self.unrecognized.get_or_insert_with(|| name.to_owned());
            }
        }
        members.next_value::<IgnoredAny>().map(drop)
    }
}

#[derive(Default)]
struct RecordMembers<'a> {
    key: Option<Option<&'a RawValue>>,
    value: Option<Option<&'a RawValue>>,
    partition: Option<Option<i32>>,
    unrecognized: Option<String>,
}

impl<'de> Members<'de> for RecordMembers<'de> {
    const EXPECTED: &'static str = "a record object";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "key" => once(&mut self.key, "key", members),
            "value" => once(&mut self.value, "value", members),
            "partition" => once(&mut self.partition, "partition", members),
            _ => {
                self.unrecognized.get_or_insert_with(|| name.to_owned());
                members.next_value::<IgnoredAny>().map(drop)
            }
        }
    }
}

impl RecordMembers<'_> {
    fn decode(self, index: usize, body: &Bytes, format: EmbeddedFormat) -> Result<ProduceRecord, KafkaRestError> {
        let partition = match self.partition.flatten() {
            None => None,
            Some(number) => Some(u32::try_from(number).map_err(|_| {
                KafkaRestError::Constraint(format!(
                    "records[{index}].partition must be greater than or equal to 0 (was {number})"
                ))
            })?),
        };
        let record = NewRecord {
            key: self.key.flatten().map(|key| embedded(key, body, format)).transpose()?,
            value: self.value.flatten().map(|value| embedded(value, body, format)).transpose()?,
            ..NewRecord::default()
        };
        Ok(ProduceRecord { partition, record })
    }
}

/// The bytes that a key or value stands for.
fn embedded(value: &RawValue, body: &Bytes, format: EmbeddedFormat) -> Result<Bytes, KafkaRestError> {
    match format {
        EmbeddedFormat::Json => Ok(json::compact_bytes(value, body).map_err(JsonError::from)?),
        EmbeddedFormat::Binary => {
            if !value.get().starts_with('"') {
                return Err(KafkaRestError::BadRequest(format!("data={} is not a base64 string.", excerpt(value))));
            }
            let invalid =
                || KafkaRestError::BadRequest(format!("data={} is not a valid base64 string.", excerpt(value)));
            let text: std::borrow::Cow<'_, str> = serde_json::from_str(value.get()).map_err(|_| invalid())?;
            Ok(BASE64.decode(text.as_bytes()).map_err(|_| invalid())?.into())
        }
        EmbeddedFormat::Schema => Err(KafkaRestError::NoSchemaRegistry),
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_read_quickly_is_what_careful_reading_gives() {
        for (records, quick) in [
            (r#"{"value": {"a": [1, "b c"]}}, {"value": "x", "key": 7, "partition": 3}"#, true),
            (r#"{"key": null, "value": null, "partition": null}"#, true),
            (r#"{"value": " null "}, {"partition": 2147483647}"#, true),
            (r#"{}"#, false),
            (r#"{"value": 1, "value": 2}"#, false),
            (r#"{"v\u0061lue": 1}"#, false),
            (r#"{"value": 1, "headers": []}"#, false),
            (r#"{"value": 1, "partition": -0}"#, false),
            (r#"{"value": 1, "partition": 1.0}"#, false),
            (r#"{"value": 1, "partition": "1"}"#, false),
            (r#"{"value": 1, "partition": 2147483648}"#, false),
            (r#"{"value": 1},"#, false),
            (r#"null"#, false),
            ("", false),
        ] {
            for body in [format!(r#"{{"records":[{records}]}}"#), format!("\n{{ \"records\" : [ {records} ] }} ")] {
                let body = Bytes::from(body);
                let (quickly, carefully) = (quickly(&body), carefully(&body, EmbeddedFormat::Json).ok());
                assert_eq!(quickly.is_some(), quick, "{body:?}");
                assert!(quickly.is_none() || quickly == carefully, "{quickly:?} {carefully:?}");
            }
        }
        for body in [r#"{"records": [{"value": 1}], "value_schema_id": 1}"#, r#"{"records": [{"value": 1}]} 2"#, "[]"] {
            assert_eq!(quickly(&Bytes::from(body)), None);
        }
    }
}
