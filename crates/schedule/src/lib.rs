//! Runs jobs: on their schedule or when asked, tasks in their order, with retries and a history that outlives a crash.
//!
//! What a task does is not known here: a [`TaskRunner`] does it. Invariants: of a job there is one run at a time; a task begins once
//! everything that it waits for has succeeded; every change of a run is on disk before the next step of it begins.

mod error;
mod event;
mod execution;
mod history;
mod record;
mod run;
mod run_id;
mod runner;
mod schedule;
mod scheduler;
mod settings;
mod timer;

pub use error::ScheduleError;
pub use event::RunEvent;
pub use history::RunHistory;
pub use run::{JobRun, RunScope, RunState, TaskRun, TaskState, Trigger};
pub use run_id::RunId;
pub use runner::{TaskContext, TaskFailure, TaskOutcome, TaskRunner};
pub use schedule::Schedule;
pub use scheduler::{Scheduler, StartedRun};
pub use settings::SchedulerSettings;
