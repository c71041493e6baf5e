//! Consumer offsets on disk: what a restart brings back, and what a failing disk does to a commit.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use pinflow_event::{Offset, TopicPartition};
use pinflow_log::{CommittedOffset, EmbeddedLog, EventLog, LogError, TopicConfig};

use crate::faulty_disk::FaultyDisk;
use crate::harness::{append, at, kept_forever, open, open_on, topic};

fn offset(offset: u64) -> BTreeMap<TopicPartition, CommittedOffset> {
    BTreeMap::from([(at(0), CommittedOffset { offset: Offset(offset), metadata: "m".to_owned() })])
}

async fn log_on(folder: &std::path::Path, disk: &Arc<FaultyDisk>) -> EmbeddedLog {
    let log = open_on(folder, disk).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    log
}

#[tokio::test]
async fn groups_outlive_a_restart_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_on(folder.path(), &Arc::default()).await;
    let names = ["../../x", "a/b", "\u{1f37a}\n", "~lock", &"y".repeat(3_000)];
    for (number, name) in (0..).zip(names) {
        log.consumer_offsets().commit(name, offset(number)).await.unwrap();
    }
    log.consumer_offsets().forget("a/b").await.unwrap();
    drop(log);
    let files = fs::read_dir(folder.path().join("~groups")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["1.json", "3.json", "4.json", "5.json"]);
    let log = open(folder.path()).unwrap();
    for (number, name) in (0..).zip(names).filter(|(_, name)| *name != "a/b") {
        assert_eq!(log.consumer_offsets().committed(name).await.unwrap(), offset(number), "{name}");
    }
    log.consumer_offsets().commit("new", offset(9)).await.unwrap();
    assert_eq!(log.consumer_offsets().groups().await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_commit_that_cannot_be_stored_changes_nothing_and_stops_nothing() {
    for step in ["create", "append", "sync", "rename", "sync_folder"] {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        let log = log_on(folder.path(), &disk).await;
        log.consumer_offsets().commit("a", offset(1)).await.unwrap();
        for group in ["a", "b"] {
            disk.fail_next(step, ErrorKind::StorageFull);
            let refused = log.consumer_offsets().commit(group, offset(2)).await;
            assert!(matches!(refused, Err(LogError::Io { .. })), "{step}: {refused:?}");
        }
        assert_eq!(log.consumer_offsets().groups().await.unwrap(), ["a"]);
        assert_eq!(log.consumer_offsets().committed("a").await.unwrap(), offset(1));
        append(&log, &["the log goes on"]).await.unwrap();
        for group in ["a", "b"] {
            log.consumer_offsets().commit(group, offset(3)).await.unwrap();
        }
        drop(log);
        let log = open(folder.path()).unwrap();
        for group in ["a", "b"] {
            assert_eq!(log.consumer_offsets().committed(group).await.unwrap(), offset(3), "{step}");
        }
    }
}

#[tokio::test]
async fn a_topic_made_anew_begins_without_offsets_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    drop(log_on(folder.path(), &Arc::default()).await);
    for restart_between in [false, true, false, true] {
        commit_where_nothing_is(folder.path()).await;
        let mut log = open(folder.path()).unwrap();
        log.delete_topic(&topic()).await.unwrap();
        if restart_between {
            drop(log);
            log = open(folder.path()).unwrap();
        }
        log.create_topic(&topic(), TopicConfig::default()).await.unwrap();
    }
    commit_where_nothing_is(folder.path()).await;
}

/// Opens the log, in which nobody has committed anything for the topic that is there now, and commits something.
async fn commit_where_nothing_is(folder: &std::path::Path) {
    let log = open(folder).unwrap();
    assert_eq!(log.consumer_offsets().committed("a").await.unwrap(), BTreeMap::new());
    log.consumer_offsets().commit("a", offset(7)).await.unwrap();
    assert_eq!(log.consumer_offsets().committed("a").await.unwrap(), offset(7));
}

/// A commit of one group waits for the disk; another group's offsets can be read, and those that it has stay visible.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_does_not_wait_for_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = log_on(folder.path(), &disk).await;
    let kept = log.consumer_offsets();
    kept.commit("a", offset(1)).await.unwrap();
    disk.hold_syncs();
    let commits = ["a", "b"].map(|group| {
        let kept = Arc::clone(&kept);
        tokio::spawn(async move { kept.commit(group, offset(2)).await })
    });
    // The steps of the topic and the first commit, then one write of each group.
    disk.reached("append", 4).await;
    assert_eq!(kept.committed("a").await.unwrap(), offset(1));
    assert_eq!(kept.groups().await.unwrap(), ["a"]);
    disk.release_syncs();
    for commit in commits {
        commit.await.unwrap().unwrap();
    }
    assert_eq!(kept.groups().await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn a_damaged_file_of_a_group_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_on(folder.path(), &Arc::default()).await;
    log.consumer_offsets().commit("a", offset(1)).await.unwrap();
    drop(log);
    let damaged = folder.path().join("~groups/1.json");
    fs::write(&damaged, "{").unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::Corrupt { file, .. }) if file == damaged));
}
