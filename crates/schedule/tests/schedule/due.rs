//! Runs that are due, and runs that were missed.

use std::time::Duration;

use pinflow_event::Timestamp;
use pinflow_schedule::{RunEvent, ScheduleError, SchedulerSettings, Trigger};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Act, START, Stage, ended, scheduled};

const HOUR: Duration = Duration::from_secs(3600);

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    events: broadcast::Receiver<RunEvent>,
}

impl Running {
    fn start(stage: &Stage) -> Self {
        let (scheduler, stop) = (stage.scheduler.clone(), CancellationToken::new());
        let (token, events) = (stop.clone(), scheduler.subscribe());
        Self { stop, task: tokio::spawn(async move { scheduler.run(token).await }), events }
    }

    async fn missed(&mut self) -> (Timestamp, u32, String) {
        loop {
            if let RunEvent::Missed { at, count, why, .. } = self.events.recv().await.unwrap() {
                return (at, count, why);
            }
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_job_runs_each_time_it_is_due() {
    let stage = Stage::new(vec![scheduled("@hourly")]);
    let running = Running::start(&stage);
    for hour in 1..4 {
        // The scheduler may not have looked at the clock yet; it has to before the time passes.
        tokio::time::sleep(Duration::from_millis(5)).await;
        stage.clock.advance(HOUR);
        let due = START.plus(HOUR * hour);
        let run = stage.until(|run| ended(run) && run.run_time == due).await;
        assert_eq!((run.trigger, run.started), (Trigger::Schedule, due));
    }
    assert_eq!(stage.scheduler.history().list(10).len(), 3);
    running.stop().await;
}

#[tokio::test]
async fn the_next_time_is_known() {
    let stage = Stage::new(vec![scheduled("30 4 * * *")]);
    let due = START.plus(Duration::from_secs(4 * 3600 + 1800));
    assert_eq!(stage.scheduler.next_runs(), [("daily".to_owned(), Some(due))]);
}

#[tokio::test]
async fn what_was_due_while_nothing_ran_is_told_and_not_made_up_for() {
    let first = Stage::new(vec![scheduled("@daily")]);
    first.run().await;
    drop(first.scheduler);
    let later = Stage::on(first.folder, START.plus(HOUR * 24 * 3 + HOUR), vec![scheduled("@daily")]);
    let mut running = Running::start(&later);
    let (at, count, _) = running.missed().await;
    assert_eq!((at, count), (START.plus(HOUR * 24), 3));
    running.stop().await;
    assert_eq!(later.scheduler.history().list(10).len(), 1);
}

#[tokio::test]
async fn a_clock_that_jumps_misses_runs() {
    let stage = Stage::new(vec![scheduled("@hourly")]);
    let mut running = Running::start(&stage);
    tokio::time::sleep(Duration::from_millis(5)).await;
    stage.clock.advance(HOUR * 5 + HOUR / 2);
    let (at, count, _) = running.missed().await;
    assert_eq!((at, count), (START.plus(HOUR), 5));
    stage.clock.advance(HOUR / 2);
    let run = stage.until(ended).await;
    assert_eq!(run.run_time, START.plus(HOUR * 6));
    running.stop().await;
}

#[tokio::test]
async fn a_run_that_is_due_while_one_is_active_is_missed_and_names_it() {
    let stage = Stage::new(vec![scheduled("@hourly")]);
    stage.script.next("a", &[Act::Wait]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    let mut running = Running::start(&stage);
    tokio::time::sleep(Duration::from_millis(5)).await;
    stage.clock.advance(HOUR);
    let (at, count, why) = running.missed().await;
    assert_eq!((at, count), (START.plus(HOUR), 1));
    assert!(why.contains(started.id.as_str()), "{why}");
    running.stop().await;
}

#[tokio::test]
async fn a_job_without_a_schedule_waits_to_be_asked() {
    let stage = Stage::new(vec![pinflow_pipeline::Job { schedule: None, ..scheduled("@hourly") }]);
    let running = Running::start(&stage);
    stage.clock.advance(HOUR * 48);
    assert_eq!(stage.scheduler.next_runs(), [("daily".to_owned(), None)]);
    running.stop().await;
    assert_eq!(stage.scheduler.history().list(1), []);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_is_refused_at_once() {
    let stage = Stage::new(Vec::new());
    let history = stage.scheduler.history().clone();
    let jobs = vec![scheduled("61 * * * *")];
    let error = pinflow_schedule::Scheduler::new(
        jobs,
        stage.script.clone(),
        history,
        stage.clock.clone(),
        SchedulerSettings::default(),
    );
    assert!(matches!(error.err(), Some(ScheduleError::InvalidSchedule { .. })));
}
