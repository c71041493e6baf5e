//! Begins runs when they are due or asked for, one a job at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinflow_event::{Clock, Timestamp};
use pinflow_pipeline::Job;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::execution::Execution;
use crate::record::RunRecord;
use crate::run_id::RunIds;
use crate::timer::wait_until;
use crate::{
    JobRun, RunEvent, RunHistory, RunId, RunScope, Schedule, ScheduleError, SchedulerSettings, TaskRunner, Trigger,
};

/// Events that wait for a slow watcher before it misses some.
const EVENTS: usize = 256;

/// More missed runs than this are not counted out.
const MISSED_MAX: u32 = 1_000;

/// Runs jobs. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler(Arc<Shared>);

struct Shared {
    jobs: Vec<ScheduledJob>,
    runner: Arc<dyn TaskRunner>,
    history: RunHistory,
    clock: Arc<dyn Clock>,
    settings: SchedulerSettings,
    ids: RunIds,
    events: broadcast::Sender<RunEvent>,
    active: Mutex<BTreeMap<String, ActiveRun>>,
    run_ended: Notify,
    stop: CancellationToken,
}

struct ScheduledJob {
    job: Arc<Job>,
    schedule: Option<Schedule>,
}

struct ActiveRun {
    id: RunId,
    stop: CancellationToken,
}

/// A run that goes on whether or not somebody waits for it.
#[derive(Debug)]
pub struct StartedRun {
    /// Its id.
    pub id: RunId,
    ended: JoinHandle<JobRun>,
}

impl StartedRun {
    /// Waits for its end. Dropping this does not stop the run; [`Scheduler::cancel`] does.
    ///
    /// # Errors
    /// [`ScheduleError::Broken`], a fault of the program.
    pub async fn ended(self) -> Result<JobRun, ScheduleError> {
        self.ended.await.map_err(|_| ScheduleError::Broken(self.id))
    }
}

