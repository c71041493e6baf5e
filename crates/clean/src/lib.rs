//! Cleaning: raw records in, rows of one stream out, by the pipeline's one SELECT.
//!
//! Both lanes call [`Cleaner::clean`] and nothing else, so they cannot differ. A record ends in exactly one of four ways:
//! as a row, as a [`Reject`], filtered out by the SELECT's `WHERE`, or, later, as a duplicate by key ([`KeySet`]).
//! Nothing here does I/O.

mod decode;
mod definition;
mod error;
mod key;
mod key_hints;
mod key_lookup;
mod key_parts;
mod lines;
mod reject;
mod select;
mod spread;
mod unknown;
mod window;

pub use definition::{definition, definition_in_words};
pub use error::CleanError;
pub use key::{Distinct, KeySet, NewKeys};
pub use key_lookup::KeyLookup;
pub use reject::{Reject, RejectCause};
pub use unknown::{UnknownCount, UnknownFields};

use std::path::PathBuf;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use pinflow_pipeline::{Stream, UnknownFieldPolicies};

use decode::Decoder;
use select::{Select, Selected};
use unknown::{Evolving, with_evolved_columns};

/// A stream's cleaning, planned once.
#[derive(Debug)]
pub struct Cleaner {
    stream: String,
    file: PathBuf,
    decoder: Decoder,
    select: Select,
    key: Option<Key>,
    unknown_fields: UnknownFieldPolicies,
}

#[derive(Debug)]
struct Key {
    name: String,
    column: usize,
}

/// What became of a batch of records. `rows`, `rejects` and `filtered` account for every record.
#[derive(Debug)]
pub struct CleanBatch {
    /// The cleaned rows, in arrival order, in the types that tables hold. Behind the columns of [`Cleaner::output_schema`] there may
    /// be more: a nullable text column for each field that the schema lacks and the stream's policy makes a column.
    pub rows: RecordBatch,
    /// For each row, the number of the record that it came from.
    pub origin: Vec<u32>,
    /// The records that cannot be cleaned, in arrival order.
    pub rejects: Vec<Reject>,
    /// How many records the SELECT's `WHERE` left out.
    pub filtered: u64,
    /// How often a value of the wrong type was taken as null, because the field's policy says so.
    pub nulled: u64,
    /// The fields that the schema lacks.
    pub unknown: UnknownFields,
}

impl Cleaner {
    /// Plans the cleaning of `stream`.
    ///
    /// # Errors
    /// [`CleanError::Select`] with file, line and hint; [`CleanError::UnknownKey`].
    pub async fn plan(stream: &Stream) -> Result<Self, CleanError> {
        let decoder = Decoder::new(&stream.schema, &stream.unknown_fields);
        let select =
            Select::plan(&stream.clean.text, decoder.schema()).await.map_err(|refusal| CleanError::Select {
                stream: stream.name.clone(),
                file: stream.clean.path.clone(),
                line: refusal.line,
                message: refusal.message,
                hint: refusal.hint,
            })?;
        let key = stream.key.as_ref().map(|name| key_column(stream, name, select.output())).transpose()?;
        let (file, unknown_fields) = (stream.clean.path.clone(), stream.unknown_fields.clone());
        Ok(Self { stream: stream.name.clone(), file, decoder, select, key, unknown_fields })
    }

    /// The columns of the cleaned rows, all nullable.
    pub fn output_schema(&self) -> &SchemaRef {
        self.select.output()
    }

    /// The number of the key's column in the cleaned rows.
    pub fn key_column(&self) -> Option<usize> {
        self.key.as_ref().map(|key| key.column)
    }

