//! Turns JSON records into Arrow columns by the declared schema. A record that does not fit is rejected alone;
//! its neighbours go on.
//!
//! The rules are Spark's `from_json` with the differences that the pipeline promises: a value of the wrong type is a
//! reject (or, where the field says so, a counted null) instead of a silent null, and a record that lacks a required
//! field is a reject.

mod plain;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use pinflow_pipeline::{Field, FieldType, UnknownFieldPolicies, WrongType};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::reject::{Reject, RejectCause};
use crate::unknown::{Encounters, UnknownFields};
use plain::PlainReader;

/// The decoded part of a batch.
pub(crate) struct Decoded {
    /// One column a field of the schema, one row a record that fits.
    pub rows: RecordBatch,
    /// For each row, the number of the record that it came from.
    pub origin: Vec<u32>,
    /// The records that do not fit, in order.
    pub rejects: Vec<Reject>,
    /// How often each field's value was of the wrong type and taken as null, in the order of the schema.
    pub nulled: Vec<u64>,
    /// The fields that the schema lacks.
    pub unknown: UnknownFields,
    /// The numbers of the records that have a field which is to become a column, in order.
    pub evolving: Vec<u32>,
}

/// Decodes records by one schema.
#[derive(Debug)]
pub(crate) struct Decoder {
    fields: Vec<Field>,
    schema: SchemaRef,
    unknown: UnknownFieldPolicies,
    plain: PlainReader,
}

/// A field's value in one record.
#[cfg_attr(test, derive(Debug, PartialEq))]
enum Slot<'a> {
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// A text that had escapes: where it stands among the unescaped ones of its record.
    Unescaped(Range<usize>),
    Whole(i64),
    Real(f64),
    Truth(bool),
    /// A fractional number where text is wanted: its own digits are fetched from the record afterwards.
    NumberAsText,
    Wrong(Found),
}

/// What stood where another type was wanted.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug, PartialEq))]
enum Found {
    Text,
    Truth,
    Object,
    Array,
    NotWhole,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Text => "a string",
            Found::Truth => "a boolean",
            Found::Object => "an object",
            Found::Array => "an array",
            Found::NotWhole => "a number that is not a whole one of 64 bits",
        })
    }
}

