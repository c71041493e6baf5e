//! Names of streams: the shorter ones of the names of topics.

use pinflow_event::TopicName;

use super::KinesisError;
use super::constraint::Constraints;

const MOST: usize = 128;

/// Whether a topic can be addressed as a stream.
pub(super) fn is_stream(topic: &TopicName) -> bool {
    topic.as_str().len() <= MOST
}

/// Why the `Option` of [`note`] holds a name once its constraints are checked.
pub(super) const CHECKED: &str = "a stream name that breaks no constraint is a topic name";

/// The member `streamName` as a checked name; `None` after noting the constraint that it breaks.
pub(super) fn note(name: &str, constraints: &mut Constraints) -> Option<TopicName> {
    const PATH: &str = "streamName";
    constraints.length(name, PATH, 1, MOST);
    let topic = TopicName::new(name).ok();
    if topic.is_none() && !name.is_empty() && name.chars().count() <= MOST {
        constraints.broken(name, PATH, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    }
    topic.filter(is_stream)
}

/// A stream's name from a request.
///
/// # Errors
/// [`KinesisError::Validation`].
pub(super) fn parse(name: &str) -> Result<TopicName, KinesisError> {
    let mut constraints = Constraints::default();
    let topic = note(name, &mut constraints);
    constraints.check()?;
    Ok(topic.expect(CHECKED))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_text_is_a_name_or_breaks_a_constraint() {
        for name in ["a", "streaming-demo-pin", "A_b.9", &"x".repeat(MOST)] {
            assert_eq!(parse(name).unwrap().as_str(), name);
        }
        let long = "x".repeat(MOST + 1);
        for name in ["", ".", "..", "a b", "a/b", "é", &"é".repeat(MOST), &"é".repeat(MOST + 1), &long, &long.repeat(2)]
        {
            let refused = parse(name).unwrap_err();
            assert!(refused.to_string().starts_with("1 validation error detected: Value '"), "{refused}");
        }
    }
}
