//! What is left of runs after a restart, a crash, and time.

use std::fs;

use pinflow_schedule::TaskState::{Interrupted, Succeeded};
use pinflow_schedule::{JobRun, RunHistory, RunState, ScheduleError, Trigger};
use tempfile::TempDir;

use crate::support::{Act, START, Stage, job, states, task};

fn two_tasks() -> Vec<pinflow_pipeline::Job> {
    vec![job(vec![task("a", &[]), task("b", &["a"])])]
}

fn reopen(stage: &Stage) -> RunHistory {
    RunHistory::open(stage.folder.path().join("runs"), RunHistory::KEEP, stage.now()).unwrap()
}

#[tokio::test]
async fn runs_are_read_back() {
    let stage = Stage::new(two_tasks());
    let (first, second) = (stage.run().await, stage.run().await);
    let history = reopen(&stage);
    assert_eq!(history.list(10), [second.clone(), first.clone()]);
    assert_eq!(
        (history.list(1), history.get(&first.id), history.latest("daily")),
        (vec![second.clone()], Some(first), Some(second))
    );
    assert_eq!(history.latest("other"), None);
}

#[tokio::test]
async fn every_state_is_on_disk_before_watchers_hear_of_it() {
    let stage = Stage::new(two_tasks());
    let file = |run: &JobRun| stage.folder.path().join("runs").join(format!("{}.json", run.id));
    stage.script.next("b", &[Act::Wait]);
    let started = stage.scheduler.start_job("daily", None, Trigger::Api).await.unwrap();
    let run = stage.until(|run| run.tasks[1].attempts == 1).await;
    let stored = || serde_json::from_slice::<JobRun>(&fs::read(file(&run)).unwrap()).unwrap();
    assert_eq!(stored().tasks[0].state, Succeeded);
    stage.script.go_on.add_permits(1);
    let ended = started.ended().await.unwrap();
    assert_eq!(stored(), ended);
}

#[tokio::test]
async fn a_run_that_a_crash_broke_off_is_interrupted() {
    let stage = Stage::new(two_tasks());
    stage.script.next("b", &[Act::Wait]);
    stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap();
    stage.until(|run| run.tasks[1].attempts == 1).await;
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(stage.folder.path().join("runs")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    for _ in 0..2 {
        let history = RunHistory::open(folder.path(), 10, stage.now()).unwrap();
        let run = history.latest("daily").unwrap();
        assert_eq!((run.state, states(&run)), (RunState::Interrupted, vec![Succeeded, Interrupted]));
        assert_eq!((run.ended, run.tasks[1].ended), (Some(START), Some(START)));
    }
}

#[tokio::test]
async fn torn_files_are_put_aside_and_the_others_kept() {
    let stage = Stage::new(two_tasks());
    let run = stage.run().await;
    let folder = stage.folder.path().join("runs");
    let whole = fs::read(folder.join(format!("{}.json", run.id))).unwrap();
    fs::write(folder.join("torn.json"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.join("empty.json"), b"").unwrap();
    fs::write(folder.join("another.json"), &whole).unwrap();
    fs::write(folder.join(format!("{}.json.new", run.id)), b"{").unwrap();
    let history = reopen(&stage);
    assert_eq!(history.list(10), [run]);
    let mut damaged: Vec<_> = history.damaged().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    damaged.sort();
    assert_eq!(damaged, ["another.json.damaged", "empty.json.damaged", "torn.json.damaged"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "what was being written is removed");
    assert_eq!(reopen(&stage).damaged().len(), 0, "told once");
}

#[tokio::test]
async fn only_the_newest_runs_of_each_job_are_kept() {
    let folder = TempDir::new().unwrap();
    let history = RunHistory::open(folder.path(), 2, START).unwrap();
    let stage = Stage::new(two_tasks());
    let mut run = stage.run().await;
    for n in 0..5 {
        for job in ["daily", "hourly"] {
            run.id = pinflow_schedule::RunId::new(format!("{n}-{job}"));
            run.job = job.to_owned();
            history.save(&run).await.unwrap();
        }
    }
    let ids: Vec<_> = history.list(10).iter().map(|run| run.id.to_string()).collect();
    assert_eq!(ids, ["4-hourly", "4-daily", "3-hourly", "3-daily"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    let fewer = RunHistory::open(folder.path(), 1, START).unwrap();
    assert_eq!(fewer.list(10).len(), 2);
}

#[tokio::test]
async fn a_run_that_cannot_be_kept_is_not_begun() {
    let stage = Stage::new(two_tasks());
    fs::remove_dir_all(stage.folder.path().join("runs")).unwrap();
    let error = stage.scheduler.start_job("daily", None, Trigger::Manual).await.unwrap_err();
    assert!(matches!(error, ScheduleError::History { action: "write", .. }), "{error}");
    assert_eq!((stage.scheduler.active("daily"), stage.script.log()), (None, Vec::new()));
}

#[tokio::test]
async fn the_json_of_a_run_is_an_interface() {
    let stage = Stage::new(vec![job(vec![task("a", &[])])]);
    let run = serde_json::to_value(stage.run().await).unwrap();
    let expected = serde_json::json!({
        "id": run["id"], "job": "daily", "trigger": "manual", "state": "succeeded", "full": false, "accept_missing": false,
        "run_time": START, "started": START, "ended": run["ended"],
        "tasks": [{
            "name": "a", "state": "succeeded", "attempts": 1, "started": run["tasks"][0]["started"], "ended": run["tasks"][0]["ended"],
            "rows": 0, "note": "a is fine", "error": null,
        }],
    });
    assert_eq!(run, expected);
}
