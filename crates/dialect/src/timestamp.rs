//! Text to instants and dates by the rules of Spark's cast, and back. Source of the rules: Spark's `SparkDateTimeUtils`.

use std::fmt::{self, Write};
use std::str::FromStr;

use arrow::array::timezone::Tz;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;

/// Microseconds since the epoch that `text` names, or `None`: `yyyy[-M[-d]]`, then `[ T]H[:m[:s[.fraction]]]`, then a
/// zone (`Z`, `+01:00`, `UTC`, `Europe/Paris`), which needs seconds before it. Spaces around are ignored, digits of the
/// fraction past the sixth too; without a zone the time is UTC. A time without a date is none (Spark takes today).
///
/// ```
/// assert_eq!(pinflow_dialect::parse_timestamp("1970-01-01 00:00:01.5"), Some(1_500_000));
/// assert_eq!(pinflow_dialect::parse_timestamp("1970-13-01"), None);
/// ```
pub fn parse_timestamp(text: &str) -> Option<i64> {
    parse_plain(text.as_bytes()).or_else(|| parse_any(text))
}

/// `yyyy-MM-dd HH:mm:ss`, as nearly every writer has it, without the cost of the full rules; `None` where they decide.
fn parse_plain(text: &[u8]) -> Option<i64> {
    let text: &[u8; 19] = text.try_into().ok()?;
    let digit = |number: i64, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'));
    let number = |from: usize, to: usize| text[from..to].iter().try_fold(0, digit);
    let (b'-', b'-', b' ' | b'T', b':', b':') = (text[4], text[7], text[10], text[13], text[16]) else { return None };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * SECOND)
}

/// Days from 1970 to a day of the Gregorian calendar.
pub(crate) fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have their leap day at the end: then the days before a month follow one formula.
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    march_year * 365 + leap_days + (153 * march_month + 2) / 5 + day - 1 - MARCH_DAYS_TO_EPOCH
}

/// Days from the first of March of the year 0 to 1970.
pub(crate) const MARCH_DAYS_TO_EPOCH: i64 = 719_468;

fn parse_any(text: &str) -> Option<i64> {
    let text = trim(text);
    let (date, rest) = take_date(text)?;
    let (time, zone) = match rest.strip_prefix([' ', 'T']) {
        Some(time) => take_time(time)?,
        None if rest.is_empty() => (NaiveTime::MIN, ""),
        None => return None,
    };
    let local = date.and_time(time);
    let utc = if zone.is_empty() { local } else { to_utc(local, zone)? };
    Some(utc.and_utc().timestamp_micros())
}

/// Days since the epoch that `text` names, or `None`: as the date of [`parse_timestamp`]; whatever follows a space or `T` is ignored.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let (date, rest) = take_date(trim(text))?;
    (rest.is_empty() || rest.starts_with([' ', 'T'])).then(|| epoch_days(date))
}

/// Days since the epoch.
pub(crate) fn epoch_days(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

/// Spark trims spaces and ASCII control characters.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// Splits digits off the front, and their value; at most nine digits.
fn take_number(text: &str, fewest: usize, most: usize) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(fewest..=most).contains(&digits) {
        return None;
    }
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

fn take_date(text: &str) -> Option<(NaiveDate, &str)> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (year, mut rest) = take_number(text, 4, 6)?;
    let (mut month, mut day) = (1, 1);
    if let Some(after) = rest.strip_prefix('-') {
        (month, rest) = take_number(after, 1, 2)?;
        if let Some(after) = rest.strip_prefix('-') {
            (day, rest) = take_number(after, 1, 2)?;
        } else if !rest.is_empty() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    Some((NaiveDate::from_ymd_opt(sign * i32::try_from(year).ok()?, month, day)?, rest))
}

/// The time, and the zone after it (empty where there is none).
fn take_time(text: &str) -> Option<(NaiveTime, &str)> {
    let (hour, rest) = take_number(text, 1, 2)?;
    let Some(rest) = rest.strip_prefix(':') else {
        return rest.is_empty().then_some((NaiveTime::from_hms_opt(hour, 0, 0)?, ""));
    };
    let (minute, rest) = take_number(rest, 1, 2)?;
    let Some(rest) = rest.strip_prefix(':') else {
        return rest.is_empty().then_some((NaiveTime::from_hms_opt(hour, minute, 0)?, ""));
    };
    let (second, rest) = take_number(rest, 1, 2)?;
    let (micros, rest) = match rest.strip_prefix('.') {
        Some(fraction) => take_fraction(fraction),
        None => (0, rest),
    };
    Some((NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?, rest))
}

/// Microseconds of a fraction of any length.
fn take_fraction(text: &str) -> (u32, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = text.split_at(digits);
    let micros = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (micros, rest)
}

fn to_utc(local: NaiveDateTime, zone: &str) -> Option<NaiveDateTime> {
    let zone = trim(zone);
    let seconds = match fixed_offset(zone) {
        Some(seconds) => seconds,
        None => region_offset(local, zone)?,
    };
    local.checked_sub_signed(chrono::TimeDelta::seconds(i64::from(seconds)))
}

/// Seconds east of UTC of `Z`, `UTC`, `GMT`, `UT` or `[UTC]+h[h][[:]mm[[:]ss]]`, at most 18 hours.
fn fixed_offset(zone: &str) -> Option<i32> {
    if zone == "Z" {
        return Some(0);
    }
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|name| zone.strip_prefix(name)).unwrap_or(zone);
    if offset.is_empty() {
        return Some(0);
    }
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes, seconds) = clock_parts(&offset[1..])?;
    let total = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= 18 * 3600).then_some(sign * total)
}

