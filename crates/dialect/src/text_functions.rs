//! Text functions whose DataFusion namesakes answer otherwise than Spark's, or that DataFusion lacks.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, StringBuilder, Array};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, TEXT, expect_arguments, row_of, texts};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let substring = datafusion_spark::function::string::substring().as_ref().clone().with_aliases(["substr"]);
    vec![
        substring,
        Function::new("replace", replace_types, replace).build(),
        Function::new("locate", locate_types, locate).build(),
    ]
}

fn replace_types(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("replace", arguments, 2, 3)?;
    Ok((vec![TEXT; arguments.len()], DataType::Utf8))
}

/// Every occurrence of the second text by the third (nothing where there is none); an empty second text changes nothing.
fn replace(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let search = texts(&arrays[1]);
    let with = arrays.get(2).map(texts);
    let mut out = StringBuilder::with_capacity(arrays[0].len(), arrays[0].len() * 16);
    for (row, text) in texts(&arrays[0]).iter().enumerate() {
        let search = value(search, row);
        let with = with.map_or(Some(""), |with| value(with, row));
        match (text, search, with) {
            (Some(text), Some(""), Some(_)) => out.append_value(text),
            (Some(text), Some(search), Some(with)) => {
                // Written piece by piece into the array: no string a row.
                let mut pieces = text.split(search);
                let mut written = std::fmt::Write::write_str(&mut out, pieces.next().unwrap_or(""));
                for piece in pieces {
                    written = written
                        .and_then(|()| std::fmt::Write::write_str(&mut out, with))
                        .and_then(|()| std::fmt::Write::write_str(&mut out, piece));
                }
                written.map_err(|cause| datafusion::common::exec_datafusion_err!("`replace` cannot write: {cause}"))?;
                out.append_value("");
            }
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn value(array: &arrow::array::StringViewArray, row: usize) -> Option<&str> {
    let row = row_of(array, row);
    array.is_valid(row).then(|| array.value(row))
}

fn locate_types(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("locate", arguments, 2, 3)?;
    Ok(([TEXT, TEXT, DataType::Int32][..arguments.len()].to_vec(), DataType::Int32))
}

/// `locate(part, text [, from])`: where in characters, from 1, the part begins; 0 where it does not occur.
fn locate(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let whole = texts(&arrays[1]);
    let starts = arrays.get(2).map(|starts| starts.as_primitive::<Int32Type>());
    let positions = texts(&arrays[0]).iter().enumerate().map(|(row, part)| {
        let (part, text) = (part?, value(whole, row)?);
        let from = starts.map_or(Some(1), |starts| {
            let at = row_of(starts, row);
            Some(if starts.is_valid(at) { starts.value(at) } else { 0 })
        })?;
        Some(locate_from(part, text, from))
    });
    Ok(Arc::new(positions.collect::<Int32Array>()))
}

fn locate_from(part: &str, text: &str, from: i32) -> i32 {
    let Some(skipped) = usize::try_from(from).ok().and_then(|from| from.checked_sub(1)) else { return 0 };
    let start = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skipped);
    let found = start.and_then(|start| Some(start + text[start..].find(part)?));
    found.map_or(0, |at| i32::try_from(text[..at].chars().count() + 1).unwrap_or(i32::MAX))
}
