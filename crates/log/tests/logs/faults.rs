//! A disk that is full or fails: the append fails, the log says so and stops, nothing acknowledged is lost.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use futures::future::join_all;
use pinflow_event::{ManualClock, NewRecord, Offset, Partition};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, LogError};

use crate::faulty_disk::{FaultyDisk, Unsynced};
use crate::harness::{append, at, kept_forever, open, open_on, open_with, options, topic, values};

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
    let place = at(0);
    let mut waiting = log.wait_beyond(&place, Offset(1_000));
    assert!(futures::poll!(&mut waiting).is_pending());
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
    let ended = waiting.await;
    assert!(matches!(ended, Err(LogError::Poisoned { .. })), "nothing will come any more: {ended:?}");
    assert!(matches!(log.wait_beyond(&place, Offset(1_000)).await, Err(LogError::Poisoned { .. })));
    log.wait_beyond(&place, Offset(3)).await.unwrap();
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
        for step in ["append", "sync", "create"] {
            a_fault(step, ErrorKind::StorageFull, "no storage space", unsynced).await;
        }
    }
}

/// Linux lets a process write into files that somebody deleted: such an append must not be acknowledged.
#[tokio::test]
async fn a_deleted_data_folder_stops_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(EmbeddedOptions::new(folder.path()), Arc::new(ManualClock::default())).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["acknowledged"]).await.unwrap();
    std::fs::remove_dir_all(folder.path().join(topic().as_str())).unwrap();
    check_poisoned(&log, "deleted while the log had it open").await;
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

/// A log whose topic is made, with a disk whose next sync waits.
fn held(folder: &Path) -> (Arc<FaultyDisk>, EmbeddedLog) {
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_with(options(folder, &disk)).unwrap();
    (disk, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_visible_before_it_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, log) = held(folder.path());
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["a"]).await.unwrap();
    disk.hold_syncs();
    let mut second = Box::pin(append(&log, &["b"]));
    assert!(futures::poll!(&mut second).is_pending());
    disk.reached("append", 3).await; // One for `topic.json`.
    assert_eq!(values(&log, 0).await, ["a"]);
    assert!(futures::poll!(Box::pin(log.wait_beyond(&at(0), Offset(1)))).is_pending());
    disk.release_syncs();
    assert_eq!(second.await.unwrap(), Offset(1));
    assert_eq!(values(&log, 0).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_while_a_write_fails_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, log) = held(folder.path());
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    disk.hold_syncs();
    disk.fail_next("sync", ErrorKind::StorageFull);
    let mut failing = join_all([append(&log, &["a"])]);
    assert!(futures::poll!(&mut failing).is_pending());
    disk.reached("append", 2).await;
    let mut waiting = join_all((0..3).map(|_| append(&log, &["b"])));
    assert!(futures::poll!(&mut waiting).is_pending());
    disk.release_syncs();
    for answer in failing.await.into_iter().chain(waiting.await) {
        assert!(matches!(answer, Err(LogError::Poisoned { .. })), "{answer:?}");
    }
}

/// A power cut may leave later frames of a group on disk without the earlier ones. None of them was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_was_written_out_of_order_is_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, log) = held(folder.path());
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    disk.hold_syncs();
    let mut first = join_all([append(&log, &["a"])]);
    assert!(futures::poll!(&mut first).is_pending());
    let steps = disk.reached("append", 2).await;
    let mut group = join_all((0..4).map(|_| append(&log, &["b"])));
    assert!(futures::poll!(&mut group).is_pending());
    // The first sync and the group's write are done, the group's sync is not.
    disk.cut_power_at(steps + 2);
    disk.release_syncs();
    assert!(first.await[0].is_ok() && group.await.iter().all(Result::is_err));
    drop(log);
    disk.settle(Unsynced::HolesFirst);
    let log = open(folder.path()).unwrap();
    assert_eq!(values(&log, 0).await, ["a"]);
}

/// What a start finds in the page cache alone is made durable before anyone sees it.
#[tokio::test]
async fn what_a_restart_shows_outlives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, log) = held(folder.path());
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["a"]).await.unwrap();
    disk.cut_power_at(disk.steps().len() + 1); // Between the next write and its sync.
    append(&log, &["b"]).await.unwrap_err();
    drop(log);
    disk.restore_power();
    let log = open_on(folder.path(), &disk).unwrap();
    assert_eq!(values(&log, 0).await, ["a", "b"]);
    disk.cut_power();
    drop(log);
    disk.settle(Unsynced::Lost);
    assert_eq!(values(&open(folder.path()).unwrap(), 0).await, ["a", "b"]);
}
