//! Answers for other tools: SQL over HTTP (Arrow, JSON, CSV) and over PostgreSQL's wire protocol. Read-only, to the callers of the access
//! list, within the limits of the query engine.

pub mod http;
pub mod postgres;

pub use http::SqlOverHttp;
pub use postgres::Postgres;

use std::fmt;
use std::sync::Arc;

/// Told of every question, before it is answered.
#[derive(Clone)]
pub struct OnQuestion(Arc<dyn Fn() + Send + Sync>);

impl OnQuestion {
    /// Calls `told` for each.
    pub fn new(told: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(crate) fn tell(&self) {
        (self.0)();
    }
}

impl Default for OnQuestion {
    /// Nobody is told.
    fn default() -> Self {
        Self::new(|| {})
    }
}

impl fmt::Debug for OnQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnQuestion")
    }
}
