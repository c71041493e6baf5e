//! What watchers are told as it happens.

use pinflow_event::Timestamp;
use serde::Serialize;

use crate::JobRun;

/// Something happened to a run. A watcher who falls behind misses some and asks for the state instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// A run or a task of it changed its state; the run as it is now.
    Changed {
        /// The run.
        run: JobRun,
    },
    /// Scheduled runs did not take place. They are not made up for.
    Missed {
        /// The job.
        job: String,
        /// When the first of them was due.
        at: Timestamp,
        /// How many.
        count: u32,
        /// Why.
        why: String,
    },
}