fn clock_parts(text: &str) -> Option<(i32, i32, i32)> {
    let number = |digits: &str| digits.parse::<i32>().ok();
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let parts: Vec<&str> = text.split(':').collect();
    match (parts.as_slice(), text.len()) {
        ([hours], 1 | 2) => Some((number(hours)?, 0, 0)),
        ([compact], 4) => Some((number(&compact[..2])?, number(&compact[2..])?, 0)),
        ([compact], 6) => Some((number(&compact[..2])?, number(&compact[2..4])?, number(&compact[4..])?)),
        ([hours, minutes], _) if hours.len() <= 2 && minutes.len() <= 2 => Some((number(hours)?, number(minutes)?, 0)),
        ([hours, minutes, seconds], _) if hours.len() <= 2 && minutes.len() == 2 && seconds.len() == 2 => {
            Some((number(hours)?, number(minutes)?, number(seconds)?))
        }
        _ => None,
    }
}

/// Seconds east of UTC in a region at a local time; the earlier instant where a clock is set back, and the offset
/// before the gap where it is set forward (Java's rule).
fn region_offset(local: NaiveDateTime, zone: &str) -> Option<i32> {
    // A bare offset was tried before; here only names are left.
    let region = zone.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| Tz::from_str(zone).ok()).flatten()?;
    let offset = region
        .offset_from_local_datetime(&local)
        .earliest()
        .or_else(|| region.offset_from_local_datetime(&(local - chrono::TimeDelta::hours(3))).latest())?;
    Some(offset.fix().local_minus_utc())
}

/// The local time of an instant; `None` beyond what a calendar here can show (a quarter of a million years).
pub(crate) fn civil(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|instant| instant.naive_utc())
}

/// Writes an instant as Spark casts it to text: `2020-08-28 03:52:47`, with a fraction without trailing zeros where there is one.
pub(crate) fn write_timestamp(out: &mut impl Write, micros: i64) -> fmt::Result {
    let Some(time) = civil(micros) else { return Err(fmt::Error) };
    write_date(out, time.date())?;
    write!(out, " {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
    let mut fraction = time.nanosecond() / 1_000;
    if fraction == 0 {
        return Ok(());
    }
    let mut digits = 6;
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        digits -= 1;
    }
    write!(out, ".{fraction:0digits$}")
}

/// Writes a date as Spark casts it to text: years past 9999 with a `+`.
pub(crate) fn write_date(out: &mut impl Write, date: NaiveDate) -> fmt::Result {
    match date.year() {
        year @ 0..=9999 => write!(out, "{year:04}")?,
        year if year > 9999 => write!(out, "+{year}")?,
        year => write!(out, "-{:04}", year.unsigned_abs())?,
    }
    write!(out, "-{:02}-{:02}", date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_times_are_read_as_by_the_full_rules() {
        let day = chrono::Days::new(13);
        let mut date = NaiveDate::from_ymd_opt(0, 1, 1);
        while let Some(at) = date.filter(|date| date.year() <= 9999) {
            let text = format!("{at} {:02}:{:02}:{:02}", at.ordinal() % 24, at.ordinal() % 60, at.day() % 60);
            assert!(parse_plain(text.as_bytes()).is_some(), "{text}");
            assert_eq!(parse_plain(text.as_bytes()), parse_any(&text), "{text}");
            date = at.checked_add_days(day);
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_full_rules() {
        for text in [
            "2021-02-29 00:00:00",
            "2021-00-01 00:00:00",
            "2021-13-01 00:00:00",
            "2021-04-31 00:00:00",
            "2021-01-00 00:00:00",
            "2021-01-01 24:00:00",
            "2021-01-01 00:60:00",
            "2021-01-01 00:00:60",
            "2021-01-01T00:00:0x",
            "2021-01-01_00:00:00",
            "2021/01-01 00:00:00",
            "2021-01-01 00:00:00Z",
            " 2021-01-01 00:00:0",
            "+021-01-01 00:00:00",
        ] {
            assert_eq!(parse_plain(text.as_bytes()), None, "{text}");
        }
    }
}
