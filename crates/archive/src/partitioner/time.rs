//! Which time a record has, and what the clocks of a time zone show then.

use std::time::Duration;

use arrow::array::timezone::Tz;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use pinflow_event::{Record, Timestamp};
use serde_json::Value;

use super::field::{Document, FieldPath};

/// Where the time of a record is taken from.
#[derive(Clone, Debug)]
pub(crate) enum Extractor {
    /// The record's own.
    Record,
    /// The time at which it is archived.
    Wallclock,
    /// A field of its JSON, else the record's own.
    Field(FieldPath),
}

impl Extractor {
    /// The time of `record`, which is archived at `now`.
    pub fn time(&self, record: &Record, now: Timestamp) -> Timestamp {
        match self {
            Self::Record => record.timestamp,
            Self::Wallclock => now,
            Self::Field(field) => {
                let document = Document::parse(record.value.as_deref());
                field.value(&document).and_then(time_of).unwrap_or(record.timestamp)
            }
        }
    }
}

/// Numbers, and texts of digits alone, are milliseconds since the epoch; other texts are ISO 8601, in UTC where they name no offset.
fn time_of(value: &Value) -> Option<Timestamp> {
    let millis = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => match text.parse() {
            Ok(millis) => millis,
            Err(_) => iso_time(text.trim())?,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Timestamp::from_millis(millis))
}

fn iso_time(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    let zoned = DateTime::parse_from_rfc3339(&text).map(|time| time.timestamp_millis());
    let naive =
        || NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc().timestamp_millis());
    let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    zoned.or_else(|_| naive()).ok().or_else(|| day().map(|time| time.and_utc().timestamp_millis()))
}

/// A time zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone(Tz);

impl Zone {
    /// The zone of that name in the IANA database, or of that offset, as in `+05:45`.
    ///
    /// # Errors
    /// In words.
    pub fn new(name: &str) -> Result<Self, String> {
        let unknown =
            |_| format!("`timezone` is `{name}`, which is none; write one as in `UTC`, `Europe/Berlin` or `+05:45`");
        name.parse().map(Self).map_err(unknown)
    }

    /// What clocks show at `time`, rounded down to a multiple of `step` since midnight of 1970-01-01 there. Times that no calendar has
    /// are the nearest one that it has.
    pub fn local(&self, time: Timestamp, step: Duration) -> NaiveDateTime {
        let first = NaiveDate::from_ymd_opt(1, 1, 2).expect("a day of the calendar").and_hms_opt(0, 0, 0);
        let last = NaiveDate::from_ymd_opt(9999, 12, 30).expect("a day of the calendar").and_hms_opt(23, 59, 59);
        let millis = |day: Option<NaiveDateTime>| day.expect("a time of the day").and_utc().timestamp_millis();
        let within = time.as_millis().clamp(millis(first), millis(last));
        let utc = DateTime::<Utc>::from_timestamp_millis(within).expect("it is within the calendar");
        let local = utc.with_timezone(&self.0).naive_local();
        let since_epoch = local.and_utc().timestamp_millis();
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
        let rounded = local.checked_sub_signed(TimeDelta::milliseconds(since_epoch.rem_euclid(step)));
        // A step of millennia leads out of the calendar.
        rounded.unwrap_or(local)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn times_of_many_forms() {
        for (value, expected) in [
            (json!(1000), Some(1000)),
            (json!("1000"), Some(1000)),
            (json!("1970-01-01T00:00:01Z"), Some(1000)),
            (json!("1970-01-01T01:00:01.5+01:00"), Some(1500)),
            (json!(" 1970-01-01 00:00:01 "), Some(1000)),
            (json!("1970-01-02"), Some(86_400_000)),
            (json!(""), None),
            (json!("soon"), None),
            (json!(1.5), None),
            (json!([1]), None),
        ] {
            assert_eq!(time_of(&value).map(Timestamp::as_millis), expected, "{value}");
        }
    }

    #[test]
    fn any_time_has_a_place_in_the_calendar() {
        let zone = Zone::new("Europe/Berlin").unwrap();
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            for step in [1, 3_600_000, u64::MAX] {
                zone.local(Timestamp::from_millis(millis), Duration::from_millis(step));
            }
        }
        assert!(Zone::new("Nowhere").is_err());
    }

    /// The day on which clocks are set on has 23 hours, and its folder is the same for all of them.
    #[test]
    fn days_are_those_of_the_zone() {
        let zone = Zone::new("Europe/Berlin").unwrap();
        let start = DateTime::parse_from_rfc3339("2026-03-29T00:00:00+01:00").unwrap().timestamp_millis();
        let day =
            |hours: i64| zone.local(Timestamp::from_millis(start + hours * 3_600_000), Duration::from_secs(86_400));
        assert_eq!(day(0), day(22));
        assert_ne!(day(0), day(23));
    }
}
