//! Fields that the schema lacks: what the stream's policy makes of them, and how many there were.
//!
//! Names come from clients, so there may be any number of them: so many are counted by name, the rest together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use pinflow_pipeline::{UnknownFieldPolicies, UnknownFieldPolicy};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Names that are counted by themselves.
const COUNTED_NAMES: usize = 100;
/// Columns that a batch's fields may become: as many as a table may have.
const EVOLVED_COLUMNS: usize = 500;
/// Bytes of a name that is counted by itself, or becomes a column.
const NAME_BYTES: usize = 128;

/// How often fields that the schema lacks were met: a hundred names by themselves, the rest together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownFields {
    /// By name.
    pub named: BTreeMap<String, UnknownCount>,
    /// Those of further names, and of names longer than 128 bytes.
    pub others: UnknownCount,
}

/// How often a field that the schema lacks was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownCount {
    /// Events that have it.
    pub met: u64,
    /// Values in rows that were left out although the policy is to make columns: no table takes the name, or it has all the columns
    /// that it may have.
    pub not_evolved: u64,
}

impl UnknownCount {
    fn add(&mut self, other: UnknownCount) {
        self.met += other.met;
        self.not_evolved += other.not_evolved;
    }
}

impl UnknownFields {
    /// All together.
    pub fn total(&self) -> UnknownCount {
        let mut total = self.others;
        self.named.values().for_each(|count| total.add(*count));
        total
    }

    /// Counts in what another batch met.
    pub fn absorb(&mut self, batch: &UnknownFields) {
        batch.named.iter().for_each(|(name, count)| self.count(name, *count));
        self.others.add(batch.others);
    }

    /// Counts values that no column was made for.
    pub fn leave_out(&mut self, name: &str, values: u64) {
        self.count(name, UnknownCount { met: 0, not_evolved: values });
    }

    fn count(&mut self, name: &str, added: UnknownCount) {
        if let Some(count) = self.named.get_mut(name) {
            count.add(added);
        } else if self.named.len() < COUNTED_NAMES && name.len() <= NAME_BYTES {
            self.named.insert(name.to_owned(), added);
        } else {
            self.others.add(added);
        }
    }
}

/// What a batch's decoding met.
pub(crate) struct Encounters<'p> {
    policies: &'p UnknownFieldPolicies,
    pub counted: UnknownFields,
    /// The first field of the present record for which it has to be rejected.
    refused: Option<String>,
    /// The present record has a field that is to become a column.
    evolves: bool,
}

impl<'p> Encounters<'p> {
    pub fn new(policies: &'p UnknownFieldPolicies) -> Self {
        Self { policies, counted: UnknownFields::default(), refused: None, evolves: false }
    }

    /// Begins a record.
    pub fn begin(&mut self) {
        self.refused = None;
        self.evolves = false;
    }

    /// A field that the schema lacks.
    pub fn meet(&mut self, name: &str) {
        self.counted.count(name, UnknownCount { met: 1, not_evolved: 0 });
        match self.policies.of(name) {
            UnknownFieldPolicy::Hold => {}
            UnknownFieldPolicy::Evolve => self.evolves = true,
            UnknownFieldPolicy::Dead if self.refused.is_some() => {}
            UnknownFieldPolicy::Dead => self.refused = Some(shortened(name)),
        }
    }

    /// The field for which the present record is rejected.
    pub fn take_refused(&mut self) -> Option<String> {
        self.refused.take()
    }

    /// Whether the present record has a field that is to become a column.
    pub fn evolves(&self) -> bool {
        self.evolves
    }
}

/// A client's name as a reason may hold it.
fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_BYTES);
    if end < name.len() { format!("{}...", &name[..end]) } else { name.to_owned() }
}

/// Adds to cleaned rows a nullable text column for each unknown field that is to become one: a text as it is, anything else as
/// its JSON text. `evolving` are the numbers of the records that have such fields, in order; `origin` says which record a row is of.
/// Values that no column can be made for are counted in `counted`.
pub(crate) fn with_evolved_columns(
    rows: RecordBatch,
    origin: &[u32],
    evolving: &[u32],
    records: &[Option<&[u8]>],
    wanted: Evolving<'_>,
    counted: &mut UnknownFields,
) -> Result<RecordBatch, ArrowError> {
    let mut columns = EvolvedColumns::new(rows.schema_ref());
    for (row, record) in origin.iter().enumerate() {
        if evolving.binary_search(record).is_err() {
            continue;
        }
        let text = records[*record as usize].and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.expect("the record was decoded once already");
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = reader.deserialize_map(wanted).expect("the record was decoded as an object once already");
        for (name, value) in fields {
            // A null is no value that would be lost.
            if !columns.put(row, &name, value) && value.get() != "null" {
                counted.leave_out(&name, 1);
            }
        }
    }
    columns.join(rows)
}

