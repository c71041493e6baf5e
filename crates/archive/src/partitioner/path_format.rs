//! Patterns of Joda-Time for folders, as in `'year'=YYYY/'month'=MM`.
//!
//! `YYYY` is the year itself, as in Joda-Time; other libraries mean the year of the week by it.

use std::iter::Peekable;
use std::str::Chars;

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};

use super::is_folder_of_objects;

/// A pattern that is sound: what it makes is a folder that objects can be in.
#[derive(Clone, Debug)]
pub(crate) struct PathFormat(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    /// A letter and how often it stands there.
    Field(char, usize),
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
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The letters that stand for a part of a time.
const LETTERS: &str = "yYMdDEHms";

impl PathFormat {
    /// Reads `pattern`, whose names of months and days are in the language of `locale`.
    ///
    /// # Errors
    /// In words, with what is wrong.
    pub fn new(pattern: &str, locale: &str) -> Result<Self, String> {
        let wrong = |reason: String| format!("`path_format` is `{pattern}`: {reason}");
        let format = Self(tokens(pattern).map_err(wrong)?);
        if format.0.iter().any(Token::has_words) && !is_english(locale) {
            return Err(format!(
                "`locale` is `{locale}`, but `path_format` writes months or days as words, which is done in English only; take `en-US`, or numbers as in `MM`"
            ));
        }
        // Every time makes the same characters but for digits and letters.
        let sample = format.folder(DateTime::UNIX_EPOCH.naive_utc());
        if is_folder_of_objects(&sample) {
            Ok(format)
        } else {
            Err(wrong(format!(
                "`{sample}` is no folder for objects; write names with `/` between, none of them empty, `partition=` and a number, or with `_` or `.` in front"
            )))
        }
    }

    /// The folder of `time`, which is in the time zone of the archive already.
    pub fn folder(&self, time: NaiveDateTime) -> String {
        self.0.iter().map(|token| token.show(time)).collect()
    }
}

impl Token {
    fn has_words(&self) -> bool {
        matches!(self, Self::Field('E', _) | Self::Field('M', 3..))
    }

    fn show(&self, time: NaiveDateTime) -> String {
        let word = |word: &str, width: usize| if width > 3 { word.to_owned() } else { word[..3].to_owned() };
        match *self {
            Self::Text(ref text) => text.clone(),
            Self::Field('y' | 'Y', 2) => format!("{:02}", time.year().rem_euclid(100)),
            Self::Field('y' | 'Y', width) => format!("{:0width$}", time.year()),
            Self::Field('M', width @ 3..) => word(MONTHS[time.month0() as usize], width),
            Self::Field('M', width) => format!("{:0width$}", time.month()),
            Self::Field('d', width) => format!("{:0width$}", time.day()),
            Self::Field('D', width) => format!("{:0width$}", time.ordinal()),
            Self::Field('E', width) => word(DAYS[time.weekday().num_days_from_monday() as usize], width),
            Self::Field('H', width) => format!("{:0width$}", time.hour()),
            Self::Field('m', width) => format!("{:0width$}", time.minute()),
            Self::Field(_, width) => format!("{:0width$}", time.second()),
        }
    }
}

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\'' => tokens.push(Token::Text(quoted(&mut rest)?)),
            letter if LETTERS.contains(letter) => {
                let mut width = 1;
                while rest.next_if_eq(&letter).is_some() {
                    width += 1;
                }
                if width > 9 {
                    return Err(format!("`{letter}` stands there {width} times; 9 is the most"));
                }
                tokens.push(Token::Field(letter, width));
            }
            letter if letter.is_ascii_alphabetic() => {
                return Err(format!(
                    "`{letter}` stands for nothing; put text into quotes ('), the letters are `{LETTERS}`"
                ));
            }
            text => tokens.push(Token::Text(text.to_string())),
        }
    }
    Ok(tokens)
}

/// The text up to the quote that ends it; two quotes are one that is meant.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    if rest.next_if_eq(&'\'').is_some() {
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    while let Some(next) = rest.next() {
        if next == '\'' && rest.next_if_eq(&'\'').is_none() {
            return Ok(text);
        }
        text.push(next);
    }
    Err("a quoted text has no end".to_owned())
}

fn is_english(locale: &str) -> bool {
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    language.eq_ignore_ascii_case("en")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_are_those_of_joda() {
        // A Sunday, in the week of which the year changes.
        let time = chrono::NaiveDate::from_ymd_opt(2022, 1, 2).unwrap().and_hms_opt(3, 4, 5).unwrap();
        for (pattern, expected) in [
            ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "year=2022/month=01/day=02/hour=03"),
            ("yyyyMMdd-HHmmss", "20220102-030405"),
            ("yy/M/d/H", "22/1/2/3"),
            ("DDD", "002"),
            ("EEEE, d MMMM yyyy", "Sunday, 2 January 2022"),
            ("EEE-MMM", "Sun-Jan"),
            ("'o''clock'HH", "o'clock03"),
        ] {
            match PathFormat::new(pattern, "en-US") {
                Ok(format) => assert_eq!(format.folder(time), expected, "{pattern}"),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn words_are_english() {
        assert!(PathFormat::new("MMM", "de-DE").unwrap_err().contains("`locale` is `de-DE`"));
        assert!(PathFormat::new("MM", "de-DE").is_ok());
        assert!(PathFormat::new("MMMM", "en").is_ok());
    }
}
