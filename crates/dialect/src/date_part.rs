//! The parts of a date: `year(t)`, `month(t)` and their like, as `int`, in UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, timestamp};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![
        part("year", DatePart::Year, 0),
        part("quarter", DatePart::Quarter, 0),
        part("month", DatePart::Month, 0),
        Function::new("day", instant_to_int("day"), kernel(DatePart::Day, 0)).with_aliases(&["dayofmonth"]).build(),
        part("hour", DatePart::Hour, 0),
        part("minute", DatePart::Minute, 0),
        part("second", DatePart::Second, 0),
        // Sunday is 1.
        part("dayofweek", DatePart::DayOfWeekSunday0, 1),
        // Monday is 0.
        part("weekday", DatePart::DayOfWeekMonday0, 0),
        part("dayofyear", DatePart::DayOfYear, 0),
        part("weekofyear", DatePart::Week, 0),
    ]
}

fn part(name: &'static str, part: DatePart, first: i32) -> ScalarUDF {
    Function::new(name, instant_to_int(name), kernel(part, first)).build()
}

fn kernel(part: DatePart, first: i32) -> impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync {
    move |arrays| {
        // Without its zone an instant is shown in UTC, and arrow need not look a zone up for each row.
        let local = cast(&arrays[0], &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let numbers = date_part(&local, part)?;
        if first == 0 {
            return Ok(numbers);
        }
        Ok(Arc::new(numbers.as_primitive::<Int32Type>().unary::<_, Int32Type>(|number| number + first)))
    }
}

fn instant_to_int(name: &'static str) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 1, 1)?;
        Ok((vec![as_instant(name, &arguments[0])?], DataType::Int32))
    }
}

/// The type that an argument which is a time, a date or text is cast to.
pub(crate) fn as_instant(name: &str, argument: &DataType) -> Result<DataType> {
    match argument {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Null => Ok(timestamp()),
        text if text.is_string() => Ok(timestamp()),
        other => plan_err!("`{name}` takes a timestamp, a date or text, not {other}"),
    }
}
