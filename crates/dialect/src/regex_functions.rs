//! `rlike`, `regexp_replace`, `regexp_extract`, `split`: Java's regular expressions over text columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ScalarUDF;
use regex::Regex;

use crate::function::{Function, TEXT, expect_arguments, row_of, texts};
use crate::regex::{Regexes, replacement_to_rust};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::new("rlike", typing("rlike", &[TEXT, TEXT], 2, DataType::Boolean), rlike)
            .with_aliases(&["regexp_like", "regexp"])
            .build(),
        Function::new("regexp_replace", typing("regexp_replace", &[TEXT, TEXT, TEXT], 3, DataType::Utf8), replace)
            .build(),
        Function::new(
            "regexp_extract",
            typing("regexp_extract", &[TEXT, TEXT, DataType::Int32], 2, DataType::Utf8),
            extract,
        )
        .build(),
        Function::new("split", typing("split", &[TEXT, TEXT, DataType::Int32], 2, list_of_text()), split).build(),
    ]
}

/// Between `least` and all of `parameters`.
fn typing(
    name: &'static str,
    parameters: &[DataType],
    least: usize,
    returns: DataType,
) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync + use<> {
    let parameters = parameters.to_vec();
    move |arguments| {
        expect_arguments(name, arguments, least, parameters.len())?;
        Ok((parameters[..arguments.len()].to_vec(), returns.clone()))
    }
}

fn list_of_text() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

fn rlike(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let mut regexes = Regexes::new(&arrays[1]);
    let found = |(row, text): (usize, Option<&str>)| {
        let (Some(text), Some(regex)) = (text, regexes.at(row)?) else { return Ok(None) };
        Ok(Some(regex.is_match(text)))
    };
    Ok(Arc::new(texts(&arrays[0]).iter().enumerate().map(found).collect::<Result<BooleanArray>>()?))
}

fn replace(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let mut regexes = Regexes::new(&arrays[1]);
    let replacements = texts(&arrays[2]);
    let mut replacement: Option<(usize, String)> = None;
    let mut out = StringBuilder::with_capacity(arrays[0].len(), arrays[0].len() * 16);
    for (row, text) in texts(&arrays[0]).iter().enumerate() {
        let at = row_of(replacements, row);
        let (Some(text), Some(regex), false) = (text, regexes.at(row)?, replacements.is_null(at)) else {
            out.append_null();
            continue;
        };
        if arrays[1].len() > 1 || replacement.as_ref().is_none_or(|(last, _)| *last != at) {
            replacement = Some((at, replacement_to_rust(replacements.value(at), regex)?));
        }
        let with = replacement.as_ref().map_or("", |(_, text)| text.as_str());
        out.append_value(regex.replace_all(text, with));
    }
    Ok(Arc::new(out.finish()))
}

/// The text of the first match's group, empty where there is no match or the group took no part. The group is 1 where none is given.
fn extract(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let mut regexes = Regexes::new(&arrays[1]);
    let groups = arrays.get(2).map(|groups| groups.as_primitive::<Int32Type>());
    let mut out = StringBuilder::with_capacity(arrays[0].len(), arrays[0].len() * 16);
    for (row, text) in texts(&arrays[0]).iter().enumerate() {
        let group = match groups {
            None => Some(1),
            Some(groups) => {
                let at = row_of(groups, row);
                groups.is_valid(at).then(|| groups.value(at))
            }
        };
        let (Some(text), Some(regex), Some(group)) = (text, regexes.at(row)?, group) else {
            out.append_null();
            continue;
        };
        let group = usize::try_from(group).unwrap_or(usize::MAX);
        if group >= regex.captures_len() {
            return exec_err!(
                "`regexp_extract` asks for group {group} of an expression with {} groups",
                regex.captures_len() - 1
            );
        }
        let found = regex.captures(text).and_then(|captures| captures.get(group));
        out.append_value(found.map_or("", |group| group.as_str()));
    }
    Ok(Arc::new(out.finish()))
}

fn split(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let mut regexes = Regexes::new(&arrays[1]);
    let limits = arrays.get(2).map(|limits| limits.as_primitive::<Int32Type>());
    let mut out = ListBuilder::new(StringBuilder::new());
    for (row, text) in texts(&arrays[0]).iter().enumerate() {
        let limit = match limits {
            None => Some(-1),
            Some(limits) => {
                let at = row_of(limits, row);
                limits.is_valid(at).then(|| limits.value(at))
            }
        };
        let (Some(text), Some(regex), Some(limit)) = (text, regexes.at(row)?, limit) else {
            out.append_null();
            continue;
        };
        split_text(text, regex, limit, |part| out.values().append_value(part));
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

/// The parts between matches, at most `limit` where it is positive. As in Spark an empty expression gives the characters.
fn split_text<'a>(text: &'a str, regex: &Regex, limit: i32, mut give: impl FnMut(&'a str)) {
    let most = usize::try_from(limit).ok().filter(|&most| most > 0).unwrap_or(usize::MAX);
    let mut start = 0;
    let mut given = 0;
    for found in regex.find_iter(text) {
        if given + 1 >= most {
            break;
        }
        // A match of no width splits neither before the first character nor, with an empty expression, after the last.
        if found.is_empty() && (found.start() == 0 || (found.start() == text.len() && regex.as_str().is_empty())) {
            continue;
        }
        give(&text[start..found.start()]);
        start = found.end();
        given += 1;
    }
    give(&text[start..]);
}