impl Decoder {
    pub fn new(fields: &[Field], unknown: &UnknownFieldPolicies) -> Self {
        let columns: Vec<ArrowField> =
            fields.iter().map(|f| ArrowField::new(&f.name, arrow_type(f.kind), true)).collect();
        let schema = Arc::new(Schema::new(columns));
        Self { fields: fields.to_vec(), schema, unknown: unknown.clone(), plain: PlainReader::new(fields) }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes `records`; `None` is a tombstone.
    pub fn decode(&self, records: &[Option<&[u8]>]) -> Decoded {
        let mut columns: Vec<Column> = self.fields.iter().map(|f| Column::new(f.kind, records.len())).collect();
        let mut origin = Vec::with_capacity(records.len());
        let mut rejects = Vec::new();
        let mut nulled = vec![0; self.fields.len()];
        let mut unknown = Encounters::new(&self.unknown);
        let mut evolving = Vec::new();
        let mut slots: Vec<Slot<'_>> = self.fields.iter().map(|_| Slot::Absent).collect();
        let mut unescaped = String::new();
        for (index, record) in records.iter().enumerate() {
            slots.fill_with(|| Slot::Absent);
            unknown.begin();
            match self.decode_one(*record, &mut slots, &mut unescaped, &mut nulled, &mut unknown) {
                Ok(()) => {
                    let number = u32::try_from(index).expect("a batch has less than 2^32 records");
                    for (column, slot) in columns.iter_mut().zip(&slots) {
                        column.push(slot, &unescaped);
                    }
                    origin.push(number);
                    if unknown.evolves() {
                        evolving.push(number);
                    }
                }
                Err(cause) => rejects.push(Reject { index, cause }),
            }
        }
        let arrays: Vec<ArrayRef> = columns.iter_mut().map(Column::finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(origin.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("each column was given one value a row, of its own type");
        Decoded { rows, origin, rejects, nulled, unknown: unknown.counted, evolving }
    }

    fn decode_one<'a>(
        &self,
        record: Option<&'a [u8]>,
        slots: &mut [Slot<'a>],
        unescaped: &mut String,
        nulled: &mut [u64],
        unknown: &mut Encounters<'_>,
    ) -> Result<(), RejectCause> {
        let bytes = record.ok_or(RejectCause::Tombstone)?;
        // The whole of it: the parser does not look into the texts of fields that it skips.
        let text = std::str::from_utf8(bytes).map_err(|error| RejectCause::NotJson { reason: error.to_string() })?;
        unescaped.clear();
        if self.plain.read(text, slots, unescaped, &mut |name: &str| unknown.meet(name)).is_none() {
            slots.fill_with(|| Slot::Absent);
            self.read_any(text, slots, unknown)?;
        }
        if let Some(field) = unknown.take_refused() {
            return Err(RejectCause::UnknownField { field });
        }
        for ((field, slot), nulled) in self.fields.iter().zip(slots.iter_mut()).zip(nulled) {
            if let Slot::NumberAsText = slot {
                *slot = Slot::Text(Cow::Owned(number_text(text, &field.name)));
            }
            if let Slot::Wrong(found) = slot {
                match field.wrong_type {
                    WrongType::Dead => {
                        return Err(RejectCause::WrongType {
                            field: field.name.clone(),
                            wanted: field.kind,
                            found: found.to_string(),
                        });
                    }
                    WrongType::Null => {
                        *slot = Slot::Null;
                        *nulled += 1;
                    }
                }
            }
            if field.required && matches!(slot, Slot::Absent | Slot::Null) {
                return Err(RejectCause::Required { field: field.name.clone() });
            }
        }
        Ok(())
    }

    /// Reads whatever is an object, by the full parser.
    fn read_any<'a>(
        &self,
        text: &'a str,
        slots: &mut [Slot<'a>],
        unknown: &mut Encounters<'_>,
    ) -> Result<(), RejectCause> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let seed = RecordSeed { fields: &self.fields, slots, unknown };
        let object = seed.deserialize(&mut reader).and_then(|()| reader.end());
        object.map_err(|error| not_an_object(text, &error))
    }
}

fn arrow_type(kind: FieldType) -> DataType {
    match kind {
        FieldType::String => DataType::Utf8,
        FieldType::Bigint => DataType::Int64,
        FieldType::Double => DataType::Float64,
        FieldType::Boolean => DataType::Boolean,
    }
}

fn not_an_object(text: &str, error: &serde_json::Error) -> RejectCause {
    if error.is_data() && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return RejectCause::NotAnObject;
    }
    RejectCause::NotJson { reason: error.to_string() }
}

/// The digits of field `name` as they stand in the record: `1.50` stays `1.50`.
fn number_text(text: &str, name: &str) -> String {
    struct Last<'n>(&'n str);
    impl<'de> Visitor<'de> for Last<'_> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut last = None;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                let value: &RawValue = map.next_value()?;
                if key == self.0 {
                    last = Some(value);
                }
            }
            Ok(last)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let raw = reader.deserialize_map(Last(name)).expect("the record was decoded as an object once already");
    raw.expect("the field was met in this record").get().to_owned()
}

