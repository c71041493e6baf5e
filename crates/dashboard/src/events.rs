//! The event stream: `history` once, then `snapshot` every second and `run` whenever the latest run changes.
//!
//! A listener that is slow skips snapshots and never holds others up. The stream ends at the shutdown, so that
//! draining does not wait for pages that are open.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream, StreamExt};
use serde::Serialize;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::Dashboard;
use crate::history::{History, Series};
use crate::snapshot::Snapshot;
use crate::view::RunView;

/// The pause after which a silent stream sends a comment, so that neither proxies nor browsers give it up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What listeners hear.
#[derive(Debug, Default)]
pub(crate) struct Live {
    history: Mutex<History>,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    runs: watch::Sender<Option<Arc<RunView>>>,
}

impl Live {
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.history().push(Arc::clone(&snapshot));
        self.snapshots.send_replace(Some(snapshot));
    }

    /// Tells of the latest run, if that is news.
    pub(crate) fn publish_run(&self, run: Option<RunView>) {
        self.runs.send_if_modified(|known| {
            let news = run.is_some() && known.as_deref() != run.as_ref();
            if news {
                *known = run.map(Arc::new);
            }
            news
        });
    }

    pub(crate) fn has_listeners(&self) -> bool {
        self.snapshots.receiver_count() > 0
    }

    pub(crate) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.history().latest()
    }

    pub(crate) fn series(&self) -> Series {
        self.history().series()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // A history half-pushed by a panicking thread is still a history.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn events(
    State(dashboard): State<Dashboard>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    // Subscribed before the history is read: a snapshot may come twice, none is missed.
    let snapshots = WatchStream::from_changes(dashboard.live.snapshots.subscribe());
    let runs = WatchStream::from_changes(dashboard.live.runs.subscribe());

    let latest_run = dashboard.view.runs(1).await.unwrap_or_default().into_iter().next();
    let first = [
        Some(event("history", &dashboard.live.series())),
        dashboard.live.latest().map(|snapshot| event("snapshot", &*snapshot)),
        latest_run.map(|run| event("run", &run)),
    ];
    let snapshots = snapshots.filter_map(async |snapshot| snapshot.map(|s| event("snapshot", &*s)));
    let runs = runs.filter_map(async |run| run.map(|r| event("run", &*r)));
    let then = stream::select(Box::pin(snapshots), Box::pin(runs));

    let all = stream::iter(first.into_iter().flatten()).chain(then).map(Ok);
    let until = all.take_until(dashboard.shutdown.clone().cancelled_owned());
    Sse::new(until).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here"))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("views have text keys and finite numbers only")
}
