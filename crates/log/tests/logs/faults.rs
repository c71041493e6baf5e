//! A disk that is full or fails: the append fails, the log says so and stops, nothing acknowledged is lost.

use std::io::ErrorKind;
use std::sync::Arc;

use futures::future::join_all;
use pinflow_event::{NewRecord, Offset, Partition};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, LogError};

use crate::faulty_disk::{FaultyDisk, Unsynced};
use crate::harness::{append, kept_forever, open, open_on, open_with, options, topic, values};

async fn check_poisoned(log: &EmbeddedLog, cause: &str) {
    for _ in 0..2 {
        match append(log, &["later"]).await {
            Err(LogError::Poisoned { cause: told }) => assert!(told.contains(cause), "{told}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(log.health(), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.create_topic(&topic(), kept_forever(1)).await, Err(LogError::Poisoned { .. })));
}

/// `step` fails in the middle of a run; what was acknowledged stays readable, and is alone there after a restart.
async fn a_fault(step: &'static str, kind: ErrorKind, cause: &str, unsynced: Unsynced) {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_on(folder.path(), &disk).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let mut acknowledged = Vec::new();
    for n in 0..30 {
        if n == 10 {
            disk.fail_next(step, kind);
        }
        let value = format!("{n} {}", "x".repeat(80));
        match append(&log, &[&value, &value]).await {
            Ok(_) => acknowledged.extend([value.clone(), value]),
            Err(LogError::Poisoned { cause: told }) => {
                assert!(told.contains(cause), "{told}");
                break;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!((20..60).contains(&acknowledged.len()), "nothing failed");
    check_poisoned(&log, cause).await;
    assert_eq!(values(&log, 0).await, acknowledged, "reads go on");
    disk.cut_power();
    drop(log);
    disk.settle(unsynced);
    let log = open(folder.path()).unwrap();
    assert_eq!(values(&log, 0).await, acknowledged);
    assert_eq!(append(&log, &["next"]).await.unwrap(), Offset(acknowledged.len() as u64));
}

#[tokio::test]
async fn a_full_disk_stops_the_log_and_loses_nothing() {
    for unsynced in [Unsynced::Kept, Unsynced::Lost] {
        a_fault("append", ErrorKind::StorageFull, "no storage space", unsynced).await;
    }
}

#[tokio::test]
async fn a_failed_sync_stops_the_log_and_loses_nothing() {
    for unsynced in [Unsynced::Kept, Unsynced::Lost] {
        a_fault("sync", ErrorKind::Other, "cannot sync", unsynced).await;
    }
}

#[tokio::test]
async fn a_segment_that_cannot_be_made_stops_the_log_and_loses_nothing() {
    a_fault("create", ErrorKind::PermissionDenied, "cannot create", Unsynced::Kept).await;
    a_fault("sync_folder", ErrorKind::Other, "cannot sync", Unsynced::Kept).await;
}

#[tokio::test]
async fn a_topic_that_cannot_be_made_leaves_nothing_and_stops_nothing() {
    for step in ["create_folder", "create", "append", "sync", "sync_folder", "rename"] {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        let log = open_on(folder.path(), &disk).unwrap();
        disk.fail_next(step, ErrorKind::StorageFull);
        let refused = log.create_topic(&topic(), kept_forever(2)).await;
        assert!(matches!(refused, Err(LogError::Io { .. })), "{step}: {refused:?}");
        assert_eq!(log.topics().await.unwrap(), []);
        log.health().unwrap();
        log.create_topic(&topic(), kept_forever(2)).await.unwrap();
        append(&log, &["a"]).await.unwrap();
        drop(log);
        assert_eq!(values(&open(folder.path()).unwrap(), 0).await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_slow_disk_is_bounded_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_with(EmbeddedOptions { max_waiting_bytes: 10_000, ..options(folder.path(), &disk) }).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    disk.hold_syncs();
    let batch = || vec![(Partition(0), NewRecord::from_value(vec![b'x'; 900]))];
    let topic = topic();
    let mut appends = join_all((0..30).map(|_| log.append(&topic, batch())));
    assert!(futures::poll!(&mut appends).is_pending());
    let refused = log.append(&topic, batch()).await;
    assert!(matches!(refused, Err(LogError::Overloaded { waiting: 9_000..=10_000, .. })), "{refused:?}");
    disk.release_syncs();
    let stored = appends.await.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(stored, 10);
    log.append(&topic, batch()).await.unwrap();
    assert_eq!(values(&log, 0).await.len(), 11);
}

/// While one group is synced, the next gathers: many appends share few syncs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_wait_share_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_with(options(folder.path(), &disk)).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let syncs = || disk.steps().iter().filter(|step| step.starts_with("sync ")).count();
    let before = syncs();
    disk.hold_syncs();
    let appends = join_all((0..200).map(|_| append(&log, &["a"])));
    let (answers, ()) = tokio::join!(appends, async { disk.release_syncs() });
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(values(&log, 0).await.len(), 200);
    assert!(syncs() - before <= 3, "{} syncs", syncs() - before);
}
