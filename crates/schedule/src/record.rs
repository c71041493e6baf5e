//! A run in progress: every change is kept in the history, then told to watchers, one after the other.

use pinflow_event::{Clock, Timestamp};
use tokio::sync::{Mutex, broadcast};

use crate::{JobRun, RunEvent, RunHistory, ScheduleError, TaskRun};
use std::sync::Arc;

/// The one place that changes a run.
pub(crate) struct RunRecord {
    run: Mutex<JobRun>,
    history: RunHistory,
    events: broadcast::Sender<RunEvent>,
    clock: Arc<dyn Clock>,
}

impl RunRecord {
    /// Keeps a new run.
    pub(crate) async fn begin(
        run: JobRun,
        history: RunHistory,
        events: broadcast::Sender<RunEvent>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ScheduleError> {
        history.save(&run).await?;
        tell(&events, &run);
        Ok(Self { run: Mutex::new(run), history, events, clock })
    }

    /// The run as it is now.
    pub(crate) async fn run(&self) -> JobRun {
        self.run.lock().await.clone()
    }

    /// Changes the run. Where the history cannot be written the run goes on: its work is worth more than its record.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut JobRun, Timestamp)) {
        let mut run = self.run.lock().await;
        let before = run.clone();
        change(&mut run, self.clock.now());
        if *run == before {
            return;
        }
        if let Err(error) = self.history.save(&run).await {
            tracing::warn!(run = %run.id, "{error}");
        }
        tell(&self.events, &run);
    }

    /// Changes one task of the run.
    pub(crate) async fn change_task(&self, name: &str, change: impl FnOnce(&mut TaskRun, Timestamp)) {
        self.change(|run, now| {
            if let Some(task) = run.tasks.iter_mut().find(|task| task.name == name) {
                change(task, now);
            }
        })
        .await;
    }
}

fn tell(events: &broadcast::Sender<RunEvent>, run: &JobRun) {
    // It fails where nobody watches, which is fine.
    let _ = events.send(RunEvent::Changed { run: run.clone() });
}
