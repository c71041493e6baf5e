//! The patterns of `date_format` and `to_timestamp(text, pattern)`: the letters of Java's `DateTimeFormatter` that pipelines use.
//! A letter outside of them is an error, never taken as text.

use std::fmt::{self, Write};

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::common::{DataFusionError, Result, plan_datafusion_err};

/// A pattern, ready to format and to parse.
#[derive(Debug)]
pub(crate) struct DatetimePattern(Vec<Item>);

#[derive(Debug, PartialEq)]
enum Item {
    Literal(String),
    /// A letter and how often it stands in a row.
    Field(Letter, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Letter {
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    Noon,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl DatetimePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// For a letter, or a number of its repetitions, that is not promised; an open quote.
    pub fn new(pattern: &str) -> Result<Self> {
        let mut items = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            if c == '\'' {
                push_literal(&mut items, &quoted(&mut rest).ok_or_else(|| refusal(pattern, "a quote is not closed"))?);
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while rest.next_if_eq(&c).is_some() {
                    count += 1;
                }
                let letter = letter(c, count)
                    .ok_or_else(|| refusal(pattern, &format!("`{}` is not supported", c.to_string().repeat(count))))?;
                items.push(Item::Field(letter, count));
            } else {
                push_literal(&mut items, c.encode_utf8(&mut [0; 4]));
            }
        }
        Ok(Self(items))
    }

    /// Writes a time.
    pub fn write(&self, out: &mut impl Write, time: NaiveDateTime) -> fmt::Result {
        self.0.iter().try_for_each(|item| match item {
            Item::Literal(text) => out.write_str(text),
            Item::Field(letter, count) => write_field(out, *letter, *count, time),
        })
    }

    /// The time that `text` names; `None` where it does not follow the pattern to its last character.
    pub fn parse(&self, text: &str) -> Option<NaiveDateTime> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (i, item) in self.0.iter().enumerate() {
            match item {
                Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Item::Field(letter, count) => {
                    let adjacent = matches!(self.0.get(i + 1), Some(Item::Field(..)));
                    rest = fields.take(*letter, *count, adjacent, rest)?;
                }
            }
        }
        if rest.is_empty() { fields.time() } else { None }
    }
}

fn refusal(pattern: &str, why: &str) -> DataFusionError {
    plan_datafusion_err!(
        "in the time pattern `{pattern}` {why}; known are y M d D E H h m s S a and text in single quotes"
    )
}

fn letter(c: char, count: usize) -> Option<Letter> {
    match (c, count) {
        ('y', 1 | 2 | 4) => Some(Letter::Year),
        ('M' | 'L', 1..=4) => Some(Letter::Month),
        ('d', 1 | 2) => Some(Letter::Day),
        ('D', 1..=3) => Some(Letter::DayOfYear),
        ('E', 1..=4) => Some(Letter::Weekday),
        ('H', 1 | 2) => Some(Letter::Hour),
        ('h', 1 | 2) => Some(Letter::Hour12),
        ('m', 1 | 2) => Some(Letter::Minute),
        ('s', 1 | 2) => Some(Letter::Second),
        ('S', 1..=9) => Some(Letter::Fraction),
        ('a', 1) => Some(Letter::Noon),
        _ => None,
    }
}

/// The text up to the closing quote; two quotes are one.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' if text.is_empty() => return Some("'".to_owned()),
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

fn push_literal(items: &mut Vec<Item>, text: &str) {
    match items.last_mut() {
        Some(Item::Literal(before)) => before.push_str(text),
        _ => items.push(Item::Literal(text.to_owned())),
    }
}

