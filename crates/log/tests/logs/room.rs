//! Room behind the frames of a segment: it is there while many small batches come, and never in the way.

use std::path::Path;
use std::sync::Arc;

use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog};

use crate::faulty_disk::{FaultyDisk, Unsynced};
use crate::harness::{append, kept_forever, open, open_with, options, segments, topic, values};

const SEGMENT_BYTES: u64 = 300 << 10;
const BATCH_BYTES: usize = 8 << 10;

fn open_run(folder: &Path, disk: &Arc<FaultyDisk>) -> EmbeddedLog {
    let options = EmbeddedOptions { segment_bytes: SEGMENT_BYTES, committers: 1, ..options(folder, disk) };
    open_with(options).unwrap()
}

/// Fills a segment and half of the next one; what was acknowledged.
async fn run(log: &EmbeddedLog) -> Vec<String> {
    let mut acknowledged = Vec::new();
    if log.create_topic(&topic(), kept_forever(1)).await.is_err() {
        return acknowledged;
    }
    for n in 0..60 {
        let value = format!("{n} {}", "x".repeat(BATCH_BYTES));
        match append(log, &[&value]).await {
            Ok(_) => acknowledged.push(value),
            Err(_) => break,
        }
    }
    acknowledged
}

fn length(segment: &Path) -> u64 {
    std::fs::metadata(segment).unwrap().len()
}

#[tokio::test]
async fn small_batches_get_room_within_the_segment_and_a_clean_close_cuts_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_run(folder.path(), &disk);
    let acknowledged = run(&log).await;
    let rooms = disk.steps().iter().filter(|step| step.starts_with("make_room ")).count();
    let syncs = disk.steps().iter().filter(|step| step.starts_with("sync ")).count();
    assert!((2..10).contains(&rooms) && syncs > 60, "{rooms} times room, {syncs} syncs");
    let [sealed, active] = &segments(folder.path(), 0)[..] else { panic!("two segments are expected") };
    assert!(length(sealed) <= SEGMENT_BYTES + 200, "a sealed segment has no room, but a seal");
    let with_room = length(active);
    assert!(with_room <= SEGMENT_BYTES);
    log.close().await.unwrap();
    assert!(length(active) < with_room);
    let log = open(folder.path()).unwrap();
    assert_eq!(values(&log, 0).await, acknowledged);
}

#[tokio::test]
async fn large_batches_get_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_with(options(folder.path(), &disk)).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    for _ in 0..5 {
        append(&log, &[&"x".repeat(300 << 10)]).await.unwrap();
    }
    assert!(!disk.steps().iter().any(|step| step.starts_with("make_room ")));
}

#[tokio::test]
async fn room_that_a_crash_left_is_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_run(folder.path(), &disk);
    let mut acknowledged = run(&log).await;
    disk.cut_power();
    drop(log);
    let log = open_run(folder.path(), &Arc::default());
    for n in 0..20 {
        let value = format!("again {n} {}", "y".repeat(BATCH_BYTES));
        append(&log, &[&value]).await.unwrap();
        acknowledged.push(value);
    }
    drop(log);
    assert_eq!(values(&open(folder.path()).unwrap(), 0).await, acknowledged);
}

async fn cut_at_every_step(unsynced: Unsynced) {
    for step in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        let log = open_run(folder.path(), &disk);
        disk.cut_power_at(step);
        let acknowledged = run(&log).await;
        let finished = log.close().await.is_ok() && disk.steps().len() <= step;
        drop(log);
        disk.settle(unsynced);
        let what = format!("{unsynced:?}, cut at step {step}");
        let log = open_run(folder.path(), &Arc::default());
        if log.topic(&topic()).await.is_err() {
            assert!(acknowledged.is_empty(), "{what}");
            continue;
        }
        let stored = values(&log, 0).await;
        assert!(stored.starts_with(&acknowledged), "{what}: {} of {}", stored.len(), acknowledged.len());
        assert!(stored.len() <= acknowledged.len() + 1, "{what}: one batch at most was under way");
        append(&log, &["next"]).await.unwrap();
        if finished {
            assert!(step > 120, "a run of {step} steps has not everything in it");
            return;
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_step_loses_nothing() {
    cut_at_every_step(Unsynced::Kept).await;
}

#[tokio::test]
async fn a_power_cut_at_any_step_loses_nothing() {
    cut_at_every_step(Unsynced::Lost).await;
}

#[tokio::test]
async fn a_power_cut_that_wrote_pages_out_of_order_loses_nothing() {
    cut_at_every_step(Unsynced::HolesFirst).await;
}
