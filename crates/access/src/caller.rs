//! A caller and its rights.

use std::sync::Arc;

use pinflow_event::TopicName;

use crate::pattern::TopicPattern;

/// What a caller may be allowed to do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Write records to it.
    Produce,
    /// Read its records.
    Consume,
    /// Create, change and delete it.
    Administer,
}

/// Who a request comes from, and what it may do.
#[derive(Clone, Debug)]
pub struct Caller(Option<Arc<Entry>>);

/// A caller of an access list.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) produce: Vec<TopicPattern>,
    pub(crate) consume: Vec<TopicPattern>,
    pub(crate) administer: Vec<TopicPattern>,
    pub(crate) dashboard: bool,
}

impl Caller {
    /// Whoever it is: no access list is configured, and everything is allowed.
    pub fn anyone() -> Self {
        Self(None)
    }

    pub(crate) fn named(entry: Entry) -> Self {
        Self(Some(Arc::new(entry)))
    }

    /// The caller's name in the access list; `None` where there is no access list.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref().map(|entry| entry.name.as_str())
    }

    /// Whether the caller has a right on a topic.
    pub fn may(&self, right: Right, topic: &TopicName) -> bool {
        let Some(entry) = &self.0 else { return true };
        let patterns = match right {
            Right::Produce => &entry.produce,
            Right::Consume => &entry.consume,
            Right::Administer => &entry.administer,
        };
        patterns.iter().any(|pattern| pattern.matches(topic.as_str()))
    }

    /// Whether the caller has any right at all on a topic, so that lists show it.
    pub fn knows(&self, topic: &TopicName) -> bool {
        [Right::Produce, Right::Consume, Right::Administer].into_iter().any(|right| self.may(right, topic))
    }

    /// Whether the caller may use the dashboard, its API and the metrics. They show the data of all topics.
    pub fn may_use_dashboard(&self) -> bool {
        self.0.as_deref().is_none_or(|entry| entry.dashboard)
    }
}