fn write_field(out: &mut impl Write, letter: Letter, width: usize, time: NaiveDateTime) -> fmt::Result {
    match letter {
        Letter::Year if width == 2 => write!(out, "{:02}", time.year().rem_euclid(100)),
        Letter::Year => write!(out, "{:0width$}", time.year()),
        Letter::Month if width > 2 => out.write_str(name(&MONTHS, time.month0(), width)),
        Letter::Month => write!(out, "{:0width$}", time.month()),
        Letter::Day => write!(out, "{:0width$}", time.day()),
        Letter::DayOfYear => write!(out, "{:0width$}", time.ordinal()),
        Letter::Weekday => out.write_str(name(&WEEKDAYS, time.weekday().num_days_from_monday(), width)),
        Letter::Hour => write!(out, "{:0width$}", time.hour()),
        Letter::Hour12 => write!(out, "{:0width$}", time.hour12().1),
        Letter::Minute => write!(out, "{:0width$}", time.minute()),
        Letter::Second => write!(out, "{:0width$}", time.second()),
        Letter::Fraction => out.write_str(&format!("{:09}", time.nanosecond())[..width]),
        Letter::Noon => out.write_str(if time.hour() < 12 { "AM" } else { "PM" }),
    }
}

/// The whole name for four letters, else its first three characters.
fn name(names: &[&'static str], index: u32, width: usize) -> &'static str {
    let name = names[index as usize];
    if width == 4 { name } else { &name[..3] }
}

/// What a text has named so far.
#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    hour12: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanosecond: u32,
}

impl Fields {
    /// Takes one field off `text`, and returns what is left. A field before another one (`yyyyMMdd`) has exactly its width.
    fn take<'a>(&mut self, letter: Letter, width: usize, adjacent: bool, text: &'a str) -> Option<&'a str> {
        let most = if adjacent || width > 1 { width } else { 2 };
        let number = |most: usize| {
            let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
            (digits >= width).then(|| Some((text[..digits].parse::<u32>().ok()?, &text[digits..])))?
        };
        match letter {
            Letter::Year => {
                let (year, rest) = number(if width == 1 { 6 } else { width })?;
                self.year = Some(i32::try_from(year).ok()? + if width == 2 { 2000 } else { 0 });
                return Some(rest);
            }
            Letter::Month if width > 2 => return self.take_month_name(width, text),
            Letter::Weekday => {
                return WEEKDAYS
                    .iter()
                    .enumerate()
                    .find_map(|(i, _)| text.strip_prefix(name(&WEEKDAYS, i as u32, width)));
            }
            Letter::Noon => return self.take_noon(text),
            Letter::Fraction => return self.take_fraction(width, text),
            _ => {}
        }
        let (value, rest) = number(if letter == Letter::DayOfYear { 3 } else { most })?;
        match letter {
            Letter::Month => self.month = Some(value),
            Letter::Day => self.day = Some(value),
            Letter::DayOfYear => self.day_of_year = Some(value),
            Letter::Hour => self.hour = Some(value),
            Letter::Hour12 => self.hour12 = Some(value).filter(|hour| (1..=12).contains(hour)),
            Letter::Minute => self.minute = value,
            _ => self.second = value,
        }
        Some(rest)
    }

    fn take_month_name<'a>(&mut self, width: usize, text: &'a str) -> Option<&'a str> {
        (0..12).find_map(|month| {
            let rest = text.strip_prefix(name(&MONTHS, month, width))?;
            self.month = Some(month + 1);
            Some(rest)
        })
    }

    fn take_noon<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (half, rest) = (text.get(..2)?, &text[2..]);
        self.afternoon = Some(half.eq_ignore_ascii_case("pm"));
        (half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm")).then_some(rest)
    }

    fn take_fraction<'a>(&mut self, width: usize, text: &'a str) -> Option<&'a str> {
        let digits = text.get(..width).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        self.nanosecond = digits.parse::<u32>().ok()? * 10_u32.pow(9 - u32::try_from(width).ok()?);
        Some(&text[width..])
    }

    /// The time; what the pattern does not name is as in 1970-01-01 00:00:00.
    fn time(&self) -> Option<NaiveDateTime> {
        let year = self.year.unwrap_or(1970);
        let date = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day)?,
            None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let hour = match (self.hour, self.hour12) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        Some(date.and_time(NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanosecond)?))
    }
}
