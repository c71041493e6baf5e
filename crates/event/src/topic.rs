//! Names of topics. A checked name is safe as a folder's name and in a URL path.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Partition;

/// The name of a topic: 1 to 249 of `[A-Za-z0-9._-]`, neither `.` nor `..` (Kafka's rule; Kinesis stream
/// names are the shorter ones of them).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName(Arc<str>);

/// Why a text is no topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no topic name: {rule}")]
pub struct InvalidTopicName {
    /// The text as given.
    pub name: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl TopicName {
    /// The most characters that a name has.
    pub const MAX_LENGTH: usize = 249;

    /// Checks `name`.
    ///
    /// # Errors
    /// [`InvalidTopicName`] with the rule that is broken.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        let broken = if name.is_empty() {
            "it must not be empty"
        } else if name.len() > Self::MAX_LENGTH {
            "it must have 249 characters at most"
        } else if name == "." || name == ".." {
            "it must be neither `.` nor `..`"
        } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            "it may hold ASCII letters, digits, `.`, `_` and `-` only"
        } else {
            return Ok(Self(name.into()));
        };
        Err(InvalidTopicName { name: name.to_owned(), rule: broken })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicName({})", self.0)
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for TopicName {
    type Error = InvalidTopicName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<TopicName> for String {
    fn from(name: TopicName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A partition of a named topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition of it.
    pub partition: Partition,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: TopicName, partition: Partition) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_names_that_clients_use() {
        for name in ["0e3bbd435bfb.pin", "streaming-demo-pin", "a", "A_b-c.9", &"x".repeat(249)] {
            assert_eq!(TopicName::new(name).map(String::from), Ok(name.to_owned()));
        }
    }

    #[test]
    fn refuses_what_could_leave_its_folder_or_break_a_url() {
        for name in ["", ".", "..", "a/b", "a\\b", "a b", "é", "a\0", "a%2Fb", &"x".repeat(250)] {
            assert!(TopicName::new(name).is_err(), "{name:?} was taken");
        }
    }
}
