//! The time of a record: an ISO 8601 instant, or seconds since 1970 as a number.

use chrono::{DateTime, SecondsFormat};
use pinflow_event::Timestamp;
use serde_json::value::RawValue;

use super::failure::RecordFailure;

/// The last millisecond of the year 9999: what is later is a mistake, such as milliseconds taken for seconds.
const LATEST: i64 = 253_402_300_799_999;

/// The time that a JSON value stands for.
///
/// # Errors
/// A bad request for everything else, for a time before 1970 and for one after 9999.
pub(super) fn parse(value: &RawValue) -> Result<Timestamp, RecordFailure> {
    let text = value.get();
    let millis = match serde_json::from_str::<String>(text) {
        Ok(instant) => DateTime::parse_from_rfc3339(&instant).ok().map(|time| time.timestamp_millis()),
        Err(_) => text.parse::<f64>().ok().map(|seconds| (seconds * 1_000.0).round() as i64),
    };
    match millis {
        Some(millis @ 0..=LATEST) => Ok(Timestamp::from_millis(millis)),
        Some(_) => Err(RecordFailure::bad_request(format!(
            "Invalid timestamp: {text}. Timestamp should always be non-negative, and in seconds before the year 10000."
        ))),
        None => Err(RecordFailure::bad_request(format!(
            "Invalid timestamp: {text}. Send an ISO 8601 instant as in \"2021-02-05T19:14:42Z\", or seconds since 1970."
        ))),
    }
}

/// A time as replies have it: no more digits than it needs.
pub(super) fn format(time: Timestamp) -> String {
    DateTime::from_timestamp_millis(time.as_millis())
        .map_or_else(|| time.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn instants_and_seconds_are_times() {
        for (value, millis) in [
            ("\"2021-02-05T19:14:42Z\"", 1_612_552_482_000),
            ("\"2021-02-05T19:14:42.123456Z\"", 1_612_552_482_123),
            ("\"2021-02-05T20:14:42+01:00\"", 1_612_552_482_000),
            ("\"1970-01-01T00:00:00Z\"", 0),
            ("1612552482", 1_612_552_482_000),
            ("1612552482.5", 1_612_552_482_500),
        ] {
            assert_eq!(parse(serde_json::from_str(value).unwrap()).unwrap().as_millis(), millis, "{value}");
        }
        for value in [
            "\"\"",
            "\"yesterday\"",
            "\"2021-02-05\"",
            "\"1969-12-31T23:59:59Z\"",
            "-1",
            "1612552482000",
            "1e300",
            "true",
            "{}",
        ] {
            assert!(parse(serde_json::from_str(value).unwrap()).is_err(), "{value}");
        }
    }

    #[test]
    fn times_are_written_with_the_digits_that_they_need() {
        assert_eq!(format(Timestamp::from_millis(1_612_552_482_000)), "2021-02-05T19:14:42Z");
        assert_eq!(format(Timestamp::from_millis(1_612_552_482_120)), "2021-02-05T19:14:42.120Z");
    }
}
