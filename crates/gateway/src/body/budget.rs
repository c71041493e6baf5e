//! How many bytes of request bodies are held at once.
//!
//! A request takes its share as its body arrives, not as it is announced, and gives it back when it is answered. What does
//! not fit is refused at once: nobody waits for memory that another holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;

use super::BodyError;

/// The bytes that all bodies may have together. A clone is the same budget.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    taken: AtomicUsize,
}

impl BodyBudget {
    /// A budget of that many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Budget { limit, taken: AtomicUsize::new(0) }))
    }
}

/// What one request has of the budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    budget: BodyBudget,
    taken: AtomicUsize,
}

impl BodyShare {
    /// A share of `budget`, empty yet.
    pub(crate) fn of(budget: &BodyBudget) -> Self {
        Self { budget: budget.clone(), taken: AtomicUsize::new(0) }
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// [`BodyError::Overloaded`] where others have them; [`BodyError::TooLarge`] where there are never so many.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), BodyError> {
        let Budget { limit, taken } = &*self.budget.0;
        if self.taken.load(Ordering::Relaxed).saturating_add(bytes) > *limit {
            return Err(BodyError::TooLarge { limit: *limit });
        }
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| sum <= limit);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| BodyError::Overloaded)?;
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The reply, with which it is given back: once that is sent, or its client has gone.
    pub(crate) fn held_by(self, reply: Response) -> Response {
        reply.map(|body| {
            Body::new(body.inspect_frame(move |_| {
                // The share goes with the closure, and that with the body.
                let _ = &self;
            }))
        })
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&self, bytes: usize) {
        let before = self.taken.fetch_min(bytes, Ordering::Relaxed);
        self.budget.0.taken.fetch_sub(before.saturating_sub(bytes), Ordering::Relaxed);
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(*self.taken.get_mut(), Ordering::Relaxed);
    }
}
