//! What goes on in a session of somebody else's: since when, and the way to end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Watches the queries of one session; put into the session's configuration as an extension. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct QueryWatch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// When each query that is not over began, and what ends it.
    running: Vec<(u64, Instant, CancellationToken)>,
    begun: u64,
    /// When the last one ended.
    idle_since: Option<Instant>,
    time: Option<Duration>,
}

impl QueryWatch {
    /// Ends all queries of the session.
    pub fn cancel(&self) {
        for (.., cancellation) in &self.state().running {
            cancellation.cancel();
        }
    }

    /// When the oldest query that is not over began; `None` where none runs.
    pub fn busy_since(&self) -> Option<Instant> {
        self.state().running.iter().map(|(_, began, _)| *began).min()
    }

    /// When the last query ended; `None` before the first has.
    pub fn idle_since(&self) -> Option<Instant> {
        self.state().idle_since
    }

    /// From now on the session's queries may take that long, and never longer than the engine's own limit.
    pub fn set_time(&self, time: Option<Duration>) {
        self.state().time = time;
    }

    pub(crate) fn time(&self) -> Option<Duration> {
        self.state().time
    }

    pub(crate) fn begin(&self) -> WatchedQuery {
        let mut state = self.state();
        state.begun += 1;
        let (id, cancellation) = (state.begun, CancellationToken::new());
        state.running.push((id, Instant::now(), cancellation.clone()));
        WatchedQuery { watch: self.clone(), id, cancellation }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment: the state is sound even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct WatchedQuery {
    watch: QueryWatch,
    id: u64,
    cancellation: CancellationToken,
}

impl WatchedQuery {
    pub fn cancellation(&self) -> CancellationToken {
        self.cancellation.clone()
    }
}

impl Drop for WatchedQuery {
    fn drop(&mut self) {
        let mut state = self.watch.state();
        state.running.retain(|(id, ..)| *id != self.id);
        state.idle_since = Some(Instant::now());
    }
}
