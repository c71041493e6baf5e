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
pub struct Caller(Who);

#[derive(Clone, Debug)]
enum Who {
    Anyone,
    Nobody,
    Listed(Arc<Entry>),
}

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
        Self(Who::Anyone)
    }

    /// Somebody who is not in the access list, or does not say who it is: nothing is allowed.
    pub fn nobody() -> Self {
        Self(Who::Nobody)
    }

    pub(crate) fn listed(entry: Entry) -> Self {
        Self(Who::Listed(Arc::new(entry)))
    }

    fn entry(&self) -> Option<&Entry> {
        match &self.0 {
            Who::Listed(entry) => Some(entry),
            Who::Anyone | Who::Nobody => None,
        }
    }

    /// Whether the request may be answered at all: the caller is in the access list, or there is none.
    pub fn is_known(&self) -> bool {
        !matches!(self.0, Who::Nobody)
    }

    /// The caller's name in the access list; `None` where there is no list, and for who is not in it.
    pub fn name(&self) -> Option<&str> {
        self.entry().map(|entry| entry.name.as_str())
    }

    /// Whether the caller has a right on a topic.
    pub fn may(&self, right: Right, topic: &TopicName) -> bool {
        let Some(entry) = self.entry() else { return self.is_known() };
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
        self.entry().map_or(self.is_known(), |entry| entry.dashboard)
    }
}
