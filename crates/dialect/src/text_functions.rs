//! Text functions whose DataFusion namesakes answer otherwise than Spark's, or that DataFusion lacks.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, StringBuilder};
use arrow::compute::{is_not_null, is_null};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::Result;
use datafusion::functions::string::{ends_with, starts_with};
use datafusion::logical_expr::ScalarUDF;
use memchr::memmem::Finder;

use crate::function::{Function, TEXT, expect_arguments, row_of, texts};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let substring = datafusion_spark::function::string::substring().as_ref().clone().with_aliases(["substr"]);
    vec![
        substring,
        Function::new("replace", replace_types, replace).build(),
        Function::new("locate", locate_types, locate).build(),
        Function::new("initcap", one_text, initcap).build(),
        Function::new("left", part_types("left"), |arrays| Ok(parts(arrays, first))).build(),
        Function::new("right", part_types("right"), |arrays| Ok(parts(arrays, last))).build(),
        aliased(starts_with(), "startswith"),
        aliased(ends_with(), "endswith"),
        Function::new("isnull", anything("isnull"), |arrays| Ok(Arc::new(is_null(&arrays[0])?))).build(),
        Function::new("isnotnull", anything("isnotnull"), |arrays| Ok(Arc::new(is_not_null(&arrays[0])?))).build(),
    ]
}

/// A function of DataFusion under its Spark name too.
fn aliased(function: Arc<ScalarUDF>, alias: &'static str) -> ScalarUDF {
    function.as_ref().clone().with_aliases([alias])
}

fn anything(name: &'static str) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 1, 1)?;
        Ok((arguments.to_vec(), DataType::Boolean))
    }
}

fn one_text(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("initcap", arguments, 1, 1)?;
    Ok((vec![TEXT], DataType::Utf8))
}

/// Words begin after a space alone: `it's` stays one.
fn initcap(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let capitalised = texts(&arrays[0]).iter().map(|text| {
        let mut after_space = true;
        let mut word = String::new();
        for c in text?.to_lowercase().chars() {
            if after_space {
                word.extend(c.to_uppercase())
            } else {
                word.push(c)
            }
            after_space = c == ' ';
        }
        Some(word)
    });
    Ok(Arc::new(capitalised.collect::<StringArray>()))
}

fn part_types(name: &'static str) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 2, 2)?;
        Ok((vec![TEXT, DataType::Int64], DataType::Utf8))
    }
}

/// The part that `part` takes of each text for a count of characters, which is not negative.
fn parts(arrays: &[ArrayRef], part: impl Fn(&str, usize) -> &str) -> ArrayRef {
    let counts = arrays[1].as_primitive::<Int64Type>();
    let parts = texts(&arrays[0]).iter().enumerate().map(|(row, text)| {
        let at = row_of(counts, row);
        let count = counts.is_valid(at).then(|| usize::try_from(counts.value(at)).unwrap_or(0))?;
        Some(part(text?, count))
    });
    Arc::new(parts.collect::<StringArray>())
}

fn first(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

fn last(text: &str, count: usize) -> &str {
    let Some(skipped) = count.checked_sub(1) else { return "" };
    text.char_indices().rev().nth(skipped).map_or(text, |(start, _)| &text[start..])
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
    let mut finder: Option<Finder<'_>> = None;
    for (row, text) in texts(&arrays[0]).iter().enumerate() {
        let search = value(search, row);
        let with = with.map_or(Some(""), |with| value(with, row));
        match (text, search, with) {
            (Some(text), Some(""), Some(_)) => out.append_value(text),
            (Some(text), Some(search), Some(with)) => {
                let known = finder.take().filter(|finder| finder.needle() == search.as_bytes());
                let finder = finder.insert(known.unwrap_or_else(|| Finder::new(search)));
                write_replaced(&mut out, text, finder, with)
                    .map_err(|cause| datafusion::common::exec_datafusion_err!("`replace` cannot write: {cause}"))?;
                out.append_value("");
            }
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// Writes a text piece by piece into the array: no string a row.
fn write_replaced(out: &mut impl std::fmt::Write, text: &str, search: &Finder<'_>, with: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = search.find(rest.as_bytes()) {
        out.write_str(&rest[..at])?;
        out.write_str(with)?;
        rest = &rest[at + search.needle().len()..];
    }
    out.write_str(rest)
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
