//! The seam to what a task does.

use async_trait::async_trait;
use pinflow_event::Timestamp;
use pinflow_pipeline::Task;
use tokio_util::sync::CancellationToken;

use crate::RunId;

/// Does the work of tasks. The node implements it.
#[async_trait]
pub trait TaskRunner: Send + Sync + 'static {
    /// Does the work of `task` once. May be dropped at any await when the run is cancelled, and may be called again after a crash in
    /// the middle: the work has to be safe to repeat. A panic counts as a failure that may be tried again.
    ///
    /// # Errors
    /// [`TaskFailure`], which says whether trying again makes sense.
    async fn run(&self, task: &Task, context: &TaskContext) -> Result<TaskOutcome, TaskFailure>;
}

/// Which attempt this is.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// The job.
    pub job: String,
    /// The run.
    pub run_id: RunId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The time that the run is for, the same at every attempt.
    pub run_time: Timestamp,
    /// Whether tasks that clean build their tables anew.
    pub full: bool,
    /// Whether those tables may lack records that the archive has no more.
    pub accept_missing: bool,
    /// Cancelled when the run is; for work that a drop does not reach.
    pub stop: CancellationToken,
}

/// What a task that succeeded has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOutcome {
    /// Rows that it wrote, where that means something.
    pub rows: Option<u64>,
    /// A sentence for the history; may be empty.
    pub note: String,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// What failed, on what, and what to do.
    pub message: String,
    /// Whether the same attempt could succeed later.
    pub retry: bool,
}
