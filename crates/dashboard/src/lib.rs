//! The dashboard: a JSON API, server-sent events and the live page, all from the binary.
//!
//! It knows neither log nor lane nor table: the node implements [`NodeView`], and everything shown is in [`view`].
//! The dashboard samples the node's counters every second, turns them into rates, keeps the last five minutes, and
//! tells everybody who listens. It loads nothing from elsewhere, and no web page from elsewhere can drive it.

mod api;
mod csv;
mod error;
mod events;
mod guard;
mod history;
mod letters;
mod meter;
mod node_view;
pub mod openapi;
mod page;
mod sampler;
pub mod snapshot;
pub mod view;

pub use history::HISTORY_MS;
pub use node_view::{ErrorKind, NodeView, ViewError};
pub use page::{page, prefers_html};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, middleware};
use pinflow_event::Clock;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use events::Live;
use guard::AllowedHosts;
use sampler::Sampler;

/// The pause between two samples of the node's counters.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The dashboard of a node. Clones share everything.
#[derive(Clone)]
pub struct Dashboard {
    view: Arc<dyn NodeView>,
    clock: Arc<dyn Clock>,
    live: Arc<Live>,
    hosts: AllowedHosts,
    shutdown: CancellationToken,
}

impl Dashboard {
    /// A dashboard of the node behind `view`. `hosts` are the names, besides `localhost` and IP addresses, under which
    /// people reach the node, as in `pinflow.example.org`. Once `shutdown` is cancelled the event streams end, so that
    /// the server can drain.
    pub fn new(
        view: Arc<dyn NodeView>,
        clock: Arc<dyn Clock>,
        hosts: impl IntoIterator<Item = String>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { view, clock, live: Arc::default(), hosts: hosts.into_iter().collect(), shutdown }
    }

    /// The routes: the API below `/api`, the page at `/dashboard`. It has no fallback, so that it merges with others;
    /// a node that wants the page at `/` too routes it to [`page`] where [`prefers_html`] says so.
    pub fn router(&self) -> Router {
        api::router(self.clone()).merge(page::router())
    }

    /// Routes of somebody else, kept from web pages as the API itself is.
    pub fn guarded(&self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self.hosts.clone(), guard::guard))
    }

    /// Samples the node's counters until the shutdown. Without it the page shows no rates.
    pub async fn run(&self) {
        let mut sampler = Sampler::default();
        let mut tick = tokio::time::interval(SAMPLE_EVERY);
        // After a pause there is one sample over the whole of it, not a burst of empty ones.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            self.sample(&mut sampler).await;
        }
    }

    async fn sample(&self, sampler: &mut Sampler) {
        let counters = self.view.counters().await;
        self.live.publish(sampler.sample(self.clock.now().as_millis(), counters));
        if self.live.has_listeners() {
            // A node that cannot list its runs just now says so on `/api/runs`; the event stream goes on.
            if let Ok(runs) = self.view.runs(1).await {
                self.live.publish_run(runs.into_iter().next());
            }
        }
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}
