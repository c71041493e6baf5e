//! The bytes that wait to be stored, and their bound.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::LogError;

/// When to try again: several groups are stored in this time on any disk.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Counts the bytes of all frames between their encoding and their acknowledgement.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: AtomicUsize,
    limit: usize,
}

impl Backlog {
    /// Nothing waits; `limit` bytes may.
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), limit }
    }

    /// Takes room for `bytes`. Where nothing waits, anything fits: else it would never.
    pub(crate) fn admit(&self, bytes: usize) -> Result<(), LogError> {
        let fits = |waiting: usize| {
            let then = waiting.saturating_add(bytes);
            (waiting == 0 || then <= self.limit).then_some(then)
        };
        match self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(_) => Ok(()),
            Err(waiting) => Err(LogError::Overloaded { waiting, retry_after: RETRY_AFTER }),
        }
    }

    /// Takes room for bytes that were not foreseen, and are few beside those that were admitted.
    pub(crate) fn add(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The bytes that wait now, and how many may.
    pub(crate) fn level(&self) -> (usize, usize) {
        (self.waiting.load(Ordering::Relaxed), self.limit)
    }

    /// Gives room back.
    pub(crate) fn release(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_beyond_its_limit_until_there_is_room() {
        let backlog = Backlog::new(100);
        assert!(backlog.admit(60).is_ok());
        assert!(matches!(backlog.admit(41), Err(LogError::Overloaded { waiting: 60, .. })));
        assert!(backlog.admit(40).is_ok());
        backlog.release(100);
        assert!(backlog.admit(1_000).is_ok(), "what is larger than the limit goes alone");
        assert!(backlog.admit(1).is_err());
    }
}
