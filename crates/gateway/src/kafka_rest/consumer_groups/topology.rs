//! What topics there are, as far as a group wants to know.

use std::collections::{BTreeMap, BTreeSet};

use pinflow_event::{Timestamp, TopicName};
use pinflow_log::{EventLog, LogError, TopicDescription};

/// What a group knows about a topic. A topic that is deleted and made again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Its number of partitions.
    pub(super) partitions: u32,
    /// When it was made.
    pub(super) created: Timestamp,
}

/// Which topics are looked up.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    /// Every one that there is: somebody subscribed to a pattern.
    All,
    /// These.
    Named(BTreeSet<TopicName>),
}

/// The topics of a scope that were there at one moment.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    scope: Scope,
    topics: BTreeMap<TopicName, Shape>,
}

impl Scope {
    /// This and `other`.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Named(mut names), Self::Named(others)) => {
                names.extend(others);
                Self::Named(names)
            }
            _ => Self::All,
        }
    }
}

impl Topology {
    /// Asks the log.
    ///
    /// # Errors
    /// Those of the log; a topic that is not there is none.
    pub(super) async fn look_up(log: &dyn EventLog, scope: Scope) -> Result<Self, LogError> {
        let shape = |topic: TopicDescription| {
            (topic.name, Shape { partitions: topic.config.partitions, created: topic.created })
        };
        let mut topics = BTreeMap::new();
        match &scope {
            Scope::All => topics.extend(log.topics().await?.into_iter().map(shape)),
            Scope::Named(names) => {
                for name in names {
                    match log.topic(name).await {
                        Ok(topic) => topics.extend([shape(topic)]),
                        Err(LogError::UnknownTopic(_)) => {}
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
        Ok(Self { scope, topics })
    }

    /// Whether a topic was looked up: only then does it mean something that it is not there.
    pub(super) fn covers(&self, topic: &TopicName) -> bool {
        match &self.scope {
            Scope::All => true,
            Scope::Named(names) => names.contains(topic),
        }
    }

    /// The topics that were there, sorted.
    pub(super) fn topics(&self) -> impl Iterator<Item = (&TopicName, Shape)> {
        self.topics.iter().map(|(name, shape)| (name, *shape))
    }

    /// A topic that was there.
    pub(super) fn get(&self, topic: &TopicName) -> Option<Shape> {
        self.topics.get(topic).copied()
    }

    #[cfg(test)]
    pub(super) fn of(topics: &[(&str, u32, i64)]) -> Self {
        let shape = |(name, partitions, created): &(&str, u32, i64)| {
            let shape = Shape { partitions: *partitions, created: Timestamp::from_millis(*created) };
            (TopicName::new(name).expect("a test's topic name"), shape)
        };
        Self { scope: Scope::All, topics: topics.iter().map(shape).collect() }
    }
}
