//! A run of a job, as the history keeps it and the dashboard shows it.

use pinflow_event::Timestamp;
use pinflow_pipeline::{Job, Task};
use serde::{Deserialize, Serialize};

use crate::RunId;

/// What made a run begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The job's schedule.
    Schedule,
    /// A human, by the command line or the page.
    Manual,
    /// A program.
    Api,
}

/// How much of a job a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunScope<'a> {
    /// This task alone, regardless of what it waits for; `None` is all of them.
    pub only: Option<&'a str>,
    /// Tasks that clean build their tables anew, in place of cleaning what is new.
    pub full: bool,
    /// Those tables may lack records that the archive has no more.
    pub accept_missing: bool,
}

/// How a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its tasks are under way.
    Running,
    /// All tasks succeeded.
    Succeeded,
    /// A task failed.
    Failed,
    /// It was told to stop.
    Cancelled,
    /// The node ended while it ran.
    Interrupted,
}

/// How a task of a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It has not begun.
    Waiting,
    /// An attempt is under way.
    Running,
    /// An attempt failed; the next one begins after a pause.
    Retrying,
    /// It succeeded.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// It did not begin because one that it waits for did not succeed.
    UpstreamFailed,
    /// It was told to stop, or not to begin.
    Cancelled,
    /// The node ended before it did.
    Interrupted,
}

impl TaskState {
    /// Whether nothing comes after it.
    pub const fn is_final(self) -> bool {
        !matches!(self, TaskState::Waiting | TaskState::Running | TaskState::Retrying)
    }
}

/// A run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// Its id; ids sort by start.
    pub id: RunId,
    /// The job.
    pub job: String,
    /// What made it begin.
    pub trigger: Trigger,
    /// How it is doing.
    pub state: RunState,
    /// Whether tasks that clean build their tables anew.
    #[serde(default)]
    pub full: bool,
    /// Whether those tables may lack records that the archive has no more.
    #[serde(default)]
    pub accept_missing: bool,
    /// The time that the run is for: when it was due, or when it was asked for.
    pub run_time: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its tasks, in the order of the job; the one task where only one was asked for.
    pub tasks: Vec<TaskRun>,
}

/// A task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub state: TaskState,
    /// Attempts begun.
    pub attempts: u32,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// When the last attempt ended.
    pub ended: Option<Timestamp>,
    /// Rows that it wrote, where that means something.
    pub rows: Option<u64>,
    /// What it says about its success.
    pub note: String,
    /// Why the last attempt failed; `None` once one succeeded.
    pub error: Option<String>,
}

impl JobRun {
    /// A run that is about to begin, of all tasks or of one.
    pub(crate) fn new(
        id: RunId,
        job: &Job,
        scope: RunScope<'_>,
        trigger: Trigger,
        run_time: Timestamp,
        started: Timestamp,
    ) -> Self {
        let RunScope { only, full, accept_missing } = scope;
        let tasks =
            job.tasks.iter().filter(|task| only.is_none_or(|only| task.name == only)).map(TaskRun::new).collect();
        let (job, state) = (job.name.clone(), RunState::Running);
        Self { id, job, trigger, state, full, accept_missing, run_time, started, ended: None, tasks }
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&TaskRun> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Ends it and what has not ended of it.
    pub(crate) fn break_off(&mut self, run: RunState, task: TaskState, now: Timestamp) {
        for open in self.tasks.iter_mut().filter(|task| !task.state.is_final()) {
            open.state = task;
            open.ended = open.started.map(|_| now);
        }
        self.state = run;
        self.ended = Some(now);
    }
}

impl TaskRun {
    fn new(task: &Task) -> Self {
        Self {
            name: task.name.clone(),
            state: TaskState::Waiting,
            attempts: 0,
            started: None,
            ended: None,
            rows: None,
            note: String::new(),
            error: None,
        }
    }
}
