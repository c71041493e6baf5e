//! The constraints of the service's model, and the one message that names all that are broken.

use std::fmt::Display;
use std::ops::RangeInclusive;

use pinflow_openapi::Schema;
use pinflow_openapi::schema::{self, matching};

use super::KinesisError;
use super::member::{Integer, Text};
use super::shard::HashKey;

/// The most violations that one message names.
const MOST: usize = 10;

/// What a string must be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextRule {
    pattern: Option<Pattern>,
    length: Option<(usize, usize)>,
}

/// A regular expression of the model, and a function that is the same.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    text: &'static str,
    matches: fn(&str) -> bool,
}

impl TextRule {
    /// The name of a stream or a consumer, the id of a shard.
    pub(super) const NAME: Self = Self::new("[a-zA-Z0-9_.-]+", is_name, (1, 128));
    /// The ARN of a stream.
    pub(super) const STREAM_ARN: Self =
        Self::new(r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+", |text| is_arn(text, false), (1, 2_048));
    /// The ARN of a stream or of a consumer.
    pub(super) const RESOURCE_ARN: Self =
        Self::new(r"arn:aws.*:kinesis:.*:\d{12}:.*stream/\S+", |text| is_arn(text, true), (1, 2_048));
    /// The ARN of a consumer.
    pub(super) const CONSUMER_ARN: Self = Self::new(
        r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+",
        is_consumer_arn,
        (1, 2_048),
    );
    /// A sequence number.
    pub(super) const SEQUENCE_NUMBER: Self = Self {
        pattern: Some(Pattern { text: r"0|([1-9]\d{0,128})", matches: |text| is_number(text, 129) }),
        length: None,
    };
    /// A hash key.
    pub(super) const HASH_KEY: Self = Self {
        pattern: Some(Pattern { text: r"0|([1-9]\d{0,38})", matches: |text| is_number(text, 39) }),
        length: None,
    };
    /// A partition key.
    pub(super) const PARTITION_KEY: Self = Self { pattern: None, length: Some((1, 256)) };
    /// A shard iterator.
    pub(super) const SHARD_ITERATOR: Self = Self { pattern: None, length: Some((1, 512)) };
    /// A token for the next page.
    pub(super) const NEXT_TOKEN: Self = Self { pattern: None, length: Some((1, 1_048_576)) };
    /// The key of a tag.
    pub(super) const TAG_KEY: Self = Self { pattern: None, length: Some((1, 128)) };
    /// The name of an encryption key.
    pub(super) const KEY_ID: Self = Self { pattern: None, length: Some((1, 2_048)) };

    /// The rule as the OpenAPI document has it.
    pub(super) fn schema(self) -> Schema {
        let pattern = |Pattern { text, .. }: Pattern| matching(&format!("(?:{})", text.trim_start_matches('^')));
        let mut schema = self.pattern.map_or_else(schema::text, pattern);
        if let Some((least, most)) = self.length {
            schema["minLength"] = least.into();
            schema["maxLength"] = most.into();
        }
        schema
    }

    const fn new(text: &'static str, matches: fn(&str) -> bool, length: (usize, usize)) -> Self {
        Self { pattern: Some(Pattern { text, matches }), length: Some(length) }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_number(text: &str, most_digits: usize) -> bool {
    let digits = text.len() <= most_digits && text.bytes().all(|b| b.is_ascii_digit());
    digits && (text == "0" || !(text.is_empty() || text.starts_with('0')))
}

/// `arn:aws…:kinesis:…:<12 digits>:stream/…`; with `nested`, anything may stand before `stream/`.
fn is_arn(text: &str, nested: bool) -> bool {
    let Some((service, name)) = text.strip_prefix("arn:aws").and_then(|rest| rest.split_once("stream/")) else {
        return false;
    };
    let account = match service.rfind(':') {
        Some(end) if nested || end + 1 == service.len() => service[..end].rsplit(':').next(),
        _ => None,
    };
    let account = account.is_some_and(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
    account && service.contains(":kinesis:") && !name.is_empty() && !name.contains(char::is_whitespace)
}

fn is_consumer_arn(text: &str) -> bool {
    let Some((stream, consumer)) = text.split_once("/consumer/") else { return false };
    let Some((name, created)) = consumer.split_once(':') else { return false };
    let stream_name = stream.split_once("stream/").is_some_and(|(_, name)| is_name(name));
    is_arn(stream, true)
        && stream_name
        && is_name(name)
        && !created.is_empty()
        && created.bytes().all(|b| b.is_ascii_digit())
}

/// Collects broken constraints in the order in which they are found.
#[derive(Debug, Default)]
pub(super) struct Constraints(Vec<String>);

impl Constraints {
    /// The member at `path` must be there.
    pub(super) fn not_null<T>(&mut self, path: &str, value: Option<&T>) {
        if value.is_none() {
            self.broken_text("null", path, "Member must not be null");
        }
    }

    /// A string at `path`, where there is one.
    pub(super) fn text(&mut self, path: &str, value: Option<&Text>, rule: TextRule) {
        let Some(Text(value)) = value else { return };
        if let Some(Pattern { text, .. }) = rule.pattern.filter(|pattern| !(pattern.matches)(value)) {
            self.broken(path, excerpt(value), format_args!("Member must satisfy regular expression pattern: {text}"));
        }
        if let Some((least, most)) = rule.length {
            self.length(path, excerpt(value), value.chars().count(), least..=most);
        }
    }

    /// A string at `path`, which must be there.
    pub(super) fn required_text(&mut self, path: &str, value: Option<&Text>, rule: TextRule) {
        self.not_null(path, value);
        self.text(path, value, rule);
    }

    /// The name and the ARN of a stream: one of them must be there.
    pub(super) fn stream(&mut self, name: Option<&Text>, arn: Option<&Text>) {
        self.text("streamARN", arn, TextRule::STREAM_ARN);
        if arn.is_none() {
            self.not_null("streamName", name);
        }
        self.text("streamName", name, TextRule::NAME);
    }

    /// Something at `path`, shown as `value`, has a length.
    pub(super) fn length(&mut self, path: &str, value: impl Display, length: usize, allowed: RangeInclusive<usize>) {
        let (least, most) = allowed.into_inner();
        if length < least {
            self.broken(path, value, format_args!("Member must have length greater than or equal to {least}"));
        } else if length > most {
            self.broken(path, value, format_args!("Member must have length less than or equal to {most}"));
        }
    }

    /// A number at `path`, where there is one, must lie in a range.
    pub(super) fn range(&mut self, path: &str, value: Option<Integer>, allowed: RangeInclusive<i64>) {
        let Some(Integer(value)) = value else { return };
        let (least, most) = allowed.into_inner();
        if value < least {
            self.broken(path, value, format_args!("Member must have value greater than or equal to {least}"));
        } else if value > most {
            self.broken(path, value, format_args!("Member must have value less than or equal to {most}"));
        }
    }

    /// A string at `path`, where there is one, must be one of `values`.
    pub(super) fn one_of(&mut self, path: &str, value: Option<&Text>, values: &[&str]) {
        if let Some(Text(value)) = value.filter(|value| !values.contains(&value.as_ref())) {
            let values = values.join(", ");
            self.broken(path, excerpt(value), format_args!("Member must satisfy enum value set: [{values}]"));
        }
    }

    /// A constraint on the member at `path` is broken by `value`.
    pub(super) fn broken(&mut self, path: &str, value: impl Display, constraint: impl Display) {
        self.broken_text(&format!("'{value}'"), path, constraint);
    }

    fn broken_text(&mut self, value: &str, path: &str, constraint: impl Display) {
        if self.0.len() < MOST {
            self.0.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
        }
    }

    /// `Ok` if nothing is broken.
    ///
    /// # Errors
    /// [`KinesisError::Validation`].
    pub(super) fn check(self) -> Result<(), KinesisError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (count, plural) = (self.0.len(), if self.0.len() == 1 { "" } else { "s" });
        Err(KinesisError::Validation(format!("{count} validation error{plural} detected: {}", self.0.join("; "))))
    }
}

/// A hash key that [`TextRule::HASH_KEY`] allows; `None` for one that is 2^128 or larger.
pub(super) fn hash_key(text: &str) -> Option<HashKey> {
    text.parse().ok()
}

/// As much of a text as fits in a message.
pub(super) fn excerpt(value: &str) -> String {
    const LONGEST: usize = 2_000;
    let mut text: String = value.chars().take(LONGEST).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_the_patterns() {
        for (text, fits) in [("0", true), ("10", true), ("", false), ("01", false), ("-1", false), ("1e3", false)] {
            assert_eq!(is_number(text, 39), fits, "{text}");
        }
        assert!(is_number(&"9".repeat(39), 39) && !is_number(&"9".repeat(40), 39));
        for (text, stream, resource, consumer) in [
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s", true, true, false),
            ("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b", true, true, false),
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:17", true, true, true),
            ("arn:aws:kinesis:us-east-1:000000000000:x/stream/s", false, true, false),
            ("arn:aws:kinesis:us-east-1:0000:stream/s", false, false, false),
            ("arn:aws:sqs:us-east-1:000000000000:stream/s", false, false, false),
            ("arn:aws:kinesis:us-east-1:000000000000:stream/", false, false, false),
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c", true, true, false),
            ("s", false, false, false),
        ] {
            assert_eq!(
                (is_arn(text, false), is_arn(text, true), is_consumer_arn(text)),
                (stream, resource, consumer),
                "{text}"
            );
        }
    }
}
