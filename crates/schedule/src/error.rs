//! What can go wrong with jobs, and what to do about it. A task that fails is no error here: it is a state of its run.

use std::path::PathBuf;
use std::sync::Arc;

use crate::RunId;

/// A failed request to the scheduler or its history.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A job's schedule cannot be read.
    #[error(
        "`{text}` is no schedule: {why}; write `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, `@every 10m`, or five cron fields (UTC)"
    )]
    InvalidSchedule {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// No such job.
    #[error("there is no job `{job}`; there are: {}", known.join(", "))]
    UnknownJob {
        /// What was asked for.
        job: String,
        /// The jobs that there are.
        known: Vec<String>,
    },
    /// No such task in a job.
    #[error("job `{job}` has no task `{task}`; it has: {}", known.join(", "))]
    UnknownTask {
        /// The job.
        job: String,
        /// What was asked for.
        task: String,
        /// The tasks that there are.
        known: Vec<String>,
    },
    /// The job runs already.
    #[error("job `{job}` runs already as run `{active}`; wait for it, or cancel it")]
    AlreadyRunning {
        /// The job.
        job: String,
        /// Its active run.
        active: RunId,
    },
    /// The run is not active, so it cannot be cancelled.
    #[error("run `{0}` is not active")]
    NotActive(RunId),
    /// The scheduler is stopping.
    #[error("no run is begun any more: the scheduler stops")]
    Stopping,
    /// A run's task ended without telling how. A fault of the program.
    #[error("run `{0}` broke off on a fault of the program; please report it")]
    Broken(RunId),
    /// The history cannot be read or written.
    #[error("cannot {action} {} in the run history: {source}", path.display())]
    History {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: Arc<std::io::Error>,
    },
}