impl Scheduler {
    /// A scheduler of `jobs` that runs nothing yet.
    ///
    /// # Errors
    /// [`ScheduleError::InvalidSchedule`].
    pub fn new(
        jobs: Vec<Job>,
        runner: Arc<dyn TaskRunner>,
        history: RunHistory,
        clock: Arc<dyn Clock>,
        settings: SchedulerSettings,
    ) -> Result<Self, ScheduleError> {
        let scheduled = |job: Job| {
            let schedule = job.schedule.as_deref().map(Schedule::parse).transpose()?;
            Ok(ScheduledJob { job: Arc::new(job), schedule })
        };
        let jobs = jobs.into_iter().map(scheduled).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Shared {
            jobs,
            runner,
            history,
            clock,
            ids: RunIds::new(settings.seed),
            settings,
            events: broadcast::Sender::new(EVENTS),
            active: Mutex::default(),
            run_ended: Notify::new(),
            stop: CancellationToken::new(),
        })))
    }

    /// Runs a job, or one task of it regardless of what that waits for, and returns the run as it ended, failed or not.
    ///
    /// # Errors
    /// As [`Scheduler::start_job`]; [`ScheduleError::Broken`].
    pub async fn run_job(&self, job: &str, only: Option<&str>, trigger: Trigger) -> Result<JobRun, ScheduleError> {
        self.start_job(job, only, trigger).await?.ended().await
    }

    /// Begins a run and returns.
    ///
    /// # Errors
    /// [`ScheduleError::UnknownJob`], [`ScheduleError::UnknownTask`], [`ScheduleError::AlreadyRunning`], [`ScheduleError::Stopping`];
    /// [`ScheduleError::History`] where the run cannot be kept.
    pub async fn start_job(
        &self,
        job: &str,
        only: Option<&str>,
        trigger: Trigger,
    ) -> Result<StartedRun, ScheduleError> {
        self.start(job, RunScope { only, ..RunScope::default() }, trigger).await
    }

    /// As [`Scheduler::start_job`], with everything that can be said about how much is done.
    ///
    /// # Errors
    /// As [`Scheduler::start_job`].
    pub async fn start(&self, job: &str, scope: RunScope<'_>, trigger: Trigger) -> Result<StartedRun, ScheduleError> {
        self.begin(job, scope, trigger, self.0.clock.now()).await
    }

    /// Tells a run to stop. Its tasks are broken off; the run has ended a moment later.
    ///
    /// # Errors
    /// [`ScheduleError::NotActive`].
    pub fn cancel(&self, id: &RunId) -> Result<(), ScheduleError> {
        let active = self.0.lock_active();
        let run = active.values().find(|run| run.id == *id).ok_or_else(|| ScheduleError::NotActive(id.clone()))?;
        run.stop.cancel();
        Ok(())
    }

    /// The active run of a job.
    pub fn active(&self, job: &str) -> Option<RunId> {
        self.0.lock_active().get(job).map(|run| run.id.clone())
    }

    /// The jobs, in the order of the pipeline, and when each is due next after now.
    pub fn next_runs(&self) -> Vec<(String, Option<Timestamp>)> {
        let now = self.0.clock.now();
        let next = |scheduled: &ScheduledJob| scheduled.schedule.as_ref().and_then(|schedule| schedule.next_after(now));
        self.0.jobs.iter().map(|scheduled| (scheduled.job.name.clone(), next(scheduled))).collect()
    }

    /// The runs, past and present.
    pub fn history(&self) -> &RunHistory {
        &self.0.history
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<RunEvent> {
        self.0.events.subscribe()
    }

    /// Begins runs when they are due, until `stop`; then cancels what is active and returns when it has ended. A run that was due while
    /// nobody was there is not made up for, but [`RunEvent::Missed`] and a warning say so.
    pub async fn run(&self, stop: CancellationToken) {
        let mut due = self.first_due();
        while let Some(earliest) = due.values().min().copied() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = wait_until(&*self.0.clock, earliest, self.0.settings.tick) => {}
            }
            for scheduled in &self.0.jobs {
                let Some(time) = due.get(&scheduled.job.name).copied().filter(|time| *time <= self.0.clock.now())
                else {
                    continue;
                };
                match self.fire(scheduled, time).await {
                    Some(next) => due.insert(scheduled.job.name.clone(), next),
                    None => due.remove(&scheduled.job.name),
                };
            }
        }
        stop.cancelled().await;
        self.shut_down().await;
    }

    /// Refuses new runs, cancels the active ones, and returns when they have ended.
    pub async fn shut_down(&self) {
        self.0.stop.cancel();
        loop {
            let ended = self.0.run_ended.notified();
            if self.0.lock_active().is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn first_due(&self) -> BTreeMap<String, Timestamp> {
        let now = self.0.clock.now();
        let mut due = BTreeMap::new();
        for ScheduledJob { job, schedule } in &self.0.jobs {
            let Some(schedule) = schedule else { continue };
            if let Some(last) = self.0.history.latest(&job.name) {
                self.report_missed(
                    &job.name,
                    schedule,
                    last.run_time.max(last.started),
                    now,
                    "nothing was running then",
                );
            }
            due.extend(schedule.next_after(now).map(|next| (job.name.clone(), next)));
        }
        due
    }

    /// Begins the run that was due at `time` unless it is too late. Returns when the job is due next.
    async fn fire(&self, scheduled: &ScheduledJob, time: Timestamp) -> Option<Timestamp> {
        let (name, schedule) = (&scheduled.job.name, scheduled.schedule.as_ref()?);
        let now = self.0.clock.now();
        let just_before = Timestamp::from_millis(time.as_millis() - 1);
        if now.since(time) > self.0.settings.grace {
            self.report_missed(name, schedule, just_before, now, "the clock went on without us");
            return schedule.next_after(now);
        }
        if let Err(error) = self.begin(name, RunScope::default(), Trigger::Schedule, time).await {
            self.report_missed(name, schedule, just_before, time, &error.to_string());
        }
        self.report_missed(name, schedule, time, now, "the clock went on without us");
        schedule.next_after(now)
    }

    /// Tells about the runs that were due after `after` and up to `until`, if there are any.
    fn report_missed(&self, job: &str, schedule: &Schedule, after: Timestamp, until: Timestamp, why: &str) {
        let times = std::iter::successors(schedule.next_after(after), |time| schedule.next_after(*time));
        let mut times = times.take_while(|time| *time <= until).take(MISSED_MAX as usize).peekable();
        let Some(at) = times.peek().copied() else { return };
        let count = u32::try_from(times.count()).unwrap_or(MISSED_MAX);
        tracing::warn!(job, count, due_ms = at.as_millis(), "scheduled runs were missed: {why}");
        let _ = self.0.events.send(RunEvent::Missed { job: job.to_owned(), at, count, why: why.to_owned() });
    }

    async fn begin(
        &self,
        name: &str,
        scope: RunScope<'_>,
        trigger: Trigger,
        run_time: Timestamp,
    ) -> Result<StartedRun, ScheduleError> {
        let job = self.0.job(name)?;
        check_task(&job, scope.only)?;
        let now = self.0.clock.now();
        let claim = Claim::take(&self.0, &job.name, self.0.ids.next(now))?;
        let run = JobRun::new(claim.id.clone(), &job, scope, trigger, run_time, now);
        let (id, shared) = (claim.id.clone(), self.0.clone());
        let (begun, is_begun) = oneshot::channel();
        // A task of its own from here on: a caller who goes away must not leave a run behind that nobody ends.
        let ended = tokio::spawn(async move {
            let record =
                RunRecord::begin(run.clone(), shared.history.clone(), shared.events.clone(), shared.clock.clone())
                    .await;
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let _ = begun.send(Err(error));
                    return run;
                }
            };
            let _ = begun.send(Ok(()));
            let run = shared.execute(job, record, claim.stop.clone()).await;
            drop(claim);
            run
        });
        match is_begun.await {
            Ok(Ok(())) => Ok(StartedRun { id, ended }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ScheduleError::Broken(id)),
        }
    }
}

