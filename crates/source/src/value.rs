//! The values that a generated row holds.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime};

/// The type of a generated column, by its name in `source.yaml`. There is no boolean: only one of the three databases
/// has such a type, and the same row must give the same event from each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// A whole number of 64 bits.
    Bigint,
    /// A floating-point number of 64 bits.
    Double,
    /// Text of any length.
    Text,
    /// A date and a time of day to the second, without a zone.
    Datetime,
}

impl ColumnType {
    /// Its name in `source.yaml` and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bigint => "bigint",
            Self::Double => "double",
            Self::Text => "text",
            Self::Datetime => "datetime",
        }
    }
}

/// A value of a generated row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Text.
    Text(String),
    /// Seconds since the Unix epoch, of a time without a zone.
    Time(i64),
}

impl Value {
    /// Whether a column of type `kind` can hold it.
    pub(crate) fn fits(&self, kind: ColumnType) -> bool {
        match self {
            Value::Null => true,
            Value::Int(_) => kind == ColumnType::Bigint,
            Value::Double(_) => kind == ColumnType::Double,
            Value::Text(_) => kind == ColumnType::Text,
            Value::Time(_) => kind == ColumnType::Datetime,
        }
    }

    /// The value as text, as a template or a key shows it; empty for null.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Null => Cow::Borrowed(""),
            Value::Int(number) => number.to_string().into(),
            Value::Double(number) => number.to_string().into(),
            Value::Text(text) => Cow::Borrowed(text),
            Value::Time(seconds) => {
                time_of(*seconds).map(|time| time.format(TIME_FORMAT).to_string()).unwrap_or_default().into()
            }
        }
    }
}

/// How a time is written, in `source.yaml` and in events.
pub(crate) const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The time that lies `seconds` after the Unix epoch; `None` some 260,000 years from it.
pub(crate) fn time_of(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|time| time.naive_utc())
}

/// Reads `2017-01-31 12:00:00` or `2017-01-31` as seconds since the Unix epoch.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let midnight = || NaiveDateTime::parse_from_str(&format!("{text} 00:00:00"), TIME_FORMAT);
    let time = NaiveDateTime::parse_from_str(text, TIME_FORMAT).or_else(|_| midnight()).ok()?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(parse_time("1970-01-02"), Some(86_400));
        assert_eq!(
            parse_time("2020-08-28 03:52:47").map(|t| Value::Time(t).text().into_owned()),
            Some("2020-08-28 03:52:47".into())
        );
        for wrong in ["", "2020-13-01", "yesterday", "2020-08-28T03:52:47"] {
            assert_eq!(parse_time(wrong), None, "{wrong:?} was taken");
        }
        assert_eq!(Value::Time(i64::MAX).text(), "");
    }
}
