//! Jobs, a runner that does as it is told, and a scheduler on a temporary folder.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pinflow_event::{Clock, ManualClock, Timestamp};
use pinflow_pipeline::{Job, Task, Work};
use pinflow_schedule::{
    JobRun, RunHistory, RunId, RunState, Scheduler, SchedulerSettings, TaskContext, TaskFailure, TaskOutcome,
    TaskRunner, TaskState, Trigger,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// 2026-11-23T00:00:00Z, a Monday.
pub const START: Timestamp = Timestamp::from_millis(1_795_392_000_000);

/// What an attempt does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Succeed(u64),
    Fail,
    /// A failure that trying again does not mend.
    FailForGood,
    Panic,
    /// Waits until the test lets one go on.
    Wait,
}

/// Does what the script says for each task, then succeeds.
#[derive(Debug)]
pub struct Script {
    acts: Mutex<BTreeMap<String, VecDeque<Act>>>,
    /// `begin a`, `end a` in the order that it happened.
    pub log: Mutex<Vec<String>>,
    pub contexts: Mutex<Vec<(u32, Timestamp, RunId)>>,
    pub go_on: Semaphore,
}

impl Script {
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn next(&self, task: &str, acts: &[Act]) {
        self.acts.lock().unwrap().entry(task.to_owned()).or_default().extend(acts);
    }
}

#[async_trait]
impl TaskRunner for Script {
    async fn run(&self, task: &Task, context: &TaskContext) -> Result<TaskOutcome, TaskFailure> {
        self.log.lock().unwrap().push(format!("begin {}", task.name));
        self.contexts.lock().unwrap().push((context.attempt, context.run_time, context.run_id.clone()));
        let act =
            self.acts.lock().unwrap().get_mut(&task.name).and_then(VecDeque::pop_front).unwrap_or(Act::Succeed(0));
        let result = match act {
            Act::Succeed(rows) => Ok(TaskOutcome { rows: Some(rows), note: format!("{} is fine", task.name) }),
            Act::Fail => Err(TaskFailure { message: "the table is locked".to_owned(), retry: true }),
            Act::FailForGood => Err(TaskFailure { message: "the lanes differ".to_owned(), retry: false }),
            Act::Panic => panic!("a fault in {}", task.name),
            Act::Wait => {
                self.go_on.acquire().await.unwrap().forget();
                Ok(TaskOutcome::default())
            }
        };
        self.log.lock().unwrap().push(format!("end {}", task.name));
        result
    }
}

pub fn task(name: &str, after: &[&str]) -> Task {
    let after = after.iter().map(|name| (*name).to_owned()).collect();
    Task { name: name.to_owned(), after, work: Work::Query { query: name.to_owned() } }
}

pub fn job(tasks: Vec<Task>) -> Job {
    Job { name: "daily".to_owned(), schedule: None, retries: 2, retry_delay: Duration::from_secs(120), tasks }
}

pub fn scheduled(schedule: &str) -> Job {
    Job { schedule: Some(schedule.to_owned()), ..job(vec![task("a", &[])]) }
}

/// A scheduler and what it works with.
pub struct Stage {
    pub folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub scheduler: Scheduler,
}

impl Stage {
    pub fn new(jobs: Vec<Job>) -> Self {
        Self::on(TempDir::new().unwrap(), START, jobs)
    }

    /// A new scheduler on the history that an earlier one left.
    pub fn on(folder: TempDir, now: Timestamp, jobs: Vec<Job>) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let script = Arc::new(Script {
            acts: Mutex::default(),
            log: Mutex::default(),
            contexts: Mutex::default(),
            go_on: Semaphore::new(0),
        });
        let history = RunHistory::open(folder.path().join("runs"), RunHistory::KEEP, now).unwrap();
        let settings = SchedulerSettings { tick: Duration::from_millis(1), ..SchedulerSettings::default() };
        let scheduler = Scheduler::new(jobs, script.clone(), history, clock.clone(), settings).unwrap();
        Self { folder, clock, script, scheduler }
    }

    /// Runs `daily` with pauses that pass at once.
    pub async fn run(&self) -> JobRun {
        let running = self.scheduler.run_job("daily", None, Trigger::Manual);
        tokio::select! {
            run = running => run.unwrap(),
            () = self.let_time_pass() => unreachable!(),
        }
    }

    async fn let_time_pass(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.clock.advance(Duration::from_secs(60));
        }
    }

    /// Waits until the newest run looks as wanted. A test that never gets there hangs, and is ended by its runner.
    pub async fn until(&self, wanted: impl Fn(&JobRun) -> bool) -> JobRun {
        loop {
            if let Some(run) = self.scheduler.history().latest("daily").filter(&wanted) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub fn states(run: &JobRun) -> Vec<TaskState> {
    run.tasks.iter().map(|task| task.state).collect()
}

pub fn ended(run: &JobRun) -> bool {
    run.state != RunState::Running
}
