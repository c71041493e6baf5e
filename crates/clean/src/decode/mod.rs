//! Turns JSON records into Arrow columns by the declared schema. A record that does not fit is rejected alone;
//! its neighbours go on.
//!
//! The rules are Spark's `from_json` with the differences that the pipeline promises: a value of the wrong type is a
//! reject (or, where the field says so, a counted null) instead of a silent null, and a record that lacks a required
//! field is a reject.

mod column;
mod full;
mod plain;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use pinflow_pipeline::{Field, UnknownFieldPolicies, WrongType};

use crate::reject::{Reject, RejectCause};
use crate::unknown::{Encounters, UnknownFields};
use column::{Column, arrow_type};
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
    /// Bytes a value of each text column in the last batch: the next one is likely to need as much room.
    text_bytes: Vec<AtomicUsize>,
}

/// Before anything is known.
const TEXT_BYTES: usize = 16;
/// What is made room for at most.
const MOST_TEXT_BYTES: usize = 1 << 10;

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
    /// A number beyond all doubles.
    OutOfRange,
    /// A string that is no text: it has half of a surrogate pair.
    HalfSurrogate,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Text => "a string",
            Found::Truth => "a boolean",
            Found::Object => "an object",
            Found::Array => "an array",
            Found::NotWhole => "a number that is not a whole one of 64 bits",
            Found::OutOfRange => "a number out of range",
            Found::HalfSurrogate => "a string with half of a surrogate pair",
        })
    }
}

impl Decoder {
    pub fn new(fields: &[Field], unknown: &UnknownFieldPolicies) -> Self {
        let columns: Vec<ArrowField> =
            fields.iter().map(|f| ArrowField::new(&f.name, arrow_type(f.kind), true)).collect();
        let schema = Arc::new(Schema::new(columns));
        Self {
            fields: fields.to_vec(),
            schema,
            unknown: unknown.clone(),
            plain: PlainReader::new(fields),
            text_bytes: fields.iter().map(|_| AtomicUsize::new(TEXT_BYTES)).collect(),
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes `records`; `None` is a tombstone.
    pub fn decode(&self, records: &[Option<&[u8]>]) -> Decoded {
        let mut columns = self.columns(records.len());
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
        self.learn(&columns, origin.len());
        let arrays: Vec<ArrayRef> = columns.iter_mut().map(Column::finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(origin.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("each column was given one value a row, of its own type");
        Decoded { rows, origin, rejects, nulled, unknown: unknown.counted, evolving }
    }

    fn columns(&self, rows: usize) -> Vec<Column> {
        let room = |bytes: &AtomicUsize| rows * bytes.load(Ordering::Relaxed);
        self.fields
            .iter()
            .zip(&self.text_bytes)
            .map(|(field, bytes)| Column::new(field.kind, rows, room(bytes)))
            .collect()
    }

    /// Takes note of how much room the texts of a batch took.
    fn learn(&self, columns: &[Column], rows: usize) {
        if rows == 0 {
            return;
        }
        for (column, bytes) in columns.iter().zip(&self.text_bytes) {
            let mean = column.text_bytes() / rows;
            // A single huge record is not to be made room for a thousand times.
            bytes.store((mean + mean / 8 + 1).min(MOST_TEXT_BYTES), Ordering::Relaxed);
        }
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
        let text =
            simdutf8::compat::from_utf8(bytes).map_err(|error| RejectCause::NotJson { reason: error.to_string() })?;
        unescaped.clear();
        if self.plain.read(text, slots, unescaped, &mut |name: &str| unknown.meet(name)).is_none() {
            slots.fill_with(|| Slot::Absent);
            full::read(&self.fields, text, slots, &mut |name: &str| unknown.meet(name))?;
        }
        if let Some(field) = unknown.take_refused() {
            return Err(RejectCause::UnknownField { field });
        }
        for ((field, slot), nulled) in self.fields.iter().zip(slots.iter_mut()).zip(nulled) {
            if let Slot::NumberAsText = slot {
                *slot = Slot::Text(Cow::Owned(full::number_text(text, &field.name)));
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
}

#[cfg(test)]
mod tests;
