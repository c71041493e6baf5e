//! One run: order, retries, failure, cancellation.

use std::time::Duration;

use pinflow_schedule::TaskState::{Cancelled, Failed, Retrying, Running, Succeeded, UpstreamFailed, Waiting};
use pinflow_schedule::{RunEvent, RunId, RunState, ScheduleError, Trigger};

use crate::support::{Act, START, Stage, job, states, task};

fn diamond() -> Stage {
    Stage::new(vec![job(vec![task("a", &[]), task("b", &["a"]), task("c", &["a"]), task("d", &["b", "c"])])])
}

#[tokio::test]
async fn tasks_run_in_their_order() {
    let stage = diamond();
    stage.script.next("b", &[Act::Succeed(7)]);
    let run = stage.run().await;
    assert_eq!((run.state, run.trigger), (RunState::Succeeded, Trigger::Manual));
    assert!(states(&run).iter().all(|state| *state == Succeeded), "{run:?}");
    assert_eq!((run.task("b").unwrap().rows, run.task("b").unwrap().note.as_str()), (Some(7), "b is fine"));
    let log = stage.script.log();
    let place = |what: &str| log.iter().position(|entry| entry == what).unwrap();
    assert!(
        place("end a") < place("begin b").min(place("begin c"))
            && place("begin d") > place("end b").max(place("end c")),
        "{log:?}"
    );
}

#[tokio::test]
async fn independent_tasks_run_side_by_side_but_not_more_than_allowed() {
    let stage = Stage::new(vec![job(vec![task("a", &[]), task("b", &[]), task("c", &[])])]);
    ["a", "b", "c"].iter().for_each(|name| stage.script.next(name, &[Act::Wait]));
    let started = stage.scheduler.start_job("daily", None, Trigger::Api).await.unwrap();
    let run = stage.until(|run| states(run).iter().filter(|state| **state == Running).count() == 2).await;
    assert_eq!(states(&run), [Running, Running, Waiting]);
    stage.script.go_on.add_permits(1);
    stage.until(|run| run.tasks[2].state == Running).await;
    stage.script.go_on.add_permits(2);
    assert_eq!(started.ended().await.unwrap().state, RunState::Succeeded);
}