/// Reads an object into the slots of the fields that the schema names, the last of several of one name.
struct RecordSeed<'f, 's, 'a, 'p> {
    fields: &'f [Field],
    slots: &'s mut [Slot<'a>],
    unknown: &'s mut Encounters<'p>,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_, '_, 'de, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_, '_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        // Clients send the fields in one order, mostly that of the schema: the next field is tried first.
        let mut next = 0;
        while let Some(found) = map.next_key_seed(NameSeed { fields: self.fields, next, unknown: self.unknown })? {
            match found {
                Some(number) => {
                    self.slots[number] = map.next_value_seed(ValueSeed(self.fields[number].kind))?;
                    next = number + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds the number of the field that a name names.
struct NameSeed<'f, 'u, 'p> {
    fields: &'f [Field],
    next: usize,
    unknown: &'u mut Encounters<'p>,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_, '_, '_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if self.fields.get(self.next).is_some_and(|f| f.name == name) {
            return Ok(Some(self.next));
        }
        let known = self.fields.iter().position(|f| f.name == name);
        if known.is_none() {
            self.unknown.meet(name);
        }
        Ok(known)
    }
}

/// Reads a value for a field of one type; a value of another type becomes [`Slot::Wrong`], not an error.
struct ValueSeed(FieldType);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Slot<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Slot<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.0)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Slot::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(if self.0 == FieldType::String { Slot::Text(Cow::Borrowed(text)) } else { Slot::Wrong(Found::Text) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if self.0 == FieldType::String { Slot::Text(Cow::Owned(text.to_owned())) } else { Slot::Wrong(Found::Text) })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Boolean => Slot::Truth(truth),
            FieldType::String => Slot::Text(Cow::Borrowed(if truth { "true" } else { "false" })),
            FieldType::Bigint | FieldType::Double => Slot::Wrong(Found::Truth),
        })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Bigint => Slot::Whole(number),
            FieldType::Double => Slot::Real(number as f64),
            FieldType::String => Slot::Text(Cow::Owned(number.to_string())),
            FieldType::Boolean => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(match (self.0, i64::try_from(number)) {
            (FieldType::Bigint, Ok(number)) => Slot::Whole(number),
            (FieldType::Double, _) => Slot::Real(number as f64),
            (FieldType::String, _) => Slot::Text(Cow::Owned(number.to_string())),
            (FieldType::Bigint, Err(_)) | (FieldType::Boolean, _) => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Double => Slot::Real(number),
            FieldType::String => Slot::NumberAsText,
            FieldType::Bigint | FieldType::Boolean => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong(Found::Object))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong(Found::Array))
    }
}

/// A growing column of one type.
enum Column {
    Text(StringBuilder),
    Whole(Int64Builder),
    Real(Float64Builder),
    Truth(BooleanBuilder),
}

impl Column {
    fn new(kind: FieldType, rows: usize) -> Self {
        match kind {
            FieldType::String => Column::Text(StringBuilder::with_capacity(rows, rows * 16)),
            FieldType::Bigint => Column::Whole(Int64Builder::with_capacity(rows)),
            FieldType::Double => Column::Real(Float64Builder::with_capacity(rows)),
            FieldType::Boolean => Column::Truth(BooleanBuilder::with_capacity(rows)),
        }
    }

    fn push(&mut self, slot: &Slot<'_>, unescaped: &str) {
        match (self, slot) {
            (Column::Text(builder), Slot::Text(text)) => builder.append_value(text),
            (Column::Text(builder), Slot::Unescaped(range)) => builder.append_value(&unescaped[range.clone()]),
            (Column::Whole(builder), Slot::Whole(number)) => builder.append_value(*number),
            (Column::Real(builder), Slot::Real(number)) => builder.append_value(*number),
            (Column::Truth(builder), Slot::Truth(truth)) => builder.append_value(*truth),
            (Column::Text(builder), _) => builder.append_null(),
            (Column::Whole(builder), _) => builder.append_null(),
            (Column::Real(builder), _) => builder.append_null(),
            (Column::Truth(builder), _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(builder) => ArrayBuilder::finish(builder),
            Column::Whole(builder) => ArrayBuilder::finish(builder),
            Column::Real(builder) => ArrayBuilder::finish(builder),
            Column::Truth(builder) => ArrayBuilder::finish(builder),
        }
    }
}

#[cfg(test)]
mod tests;
