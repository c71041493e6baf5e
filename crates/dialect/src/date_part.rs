//! The parts of a date: `year(t)`, `month(t)` and their like, as `int`, in UTC.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, timestamp};
use crate::timestamp::{MARCH_DAYS_TO_EPOCH, SECOND, days_since_epoch};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![
        calendar("year", |date| date.year).with_preimage(instants_of_year).build(),
        calendar("quarter", |date| (date.month + 2) / 3).build(),
        calendar("month", |date| date.month).build(),
        calendar("day", |date| date.day).with_aliases(&["dayofmonth"]).build(),
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

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * SECOND;

/// A day of the Gregorian calendar, which is taken to have been in force always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i32,
    /// From 1.
    month: i32,
    /// From 1.
    day: i32,
}

impl Date {
    /// The day on which an instant is, given in microseconds since 1970.
    ///
    /// Counted in eras of 400 years that begin on a first of March, so that leap days come last: Howard Hinnant, "chrono-Compatible
    /// Low-Level Date Algorithms", `civil_from_days`.
    ///
    /// Inlined, so that whoever wants the year alone does not count months.
    #[inline(always)]
    fn of(micros: i64) -> Self {
        const ERA: i64 = 146_097;
        let days = micros.div_euclid(DAY) + MARCH_DAYS_TO_EPOCH;
        // 2^63 microseconds are less than 300,000 years, and an era has less than 2^18 days.
        let (era, day_of_era) = (days.div_euclid(ERA) as i32, days.rem_euclid(ERA) as u32);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // March is 0.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let january_or_february = month >= 10;
        let month = if january_or_february { month - 9 } else { month + 3 };
        let year = era * 400 + year_of_era as i32 + i32::from(january_or_february);
        Self { year, month: month as i32, day: day as i32 }
    }
}

/// From the first instant of a year to before that of the next.
fn instants_of_year(year: &ScalarValue) -> Option<(ScalarValue, ScalarValue)> {
    let ScalarValue::Int32(Some(year)) = year else { return None };
    let first = |year: i32| Some(ScalarValue::TimestampMicrosecond(Some(first_instant(year)?), Some("UTC".into())));
    Some((first(*year)?, first(year.checked_add(1)?)?))
}

/// The first of January; `None` where that is no instant.
fn first_instant(year: i32) -> Option<i64> {
    days_since_epoch(i64::from(year), 1, 1).checked_mul(DAY)
}

fn calendar(name: &'static str, part: impl Fn(Date) -> i32 + Send + Sync + 'static) -> Function {
    Function::new(name, instant_to_int(name), move |arrays: &[ArrayRef]| {
        let instants = arrays[0].as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(instants.unary::<_, Int32Type>(|micros| part(Date::of(micros)))))
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::TimestampMicrosecondArray;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Every 37th day and some microseconds, from before Christ to the year 5000; the first and the last days of a leap year.
        let step = 37 * 86_400_000_000 + 1_234_567;
        let days = (-80_000..30_000).map(|number| number * step);
        let edges = [946_684_799_999_999, 946_684_800_000_000, 951_782_400_000_000, 951_868_799_999_999, -1, 0];
        let instants = TimestampMicrosecondArray::from_iter_values(days.chain(edges));
        let dates: Vec<Date> = instants.values().iter().map(|micros| Date::of(*micros)).collect();
        for (part, of) in [
            (DatePart::Year, (|date: &Date| date.year) as fn(&Date) -> i32),
            (DatePart::Month, |date| date.month),
            (DatePart::Day, |date| date.day),
        ] {
            let expected = date_part(&instants, part).unwrap();
            assert_eq!(
                expected.as_primitive::<Int32Type>().values().to_vec(),
                dates.iter().map(of).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_year_begins_where_the_one_before_ends() {
        for year in (-290_000..294_000).step_by(997).chain([-4, 0, 1, 1969, 1970, 1999, 2000, 2001, 2100]) {
            let first = first_instant(year).unwrap();
            assert_eq!((Date::of(first), Date::of(first - 1).year), (Date { year, month: 1, day: 1 }, year - 1));
        }
        assert_eq!(first_instant(i32::MAX), None);
    }

    #[test]
    fn the_ends_of_time_have_a_date() {
        assert_eq!(Date::of(i64::MAX), Date { year: 294_247, month: 1, day: 10 });
        assert_eq!(Date::of(i64::MIN), Date { year: -290_308, month: 12, day: 21 });
    }
}
