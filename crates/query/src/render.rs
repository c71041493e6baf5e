//! Answers as JSON rows and as CSV.
//!
//! Times are text as SQL casts them (`2020-08-28 03:52:47`, UTC). Decimals are text in JSON, so that no digit is lost. NaN and the
//! infinities are text, which JSON's numbers lack. Bytes are text where they are UTF-8, else `\x` and hexadecimal digits.

use std::fmt::Write;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use pinflow_dialect::cast_array;
use serde_json::{Map, Number, Value};

use crate::answer::Answer;

impl Answer {
    /// As [`json_rows`], of all rows.
    pub fn to_json_rows(&self) -> Vec<Value> {
        self.batches.iter().flat_map(json_rows).collect()
    }

    /// As [`json_arrays`], of all rows.
    pub fn to_json_arrays(&self) -> Vec<Vec<Value>> {
        self.batches.iter().flat_map(json_arrays).collect()
    }

    /// As [`csv_header`] and [`csv_rows`], of all rows.
    pub fn to_csv(&self) -> String {
        let rows = self.batches.iter().map(csv_rows);
        std::iter::once(csv_header(&self.schema)).chain(rows).collect()
    }
}

/// The rows of an answer as JSON objects, the members in the order of the columns. Of two columns with one name the last is kept.
pub fn json_rows(batch: &RecordBatch) -> Vec<Value> {
    let mut objects = vec![Map::with_capacity(batch.num_columns()); batch.num_rows()];
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        for (object, value) in objects.iter_mut().zip(json_values(column)) {
            object.insert(field.name().clone(), value);
        }
    }
    objects.into_iter().map(Value::Object).collect()
}

/// The rows of an answer as JSON arrays, a value for each column, whatever the columns are called.
pub fn json_arrays(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let mut columns: Vec<_> = batch.columns().iter().map(|column| json_values(column)).collect();
    let row = |_| columns.iter_mut().map(|column| column.next().unwrap_or_default()).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// The names of an answer's columns as a line of CSV (RFC 4180, with `\n`).
pub fn csv_header(schema: &Schema) -> String {
    let mut csv = String::new();
    for (i, field) in schema.fields().iter().enumerate() {
        push_field(&mut csv, i, field.name());
    }
    csv.push('\n');
    csv
}

/// The rows of an answer as lines of CSV. A null is an empty field, an empty text is `""`; an array is JSON.
pub fn csv_rows(batch: &RecordBatch) -> String {
    let mut csv = String::new();
    let columns: Vec<Vec<Value>> = batch.columns().iter().map(|column| json_values(column).collect()).collect();
    for row in 0..batch.num_rows() {
        for (i, column) in columns.iter().enumerate() {
            match &column[row] {
                Value::Null if i > 0 => csv.push(','),
                Value::Null => {}
                Value::String(text) => push_field(&mut csv, i, text),
                other => push_field(&mut csv, i, &other.to_string()),
            }
        }
        csv.push('\n');
    }
    csv
}

fn push_field(csv: &mut String, index: usize, text: &str) {
    if index > 0 {
        csv.push(',');
    }
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        csv.extend(["\"", &text.replace('"', "\"\""), "\""]);
    } else {
        csv.push_str(text);
    }
}

/// The values of a column of a plain type as JSON.
pub(crate) fn json_values(column: &dyn Array) -> Box<dyn Iterator<Item = Value> + '_> {
    let rows = 0..column.len();
    let present =
        move |value: &dyn Fn(usize) -> Value, row: usize| if column.is_null(row) { Value::Null } else { value(row) };
    match column.data_type() {
        DataType::Null => Box::new(rows.map(|_| Value::Null)),
        DataType::Boolean => Box::new(rows.map(move |row| present(&|row| column.as_boolean().value(row).into(), row))),
        DataType::Utf8 => {
            Box::new(rows.map(move |row| present(&|row| column.as_string::<i32>().value(row).into(), row)))
        }
        DataType::Binary => {
            Box::new(rows.map(move |row| present(&|row| bytes(column.as_binary::<i32>().value(row)), row)))
        }
        DataType::Decimal128(..) => {
            Box::new(rows.map(move |row| {
                present(&|row| column.as_primitive::<Decimal128Type>().value_as_string(row).into(), row)
            }))
        }
        DataType::List(_) => Box::new(rows.map(move |row| {
            present(&|row| Value::Array(json_values(&column.as_list::<i32>().value(row)).collect()), row)
        })),
        integer if integer.is_signed_integer() => {
            // Every whole number fits; a column that cannot be cast here does not exist.
            let wide = arrow::compute::cast(column, &DataType::Int64)
                .unwrap_or_else(|_| arrow::array::new_null_array(&DataType::Int64, column.len()));
            Box::new(rows.map(move |row| present(&|row| wide.as_primitive::<Int64Type>().value(row).into(), row)))
        }
        float if float.is_floating() => {
            let wide = arrow::compute::cast(column, &DataType::Float64)
                .unwrap_or_else(|_| arrow::array::new_null_array(&DataType::Float64, column.len()));
            Box::new(rows.map(move |row| {
                present(&|row| double(wide.as_primitive::<arrow::datatypes::Float64Type>().value(row)), row)
            }))
        }
        _ => Box::new(texts(column).into_iter()),
    }
}

fn double(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None => if value > 0.0 { "Infinity" } else { "-Infinity" }.into(),
    }
}

fn bytes(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value
            .iter()
            .fold("\\x".to_owned(), |mut hex, byte| {
                // Writing into a string does not fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
            .into(),
    }
}

/// Any other type as its text in SQL.
fn texts(column: &dyn Array) -> Vec<Value> {
    if let Ok(text) = cast_array(&column.slice(0, column.len()), &DataType::Utf8) {
        return text.as_string::<i32>().iter().map(Value::from).collect();
    }
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => (0..column.len()).map(|row| formatter.value(row).to_string().into()).collect(),
        Err(cause) => vec![cause.to_string().into(); column.len()],
    }
}