struct EvolvedColumns {
    /// Lower case, in Unicode's sense: neither SQL nor the table's format tells cases apart.
    taken: HashSet<String>,
    columns: BTreeMap<String, (usize, StringBuilder)>,
}

impl EvolvedColumns {
    fn new(schema: &SchemaRef) -> Self {
        let taken = schema.fields().iter().map(|field| field.name().to_lowercase()).collect();
        Self { taken, columns: BTreeMap::new() }
    }

    /// Puts a value into its column, if it can have one. Rows come in order, and each has a field once.
    fn put(&mut self, row: usize, name: &str, value: &RawValue) -> bool {
        if !self.columns.contains_key(name) {
            let has_room = self.columns.len() < EVOLVED_COLUMNS;
            if !has_room || !is_column_name(name) || !self.taken.insert(name.to_lowercase()) {
                return false;
            }
            self.columns.insert(name.to_owned(), (0, StringBuilder::new()));
        }
        let (filled, builder) = self.columns.get_mut(name).expect("it was put there if it was not");
        builder.append_nulls(row - *filled);
        *filled = row + 1;
        match value.get() {
            "null" => builder.append_null(),
            text if text.starts_with('"') => match serde_json::from_str::<Cow<'_, str>>(text) {
                Ok(text) => builder.append_value(text),
                // Such as half of a surrogate pair: its JSON text is all there is.
                Err(_) => builder.append_value(text),
            },
            text => builder.append_value(text),
        }
        true
    }

    fn join(self, rows: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.columns.is_empty() {
            return Ok(rows);
        }
        let count = rows.num_rows();
        let mut fields: Vec<Field> = rows.schema_ref().fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut arrays: Vec<ArrayRef> = rows.columns().to_vec();
        for (name, (filled, mut builder)) in self.columns {
            builder.append_nulls(count - filled);
            fields.push(Field::new(name, DataType::Utf8, true));
            arrays.push(Arc::new(builder.finish()));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

/// Whether a client's name may be a column of a table.
fn is_column_name(name: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, ' ' | ',' | ';' | '{' | '}' | '(' | ')' | '=' | '`' | '.');
    !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(odd)
}

/// Reads the fields of an object that are to become columns, the last of several of one name.
#[derive(Clone, Copy)]
pub(crate) struct Evolving<'p> {
    /// The fields that the stream's schema has.
    pub declared: &'p Schema,
    pub policies: &'p UnknownFieldPolicies,
}

impl Evolving<'_> {
    fn wants(&self, name: &str) -> bool {
        self.policies.of(name) == UnknownFieldPolicy::Evolve && self.declared.field_with_name(name).is_err()
    }
}

impl<'de> Visitor<'de> for Evolving<'_> {
    type Value = BTreeMap<Cow<'de, str>, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if self.wants(&name) {
                fields.insert(name, map.next_value::<&RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_names_take_the_memory_of_a_hundred() {
        let policies = UnknownFieldPolicies::default();
        let mut met = Encounters::new(&policies);
        for number in 0..1_000_000 {
            met.meet(&format!("field_{number}"));
        }
        met.meet(&"x".repeat(1 << 20));
        met.meet("field_7");
        assert_eq!((met.counted.named.len(), met.counted.total().met), (COUNTED_NAMES, 1_000_002));
        assert_eq!(met.counted.named["field_7"].met, 2);
        let mut all = UnknownFields::default();
        all.absorb(&met.counted);
        all.absorb(&met.counted);
        assert_eq!((all.named["field_7"].met, all.total().met), (4, 2_000_004));
    }

    #[test]
    fn names_that_no_table_takes_are_no_columns() {
        for name in ["", "a b", "a;b", "a\0b", "a=b", "a.b", "`", &"x".repeat(129)] {
            assert!(!is_column_name(name), "{name:?}");
        }
        assert!(is_column_name("größe-2") && is_column_name("_x"));
    }
}