impl Shared {
    fn job(&self, name: &str) -> Result<Arc<Job>, ScheduleError> {
        let job = self.jobs.iter().find(|scheduled| scheduled.job.name == name).map(|scheduled| scheduled.job.clone());
        let known = || self.jobs.iter().map(|scheduled| scheduled.job.name.clone()).collect();
        job.ok_or_else(|| ScheduleError::UnknownJob { job: name.to_owned(), known: known() })
    }

    async fn execute(&self, job: Arc<Job>, record: RunRecord, stop: CancellationToken) -> JobRun {
        let (runner, clock, settings) = (self.runner.clone(), self.clock.clone(), self.settings.clone());
        Arc::new(Execution { job, record, runner, clock, settings, stop }).execute().await
    }

    fn lock_active(&self) -> MutexGuard<'_, BTreeMap<String, ActiveRun>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_task(job: &Job, only: Option<&str>) -> Result<(), ScheduleError> {
    let Some(task) = only.filter(|only| job.tasks.iter().all(|task| task.name != *only)) else { return Ok(()) };
    let known = job.tasks.iter().map(|task| task.name.clone()).collect();
    Err(ScheduleError::UnknownTask { job: job.name.clone(), task: task.to_owned(), known })
}

/// A job's place among the active runs, given up when the run ends in whatever way.
struct Claim {
    shared: Arc<Shared>,
    job: String,
    id: RunId,
    stop: CancellationToken,
}

impl Claim {
    fn take(shared: &Arc<Shared>, job: &str, id: RunId) -> Result<Self, ScheduleError> {
        let mut active = shared.lock_active();
        // Asked while the runs are locked: whoever stops counts them afterwards.
        if shared.stop.is_cancelled() {
            return Err(ScheduleError::Stopping);
        }
        if let Some(run) = active.get(job) {
            return Err(ScheduleError::AlreadyRunning { job: job.to_owned(), active: run.id.clone() });
        }
        let stop = shared.stop.child_token();
        active.insert(job.to_owned(), ActiveRun { id: id.clone(), stop: stop.clone() });
        Ok(Self { shared: shared.clone(), job: job.to_owned(), id, stop })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.lock_active().remove(&self.job);
        self.shared.run_ended.notify_waiters();
    }
}
