//! Dates of the form `20150830T123600Z` (ISO 8601 basic, UTC), the one that is signed.

use chrono::{DateTime, NaiveDateTime};
use pinflow_event::Timestamp;

const FORM: &str = "%Y%m%dT%H%M%SZ";

/// The time of a date of that form, or of the form of a `Date` header (`Sun, 30 Aug 2015 12:36:00 GMT`).
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Some(Timestamp::from_millis(time.timestamp_millis()));
    }
    // The parser takes numbers with fewer digits too.
    let time = NaiveDateTime::parse_from_str(text, FORM).ok().filter(|_| text.len() == 16)?;
    Some(Timestamp::from_millis(time.and_utc().timestamp_millis()))
}

/// The date of a time.
pub(super) fn show(time: Timestamp) -> String {
    DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default().format(FORM).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_shown() {
        let time = parse("20150830T123600Z");
        assert_eq!(time, Some(Timestamp::from_millis(1_440_938_160_000)));
        assert_eq!(time.map(show).as_deref(), Some("20150830T123600Z"));
        assert_eq!(parse("Sun, 30 Aug 2015 12:36:00 -0000"), time);
        for wrong in ["", "201", "20150830", "20150830T123600", "2015-08-30T12:36:00Z", "20151330T123600Z"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