    /// Cleans `records`; `None` is a tombstone.
    ///
    /// # Errors
    /// [`CleanError::Engine`] where Arrow itself fails; never because of what a record holds.
    pub fn clean(&self, records: &[Option<&[u8]>]) -> Result<CleanBatch, CleanError> {
        let decoded = self.decoder.decode(records);
        let mut rejects = decoded.rejects;
        let count = decoded.rows.num_rows();
        let selected =
            self.select_rows(&decoded.rows, 0, &decoded.origin, &mut rejects).map_err(|e| self.engine(&e))?;
        let failed = rejects.len() - (records.len() - count);
        let filtered = (count - failed - selected.rows.num_rows()) as u64;
        let selected = self.split_off_keyless(selected, &mut rejects).map_err(|e| self.engine(&e))?;
        rejects.sort_by_key(|reject| reject.index);
        let mut unknown = decoded.unknown;
        let rows = if decoded.evolving.is_empty() {
            selected.rows
        } else {
            let (origin, evolving) = (&selected.origin, &decoded.evolving);
            let wanted = Evolving { declared: self.decoder.schema(), policies: &self.unknown_fields };
            with_evolved_columns(selected.rows, origin, evolving, records, wanted, &mut unknown)
                .map_err(|e| self.engine(&e))?
        };
        Ok(CleanBatch {
            rows,
            origin: selected.origin,
            rejects,
            filtered,
            nulled: decoded.nulled.iter().sum(),
            unknown,
        })
    }

    /// Runs the SELECT. Where it fails, the batch is halved until the records that it fails on stand alone: they
    /// are rejected, their neighbours go on. `origin` maps rows to records, `start` is the first row's number in it.
    fn select_rows(
        &self,
        rows: &RecordBatch,
        start: usize,
        origin: &[u32],
        rejects: &mut Vec<Reject>,
    ) -> Result<Selected, ArrowError> {
        let count = rows.num_rows();
        match self.select.run(rows.clone()) {
            Ok(mut selected) => {
                for row in &mut selected.origin {
                    *row = origin[start + *row as usize];
                }
                Ok(selected)
            }
            Err(error) if count <= 1 => {
                if count == 1 {
                    let reason = error.strip_backtrace().lines().next().unwrap_or_default().to_owned();
                    let line = self.select.failing_line(rows);
                    let cause = RejectCause::Select { file: self.file.clone(), line, reason };
                    rejects.push(Reject { index: origin[start] as usize, cause });
                }
                Ok(Selected { rows: RecordBatch::new_empty(self.select.output().clone()), origin: Vec::new() })
            }
            Err(_) => {
                let half = count / 2;
                let first = self.select_rows(&rows.slice(0, half), start, origin, rejects)?;
                let second = self.select_rows(&rows.slice(half, count - half), start + half, origin, rejects)?;
                Ok(Selected {
                    rows: concat_batches(self.select.output(), [&first.rows, &second.rows])?,
                    origin: [first.origin, second.origin].concat(),
                })
            }
        }
    }

    /// Rejects the rows whose key is null.
    fn split_off_keyless(&self, selected: Selected, rejects: &mut Vec<Reject>) -> Result<Selected, ArrowError> {
        let Some(key) = &self.key else { return Ok(selected) };
        let keys: &ArrayRef = selected.rows.column(key.column);
        if keys.null_count() == 0 {
            return Ok(selected);
        }
        let present: BooleanArray = (0..keys.len()).map(|row| Some(keys.is_valid(row))).collect();
        let mut origin = Vec::with_capacity(keys.len() - keys.null_count());
        for (row, record) in selected.origin.iter().enumerate() {
            if present.value(row) {
                origin.push(*record);
            } else {
                rejects.push(Reject { index: *record as usize, cause: RejectCause::NoKey { key: key.name.clone() } });
            }
        }
        Ok(Selected { rows: filter_record_batch(&selected.rows, &present)?, origin })
    }

    fn engine(&self, error: &ArrowError) -> CleanError {
        CleanError::Engine { stream: self.stream.clone(), reason: error.to_string() }
    }
}

fn key_column(stream: &Stream, name: &str, columns: &SchemaRef) -> Result<Key, CleanError> {
    let names = || columns.fields().iter().map(|f| format!("`{}`", f.name())).collect::<Vec<_>>().join(", ");
    let unknown = || CleanError::UnknownKey {
        stream: stream.name.clone(),
        key: name.to_owned(),
        file: stream.clean.path.clone(),
        columns: names(),
    };
    let column = columns.index_of(name).map_err(|_| unknown())?;
    let kind = columns.field(column).data_type();
    if !kind.is_integer() && *kind != DataType::Utf8 {
        return Err(CleanError::Select {
            stream: stream.name.clone(),
            file: stream.clean.path.clone(),
            line: None,
            message: format!("the key `{name}` is of type {kind}"),
            hint: Some("a key is a whole number or a string: CAST it".to_owned()),
        });
    }
    Ok(Key { name: name.to_owned(), column })
}