#[tokio::test]
async fn a_failed_task_is_tried_again_after_the_pause_and_not_before() {
    let stage = diamond();
    stage.script.next("a", &[Act::Fail]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    let run = stage.until(|run| run.tasks[0].state == Retrying).await;
    assert_eq!(run.tasks[0].error.as_deref(), Some("the table is locked"));
    stage.clock.advance(Duration::from_millis(119_999));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(stage.script.log(), ["begin a", "end a"]);
    stage.clock.advance(Duration::from_millis(1));
    let run = started.ended().await.unwrap();
    let a = run.task("a").unwrap();
    assert_eq!((run.state, a.state, a.attempts, &a.error), (RunState::Succeeded, Succeeded, 2, &None));
    assert_eq!((a.started, a.ended), (Some(START), Some(START.plus(Duration::from_secs(120)))));
}

#[tokio::test]
async fn every_attempt_is_for_the_same_time_and_run() {
    let stage = diamond();
    stage.script.next("a", &[Act::Fail, Act::Fail]);
    let run = stage.run().await;
    let contexts = stage.script.contexts.lock().unwrap()[..3].to_vec();
    assert_eq!(contexts, [1, 2, 3].map(|attempt| (attempt, START, run.id.clone())));
}

#[tokio::test]
async fn what_waits_for_a_failed_task_fails_too_and_the_rest_goes_on() {
    let stage = Stage::new(vec![job(vec![task("a", &[]), task("b", &["a"]), task("c", &["b"]), task("d", &[])])]);
    stage.script.next("a", &[Act::Fail, Act::Fail, Act::Fail]);
    let run = stage.run().await;
    assert_eq!(run.state, RunState::Failed);
    assert_eq!(states(&run), [Failed, UpstreamFailed, UpstreamFailed, Succeeded]);
    assert_eq!((run.tasks[0].attempts, run.tasks[1].attempts), (3, 0));
    assert_eq!(run.tasks[1].error.as_deref(), Some("task `a` did not succeed"));
}

#[tokio::test]
async fn a_failure_for_good_is_not_tried_again() {
    let stage = diamond();
    stage.script.next("a", &[Act::FailForGood]);
    let run = stage.run().await;
    assert_eq!((run.tasks[0].attempts, run.state), (1, RunState::Failed));
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let stage = diamond();
    stage.script.next("b", &[Act::Panic]);
    stage.script.next("c", &[Act::Panic, Act::Panic, Act::Panic]);
    let run = stage.run().await;
    assert_eq!(states(&run), [Succeeded, Succeeded, Failed, UpstreamFailed]);
    assert!(run.tasks[2].error.as_deref().unwrap().contains("a fault in c"), "{run:?}");
}

#[tokio::test]
async fn one_task_alone_does_not_wait_for_others() {
    let stage = diamond();
    let run = stage.scheduler.run_job("daily", Some("d"), Trigger::Manual).await.unwrap();
    assert_eq!((run.state, states(&run)), (RunState::Succeeded, vec![Succeeded]));
    assert_eq!(stage.script.log(), ["begin d", "end d"]);
}

#[tokio::test]
async fn a_second_run_of_a_job_is_refused_while_one_is_active() {
    let other = pinflow_pipeline::Job { name: "other".to_owned(), ..job(vec![task("x", &[])]) };
    let stage = Stage::new(vec![job(vec![task("a", &[])]), other]);
    stage.script.next("a", &[Act::Wait]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    let error = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap_err();
    assert!(matches!(&error, ScheduleError::AlreadyRunning { active, .. } if *active == started.id), "{error}");
    assert_eq!(stage.scheduler.active("daily"), Some(started.id.clone()));
    stage.scheduler.run_job("other", None, Trigger::Manual).await.unwrap();
    stage.script.go_on.add_permits(1);
    started.ended().await.unwrap();
    stage.run().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_what_is() {
    let stage = diamond();
    let error = stage.scheduler.run_job("dayly", None, Trigger::Manual).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no job `dayly`; there are: daily");
    let error = stage.scheduler.run_job("daily", Some("e"), Trigger::Manual).await.unwrap_err();
    assert_eq!(error.to_string(), "job `daily` has no task `e`; it has: a, b, c, d");
    let error = stage.scheduler.cancel(&RunId::new("1")).unwrap_err();
    assert!(matches!(error, ScheduleError::NotActive(_)));
}

#[tokio::test]
async fn a_cancelled_run_stops_what_runs_and_begins_nothing_more() {
    let stage = diamond();
    stage.script.next("b", &[Act::Wait]);
    stage.script.next("c", &[Act::Fail]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    stage.until(|run| states(run) == [Succeeded, Running, Retrying, Waiting]).await;
    stage.scheduler.cancel(&started.id).unwrap();
    let run = started.ended().await.unwrap();
    assert_eq!((run.state, states(&run)), (RunState::Cancelled, vec![Succeeded, Cancelled, Cancelled, Cancelled]));
    assert_eq!((run.ended, run.tasks[3].started, run.tasks[3].ended), (Some(START), None, None));
    assert!(!stage.script.log().contains(&"end b".to_owned()));
    assert_eq!(stage.scheduler.active("daily"), None);
}

#[tokio::test]
async fn a_run_goes_on_without_the_caller() {
    let stage = diamond();
    stage.script.next("a", &[Act::Wait]);
    drop(stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap());
    stage.script.go_on.add_permits(1);
    stage.until(|run| run.state == RunState::Succeeded).await;
}

#[tokio::test]
async fn stopping_ends_what_is_active_and_refuses_the_rest() {
    let stage = diamond();
    stage.script.next("a", &[Act::Wait]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    stage.scheduler.shut_down().await;
    assert_eq!(started.ended().await.unwrap().state, RunState::Cancelled);
    let error = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap_err();
    assert!(matches!(error, ScheduleError::Stopping));
}

#[tokio::test]
async fn watchers_are_told_every_change_in_order() {
    let stage = Stage::new(vec![job(vec![task("a", &[])])]);
    let mut events = stage.scheduler.subscribe();
    stage.script.next("a", &[Act::Fail]);
    let run = stage.run().await;
    let mut seen = Vec::new();
    while let Ok(RunEvent::Changed { run }) = events.try_recv() {
        seen.push((run.tasks[0].state, run.tasks[0].attempts));
        if run.ended.is_some() {
            assert_eq!(Some(&run), stage.scheduler.history().get(&run.id).as_ref());
        }
    }
    seen.dedup();
    assert_eq!(seen, [(Waiting, 0), (Running, 0), (Running, 1), (Retrying, 1), (Running, 2), (Succeeded, 2)]);
    assert_eq!(run.state, RunState::Succeeded);
}
