//! What a member subscribed to: topics by name, or those that a pattern matches.

use std::collections::BTreeSet;

use pinflow_event::TopicName;
use regex::bytes::{Regex, RegexBuilder};

use super::ConsumerError;
use super::limits::{MAX_COMPILED_PATTERN_BYTES, MAX_PATTERN_BYTES, MAX_SUBSCRIBED_TOPICS};

/// The topics that a member wants to read.
#[derive(Clone, Debug)]
pub(crate) enum Subscription {
    /// These, whether they are there yet or not.
    Topics(BTreeSet<TopicName>),
    /// All whose whole name matches, also those that are made later.
    Pattern(Regex),
}

impl Subscription {
    /// Topics by name.
    ///
    /// # Errors
    /// [`ConsumerError::TooManyPartitions`].
    pub(crate) fn topics(topics: BTreeSet<TopicName>) -> Result<Self, ConsumerError> {
        if topics.len() > MAX_SUBSCRIBED_TOPICS {
            Err(ConsumerError::TooManyPartitions)
        } else {
            Ok(Self::Topics(topics))
        }
    }

    /// Topics whose whole name matches a regular expression. Names are ASCII, and so are its classes.
    ///
    /// # Errors
    /// [`ConsumerError::InvalidPattern`], also for what Java takes and this does not: look-around and back references.
    pub(crate) fn pattern(pattern: &str) -> Result<Self, ConsumerError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(ConsumerError::InvalidPattern(format!(
                "a topic pattern has {MAX_PATTERN_BYTES} bytes at most"
            )));
        }
        // By itself first: `a)|(b` would be one with the parentheses around it.
        compile(pattern).and_then(|_| compile(&format!("^(?:{pattern})$"))).map(Self::Pattern).map_err(|failure| {
            ConsumerError::InvalidPattern(match failure {
                regex::Error::CompiledTooBig(_) => {
                    format!("topic_pattern `{pattern}` is too large; write a simpler one")
                }
                _ => format!("topic_pattern `{pattern}` is no regular expression that is understood here"),
            })
        })
    }

    /// Whether it includes a topic.
    pub(super) fn includes(&self, topic: &TopicName) -> bool {
        match self {
            Self::Topics(topics) => topics.contains(topic),
            Self::Pattern(pattern) => pattern.is_match(topic.as_str().as_bytes()),
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(MAX_COMPILED_PATTERN_BYTES)
        .dfa_size_limit(MAX_COMPILED_PATTERN_BYTES)
        .build()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, name, included) in [
            (".*\\.pin", "demo.pin", true),
            (".*\\.pin", "demo.pins", false),
            ("pin|geo", "geo", true),
            ("pin|geo", "pingeo", false),
            ("pin", "demo.pin", false),
            ("[\\w.-]+", "a_b-c.9", true),
            ("", "t", false),
        ] {
            let subscription = Subscription::pattern(pattern).unwrap();
            assert_eq!(subscription.includes(&TopicName::new(name).unwrap()), included, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_is_wrong_or_too_large_is_refused() {
        let long = "a".repeat(MAX_PATTERN_BYTES + 1);
        for pattern in ["(", "(?=a)", "(a)\\1", "(?:a{1000}){1000}", "a)(b", long.as_str()] {
            assert!(matches!(Subscription::pattern(pattern), Err(ConsumerError::InvalidPattern(_))), "{pattern}");
        }
    }
}
