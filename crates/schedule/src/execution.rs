//! Carries out one run: tasks in their order, side by side where they may be, each tried as often as the job allows.

use std::sync::Arc;

use pinflow_event::{Clock, Timestamp};
use pinflow_pipeline::{Job, Task};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::record::RunRecord;
use crate::timer::wait_until;
use crate::{
    JobRun, RunState, SchedulerSettings, TaskContext, TaskFailure, TaskOutcome, TaskRun, TaskRunner, TaskState,
};

/// A run and all that it takes.
pub(crate) struct Execution {
    pub(crate) job: Arc<Job>,
    pub(crate) record: RunRecord,
    pub(crate) runner: Arc<dyn TaskRunner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: SchedulerSettings,
    pub(crate) stop: CancellationToken,
}

/// How an attempt ended.
enum Attempt {
    Succeeded(TaskOutcome),
    Failed(TaskFailure),
    Cancelled,
}

impl Execution {
    /// Runs to the end and returns the run as it ended.
    pub(crate) async fn execute(self: Arc<Self>) -> JobRun {
        // Tasks of their own: one must not wait for the record while another one holds it and is not driven on.
        let mut running = JoinSet::new();
        loop {
            self.record.change(|run, _| propagate_failures(&self.job, run)).await;
            while running.len() < self.settings.parallel_tasks.max(1)
                && let Some(task) = self.begin_next().await
            {
                running.spawn(self.clone().run_task(task));
            }
            if running.join_next().await.is_none() {
                break;
            }
        }
        self.record.change(|run, now| run.break_off(final_state(run), TaskState::Cancelled, now)).await;
        self.record.run().await
    }

    /// The next task whose turn it is, marked as running.
    async fn begin_next(&self) -> Option<Task> {
        if self.stop.is_cancelled() {
            return None;
        }
        let run = self.record.run().await;
        let task = self.job.tasks.iter().find(|task| is_ready(task, &run))?;
        self.record.change_task(&task.name, |task, _| task.state = TaskState::Running).await;
        Some(task.clone())
    }

    async fn run_task(self: Arc<Self>, task: Task) {
        for attempt in 1.. {
            self.record
                .change_task(&task.name, |task, now| {
                    task.state = TaskState::Running;
                    task.attempts = attempt;
                    task.started.get_or_insert(now);
                })
                .await;
            let ended = self.attempt(&task, attempt).await;
            let again = matches!(&ended, Attempt::Failed(failure) if failure.retry) && attempt <= self.job.retries;
            let resume = self.clock.now().plus(self.job.retry_delay);
            self.record.change_task(&task.name, |task, now| note_end(task, ended, again, now)).await;
            if !again {
                return;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = wait_until(&*self.clock, resume, self.settings.tick) => {}
            }
        }
    }

    /// A task of its own, so that a panic ends there.
    async fn attempt(&self, task: &Task, attempt: u32) -> Attempt {
        let run = self.record.run().await;
        let stop = self.stop.child_token();
        let JobRun { id, job, run_time, full, accept_missing, .. } = run;
        let context = TaskContext { job, run_id: id, attempt, run_time, full, accept_missing, stop };
        let (runner, task) = (self.runner.clone(), task.clone());
        let mut work = tokio::spawn(async move { runner.run(&task, &context).await });
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = self.stop.cancelled() => {
                work.abort();
                work.await
            }
        };
        match ended {
            Ok(Ok(outcome)) => Attempt::Succeeded(outcome),
            Ok(Err(_)) if self.stop.is_cancelled() => Attempt::Cancelled,
            Ok(Err(failure)) => Attempt::Failed(failure),
            Err(error) if error.is_cancelled() => Attempt::Cancelled,
            Err(error) => Attempt::Failed(TaskFailure { message: panic_message(error), retry: true }),
        }
    }
}

fn is_ready(task: &Task, run: &JobRun) -> bool {
    let waits = run.task(&task.name).is_some_and(|task| task.state == TaskState::Waiting);
    waits && task.after.iter().all(|before| run.task(before).is_none_or(|before| before.state == TaskState::Succeeded))
}

/// Tasks come after those they wait for, so one pass reaches all.
fn propagate_failures(job: &Job, run: &mut JobRun) {
    for task in &job.tasks {
        let failed = |name: &&String| {
            run.task(name).is_some_and(|t| matches!(t.state, TaskState::Failed | TaskState::UpstreamFailed))
        };
        let Some(cause) = task.after.iter().find(failed).cloned() else { continue };
        if let Some(task) = run.tasks.iter_mut().find(|t| t.name == task.name && t.state == TaskState::Waiting) {
            task.state = TaskState::UpstreamFailed;
            task.error = Some(format!("task `{cause}` did not succeed"));
        }
    }
}

fn note_end(task: &mut TaskRun, ended: Attempt, again: bool, now: Timestamp) {
    task.ended = Some(now);
    match ended {
        Attempt::Succeeded(outcome) => {
            task.state = TaskState::Succeeded;
            (task.rows, task.note, task.error) = (outcome.rows, outcome.note, None);
        }
        Attempt::Failed(failure) => {
            tracing::warn!(task = %task.name, attempt = task.attempts, "{}", failure.message);
            task.state = if again { TaskState::Retrying } else { TaskState::Failed };
            task.error = Some(failure.message);
        }
        Attempt::Cancelled => task.state = TaskState::Cancelled,
    }
}

fn final_state(run: &JobRun) -> RunState {
    let any = |wanted: &[TaskState]| run.tasks.iter().any(|task| wanted.contains(&task.state));
    if any(&[TaskState::Cancelled, TaskState::Waiting, TaskState::Running, TaskState::Retrying]) {
        RunState::Cancelled
    } else if any(&[TaskState::Failed, TaskState::UpstreamFailed]) {
        RunState::Failed
    } else {
        RunState::Succeeded
    }
}

fn panic_message(error: JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned());
    format!("the task broke off on a fault of the program ({text}); please report it")
}
