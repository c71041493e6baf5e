//! When a job is due, in UTC: there is no daylight saving time to skip or repeat a run.

use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use pinflow_event::Timestamp;

use crate::ScheduleError;

/// A job's schedule: five cron fields, a nickname such as `@daily`, or `@every 10m`.
///
/// `@every` counts from the Unix epoch, so that a restart does not put it off: `@every 10m` is due at every full ten minutes.
#[derive(Clone, Debug)]
pub struct Schedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Cron(Box<Cron>),
    Every(Duration),
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// [`ScheduleError::InvalidSchedule`].
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let invalid = |why: String| ScheduleError::InvalidSchedule { text: text.to_owned(), why };
        if let Some(pause) = text.strip_prefix("@every ") {
            let pause = parse_pause(pause.trim())
                .ok_or_else(|| invalid("the pause is no `10m`, `1h30m`, `30s` or the like".to_owned()))?;
            return Ok(Self(Kind::Every(pause)));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| invalid(error.to_string()))?;
        Ok(Self(Kind::Cron(Box::new(cron))))
    }

    /// The first time after `time` that the job is due; `None` where there is none (as with 30 February).
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Cron(cron) => {
                let time: DateTime<Utc> = DateTime::from_timestamp_millis(time.as_millis())?;
                let next = cron.find_next_occurrence(&time, false).ok()?;
                Some(Timestamp::from_millis(next.timestamp_millis()))
            }
            Kind::Every(pause) => {
                let pause = i64::try_from(pause.as_millis()).ok()?;
                let passed = time.as_millis().div_euclid(pause);
                passed.checked_add(1)?.checked_mul(pause).map(Timestamp::from_millis)
            }
        }
    }
}

/// `1h30m` and the like; `None` for anything else, and for no time at all.
fn parse_pause(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit = match tail.as_bytes().first()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return None,
        };
        seconds = number.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(seconds)?;
        rest = tail.get(1..)?;
    }
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
    }

    /// The times that follow `from`, as text.
    fn times(schedule: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let next = |time: &Timestamp| schedule.next_after(*time);
        let all = std::iter::successors(next(&time(from)), next).take(count);
        all.map(|t| DateTime::from_timestamp_millis(t.as_millis()).unwrap().format("%Y-%m-%dT%H:%M:%S").to_string())
            .collect()
    }

    #[test]
    fn five_fields() {
        assert_eq!(times("30 4 * * 1-5", "2026-11-20T04:30:00Z", 2), ["2026-11-23T04:30:00", "2026-11-24T04:30:00"]);
        assert_eq!(
            times("*/20 * * * *", "2026-01-01T00:00:00.001Z", 2),
            ["2026-01-01T00:20:00", "2026-01-01T00:40:00"]
        );
        assert_eq!(times("0 0 1 JAN *", "2026-01-01T00:00:00Z", 1), ["2027-01-01T00:00:00"]);
    }

    #[test]
    fn nicknames() {
        for (name, next) in [
            ("@hourly", "2026-02-28T13:00:00"),
            ("@daily", "2026-03-01T00:00:00"),
            ("@weekly", "2026-03-01T00:00:00"),
            ("@monthly", "2026-03-01T00:00:00"),
            ("@yearly", "2027-01-01T00:00:00"),
        ] {
            assert_eq!(times(name, "2026-02-28T12:34:56Z", 1), [next], "{name}");
        }
    }

    #[test]
    fn month_ends_and_leap_days() {
        assert_eq!(times("0 0 31 * *", "2026-01-31T00:00:00Z", 2), ["2026-03-31T00:00:00", "2026-05-31T00:00:00"]);
        assert_eq!(times("0 0 L * *", "2028-01-31T12:00:00Z", 2), ["2028-02-29T00:00:00", "2028-03-31T00:00:00"]);
        assert_eq!(times("0 0 29 2 *", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00"]);
        assert_eq!(times("0 0 30 2 *", "2026-01-01T00:00:00Z", 1), [""; 0]);
    }

    #[test]
    fn clocks_that_change_elsewhere_change_nothing() {
        let hours = ["2026-03-29T01:30:00", "2026-03-29T02:30:00", "2026-03-29T03:30:00"];
        assert_eq!(times("30 * * * *", "2026-03-29T00:45:00Z", 3), hours);
        assert_eq!(times("30 2 * * *", "2026-10-24T12:00:00Z", 2), ["2026-10-25T02:30:00", "2026-10-26T02:30:00"]);
    }

    #[test]
    fn every_counts_full_pauses() {
        assert_eq!(times("@every 10m", "2026-01-01T00:03:00Z", 2), ["2026-01-01T00:10:00", "2026-01-01T00:20:00"]);
        assert_eq!(times("@every 1h30m", "2026-01-01T00:00:00Z", 2), ["2026-01-01T01:30:00", "2026-01-01T03:00:00"]);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "daily",
            "@dayly",
            "@every",
            "@every 0s",
            "@every 5",
            "@every 5x",
            "@every 99999999999999999999d",
            "@reboot",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "* * * *",
            "* * * * * *",
            "* * * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "a b c d e",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text:?}");
        }
        let error = Schedule::parse("60 * * * *").unwrap_err().to_string();
        assert!(error.starts_with("`60 * * * *` is no schedule: ") && error.contains("@every 10m"), "{error}");
    }
}
