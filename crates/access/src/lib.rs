//! Who may do what: callers, their credentials, and their rights on topics.

use std::sync::Arc;

use pinflow_event::TopicName;

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
pub struct Caller {
    name: Option<Arc<str>>,
}

impl Caller {
    /// Whoever it is: no credentials are configured, and everything is allowed.
    pub fn anyone() -> Self {
        Self { name: None }
    }

    /// The caller's name in the access list; `None` where there is no access list.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the caller has a right on a topic.
    pub fn may(&self, _right: Right, _topic: &TopicName) -> bool {
        self.name.is_none()
    }
}
