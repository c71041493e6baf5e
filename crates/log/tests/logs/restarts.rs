//! What a restart brings back, and who may start.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pinflow_event::{NewRecord, Offset, Partition, Timestamp, TopicName};
use pinflow_log::{EmbeddedOptions, EventLog, LogError, TopicConfig};

use crate::faulty_disk::copy_folder;
use crate::harness::{EVERYTHING, append, at, kept_forever, open, open_with, options, segments, topic, value, values};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for restart in 0..5 {
        let log = open(folder.path()).unwrap();
        if restart == 0 {
            log.create_topic(&topic(), kept_forever(2)).await.unwrap();
        }
        assert_eq!(values(&log, 0).await, expected);
        for n in 0..20 {
            let value = format!("{restart} {n} {}", "x".repeat(90));
            assert_eq!(append(&log, &[&value]).await.unwrap(), Offset(expected.len() as u64));
            expected.push(value);
        }
        if restart % 2 == 0 {
            log.close().await.unwrap();
        }
    }
    assert!(segments(folder.path(), 0).len() > 5, "the segments are tiny");
    let log = open_with(EmbeddedOptions { verify: true, ..EmbeddedOptions::new(folder.path()) }).unwrap();
    assert_eq!(values(&log, 0).await, expected);
    for from in 0..expected.len() {
        let read = log.read(&at(0), Offset(from as u64), EVERYTHING).await.unwrap();
        assert_eq!(read.iter().map(value).collect::<Vec<_>>(), expected[from..]);
    }
}

#[tokio::test]
async fn topics_are_kept_as_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let longest = TopicName::new(&"x".repeat(TopicName::MAX_LENGTH)).unwrap();
    let config = TopicConfig { partitions: 3, retention_bytes: Some(9), ..TopicConfig::default() };
    let made = {
        let log = open(folder.path()).unwrap();
        log.create_topic(&topic(), kept_forever(1)).await.unwrap();
        log.delete_topic(&topic()).await.unwrap();
        log.create_topic(&longest, config).await.unwrap()
    };
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    assert_eq!(open(folder.path()).unwrap().topics().await.unwrap(), [made]);
}

#[tokio::test]
async fn leftovers_of_topics_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    for leftover in ["~creating-1", "~deleted-1"] {
        fs::create_dir_all(folder.path().join(leftover).join("0")).unwrap();
    }
    let log = open(folder.path()).unwrap();
    assert_eq!(log.topics().await.unwrap(), []);
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    log.delete_topic(&topic()).await.unwrap();
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["~lock"]);
}

#[tokio::test]
async fn a_folder_has_one_log_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::InUse(path)) if path == folder.path()));
    log.close().await.unwrap();
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn idle_restarts_do_not_grow_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["a"]).await.unwrap();
    drop(log);
    let length = || fs::metadata(&segments(folder.path(), 0)[0]).unwrap().len();
    let before = length();
    for _ in 0..3 {
        drop(open(folder.path()).unwrap());
    }
    assert_eq!(length(), before);
}

#[tokio::test]
async fn retention_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        TopicConfig { partitions: 1, retention_age: None, retention_bytes: Some(1_000), ..TopicConfig::default() };
    let earliest = {
        let log = open(folder.path()).unwrap();
        log.create_topic(&topic(), config).await.unwrap();
        for _ in 0..50 {
            append(&log, &["x".repeat(100).as_str()]).await.unwrap();
        }
        assert!(log.enforce_retention(Timestamp::from_millis(0)).await.unwrap() > 0);
        log.bounds(&at(0)).await.unwrap().earliest
    };
    assert!(earliest > Offset(30));
    let log = open(folder.path()).unwrap();
    assert_eq!(log.bounds(&at(0)).await.unwrap().earliest, earliest);
    assert_eq!(values(&log, 0).await.len() as u64, 50 - earliest.0);
    drop(log);
    fs::remove_file(&segments(folder.path(), 0)[0]).unwrap();
    assert!(
        matches!(open(folder.path()), Err(LogError::Corrupt { .. })),
        "the first segment was removed by nobody of us"
    );
}

/// A copy of the files at any moment holds everything that was acknowledged before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_load_holds_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open_with(options(folder.path(), &Arc::default())).unwrap());
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (log, acknowledged, stop) = (Arc::clone(&log), Arc::clone(&acknowledged), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let batch = (0..5).map(|n| (Partition(0), NewRecord::from_value(n.to_string()))).collect();
                    let places = log.append(&topic(), batch).await.unwrap();
                    acknowledged.fetch_max(places[4].offset.0 + 1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..10 {
        while acknowledged.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let copy = tempfile::tempdir().unwrap();
        let before = acknowledged.load(Ordering::SeqCst);
        copy_folder(folder.path(), copy.path());
        let copied = open(copy.path()).unwrap();
        let got = values(&copied, 0).await;
        assert!(got.len() as u64 >= before);
        assert_eq!(got.len() % 5, 0, "half a batch");
        assert!(got.iter().zip((0..5).cycle()).all(|(got, n)| *got == n.to_string()));
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}
