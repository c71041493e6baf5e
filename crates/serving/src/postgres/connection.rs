//! An end for everything: queries that a client cancels, connections that nobody uses, answers that nobody takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use pinflow_query::QueryWatch;
use tokio::time::Instant;

/// The pause after a connection could not be accepted.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection without a query for so long is closed.
const IDLE: Duration = Duration::from_secs(3_600);
/// How much longer than a query may run its rows may be on their way to the client.
const GRACE: Duration = Duration::from_secs(30);
/// The longest time between two looks: a connection that has begun a query is looked at in time.
const LOOK: Duration = Duration::from_secs(10);

/// Returns once the connection of `watch` has been idle, or has been answering one query, for too long. `time` is what a query may take.
pub(super) async fn overdue(watch: &QueryWatch, time: Duration) {
    let opened = Instant::now();
    loop {
        let (since, allowed) = match watch.busy_since() {
            Some(began) => (began, time.saturating_add(GRACE)),
            None => (watch.idle_since().unwrap_or(opened), IDLE),
        };
        let left = allowed.saturating_sub(since.elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

/// The connections that can be asked to cancel what they run, by the number that their clients know.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<i32, (SecretKey, QueryWatch)>>);

impl Connections {
    /// Makes the connection known until the ticket is dropped.
    pub fn enter(self: &Arc<Self>, number: i32, secret: SecretKey, watch: QueryWatch) -> Ticket {
        self.entries().insert(number, (secret, watch));
        Ticket { connections: Arc::clone(self), number }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<i32, (SecretKey, QueryWatch)>> {
        // Entries come and go whole: the map is sound even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the others.
#[derive(Debug)]
pub(super) struct Ticket {
    connections: Arc<Connections>,
    number: i32,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.entries().remove(&self.number);
    }
}

/// Cancels the queries of the connection whose number and secret a client tells.
pub(super) struct Canceller(pub Arc<Connections>);

#[async_trait]
impl CancelHandler for Canceller {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let entries = self.0.entries();
        let known = entries.get(&request.pid).filter(|(secret, _)| secret.eq_value(&request.secret_key));
        if let Some((_, watch)) = known {
            watch.cancel();
        }
    }
}
