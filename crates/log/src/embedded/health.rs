//! Whether the log takes events: until a write fails, or it is closed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::LogError;

/// The state that appenders and committers share.
#[derive(Debug, Default)]
pub(crate) struct Health {
    poison: OnceLock<String>,
    closed: AtomicBool,
    /// Wakes those who wait for a record that will not come.
    poisoned: Notify,
}

impl Health {
    /// `Err` with the reason why nothing is taken any more.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        self.check_open()?;
        self.check_poison()
    }

    /// `Err` after a write failed. A log that closes still stores what waits.
    pub(crate) fn check_poison(&self) -> Result<(), LogError> {
        match self.poison.get() {
            Some(cause) => Err(LogError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// `Err` when the log is closed. A poisoned log can still be read.
    pub(crate) fn check_open(&self) -> Result<(), LogError> {
        if self.closed.load(Ordering::Acquire) { Err(LogError::Closed) } else { Ok(()) }
    }

    /// Takes nothing any more because of `cause`; the first cause stays. Returns what appenders are told.
    pub(crate) fn poison(&self, cause: &LogError) -> LogError {
        let first = self.poison.get_or_init(|| {
            tracing::error!(%cause, "the log takes no more events");
            cause.to_string()
        });
        self.poisoned.notify_waiters();
        LogError::Poisoned { cause: first.clone() }
    }

    /// Returns what appenders are told, once that is the case.
    pub(crate) async fn poisoned(&self) -> LogError {
        loop {
            // Made before the look, so that nothing is missed in between.
            let poisoned = self.poisoned.notified();
            if let Err(error) = self.check_poison() {
                return error;
            }
            poisoned.await;
        }
    }

    /// Closes; whether it was open before.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }
}
