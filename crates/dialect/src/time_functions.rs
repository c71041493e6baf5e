//! Text to times and back: `to_timestamp`, `try_to_timestamp`, `to_date`, `unix_timestamp`, `from_unixtime`, `date_format`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, StringBuilder, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::logical_expr::ScalarUDF;

use crate::cast::cast_array;
use crate::date_part::as_instant;
use crate::datetime_pattern::DatetimePattern;
use crate::function::{Function, TEXT, expect_arguments, row_of, texts, timestamp};
use crate::timestamp::{SECOND, civil, epoch_days};

/// What `unix_timestamp` and `from_unixtime` use where no pattern is given.
const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::new("to_timestamp", parsing("to_timestamp", timestamp), to_timestamp).build(),
        Function::new("try_to_timestamp", parsing("try_to_timestamp", timestamp), to_timestamp).build(),
        Function::new("to_date", parsing("to_date", || DataType::Date32), to_date).build(),
        Function::new("unix_timestamp", parsing("unix_timestamp", || DataType::Int64), unix_timestamp)
            .with_aliases(&["to_unix_timestamp"])
            .build(),
        Function::new("from_unixtime", from_unixtime_types, from_unixtime).build(),
        Function::new("date_format", date_format_types, date_format).build(),
    ]
}

/// Text with an optional pattern, or what is a time already.
fn parsing(
    name: &'static str,
    returns: impl Fn() -> DataType + Send + Sync,
) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 1, 2)?;
        let first = match &arguments[0] {
            text if text.is_string() => TEXT,
            // A number is not text here: `to_timestamp(5)` means other things in other engines.
            other => as_instant(name, other)?,
        };
        Ok(([first, TEXT][..arguments.len()].to_vec(), returns()))
    }
}

fn date_format_types(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("date_format", arguments, 2, 2)?;
    Ok((vec![as_instant("date_format", &arguments[0])?, TEXT], DataType::Utf8))
}

fn from_unixtime_types(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("from_unixtime", arguments, 1, 2)?;
    if !arguments[0].is_integer() && !arguments[0].is_null() {
        return plan_err!("`from_unixtime` takes whole seconds, not {}", arguments[0]);
    }
    Ok(([DataType::Int64, TEXT][..arguments.len()].to_vec(), DataType::Utf8))
}

fn to_timestamp(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    match arrays {
        [text, pattern] if text.data_type() == &TEXT => Ok(Arc::new(parse_with(text, pattern)?.with_timezone("UTC"))),
        [text, ..] => cast_array(text, &timestamp()),
        [] => unreachable_arguments(),
    }
}

fn to_date(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    match arrays {
        [text, pattern] if text.data_type() == &TEXT => {
            let days: Date32Array =
                parse_with(text, pattern)?.iter().map(|micros| Some(epoch_days(civil(micros?)?.date()))).collect();
            Ok(Arc::new(days))
        }
        [text, ..] if text.data_type() == &TEXT => cast_array(text, &DataType::Date32),
        [instant, ..] => Ok(cast(instant, &DataType::Date32)?),
        [] => unreachable_arguments(),
    }
}

fn unix_timestamp(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    // Towards zero, unlike the cast to a whole number: so Spark does it.
    let seconds = |instants: &TimestampMicrosecondArray| -> ArrayRef {
        Arc::new(instants.unary::<_, Int64Type>(|micros| micros / SECOND))
    };
    match arrays {
        [text, pattern] if text.data_type() == &TEXT => Ok(seconds(&parse_with(text, pattern)?)),
        [text] if text.data_type() == &TEXT => Ok(seconds(&parse_with(text, &default_pattern())?)),
        [instant, ..] => Ok(seconds(instant.as_primitive::<TimestampMicrosecondType>())),
        [] => unreachable_arguments(),
    }
}

fn default_pattern() -> ArrayRef {
    Arc::new(arrow::array::StringViewArray::from(vec![DEFAULT_PATTERN]))
}

fn unreachable_arguments() -> Result<ArrayRef> {
    Err(exec_datafusion_err!("a function was called without the arguments that it was planned with"))
}

fn from_unixtime(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let seconds: &Int64Array = arrays[0].as_primitive::<Int64Type>();
    let instants = seconds.unary::<_, TimestampMicrosecondType>(|seconds| seconds.saturating_mul(SECOND));
    format_with(&instants, arrays.get(1).unwrap_or(&default_pattern()))
}

fn date_format(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    format_with(arrays[0].as_primitive::<TimestampMicrosecondType>(), &arrays[1])
}

/// The pattern of each row, read once for rows that share it.
struct Patterns<'a> {
    column: &'a ArrayRef,
    last: Option<(&'a str, DatetimePattern)>,
}

impl<'a> Patterns<'a> {
    fn new(column: &'a ArrayRef) -> Self {
        Self { column, last: None }
    }

    /// The pattern of row `row`, `None` where it is null.
    fn at(&mut self, row: usize) -> Result<Option<&DatetimePattern>> {
        let row = row_of(self.column, row);
        if self.column.is_null(row) {
            return Ok(None);
        }
        let text = texts(self.column).value(row);
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            self.last = Some((text, DatetimePattern::new(text)?));
        }
        Ok(self.last.as_ref().map(|(_, pattern)| pattern))
    }
}

fn parse_with(column: &ArrayRef, patterns: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    let mut patterns = Patterns::new(patterns);
    let parse = |(row, text): (usize, Option<&str>)| {
        let (Some(text), Some(pattern)) = (text, patterns.at(row)?) else { return Ok(None) };
        Ok(pattern.parse(text).map(|time| time.and_utc().timestamp_micros()))
    };
    texts(column).iter().enumerate().map(parse).collect()
}

fn format_with(instants: &TimestampMicrosecondArray, patterns: &ArrayRef) -> Result<ArrayRef> {
    let mut patterns = Patterns::new(patterns);
    let mut out = StringBuilder::with_capacity(instants.len(), instants.len() * 20);
    for (row, micros) in instants.iter().enumerate() {
        let time = micros.and_then(civil);
        match (time, patterns.at(row)?) {
            (Some(time), Some(pattern)) => {
                pattern.write(&mut out, time).map_err(|_| exec_datafusion_err!("a time has no text"))?;
                out.append_value("");
            }
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}
