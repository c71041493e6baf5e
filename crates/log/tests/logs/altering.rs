//! Changes of topics and consumer offsets over crashes: a script is cut off at each step on the disk, and what a restart finds is
//! what the in-memory log holds before or after the step of the script that was under way.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use futures::future::join_all;
use pinflow_event::{ManualClock, NewRecord, Offset, Partition, Timestamp, TopicPartition};
use pinflow_log::{
    CommittedOffset, EmbeddedLog, EmbeddedOptions, EventLog, LogError, MemoryLog, TopicChange, TopicConfig,
};

use crate::faulty_disk::{FaultyDisk, Unsynced};
use crate::harness::{EVERYTHING, append, at, kept_forever, open, open_on, options, topic, values};

fn change(partitions: u32, close: &[u32], tag: Option<&str>) -> TopicChange {
    TopicChange {
        partitions: Some(partitions),
        close: close.iter().copied().map(Partition).collect(),
        properties: BTreeMap::from([("tag".to_owned(), tag.map(str::to_owned))]),
        ..TopicChange::default()
    }
}

async fn commit(log: &dyn EventLog, group: &str, partition: u32, offset: u64) -> Result<(), LogError> {
    let committed = CommittedOffset { offset: Offset(offset), metadata: format!("{group} at {offset}") };
    log.consumer_offsets().commit(group, [(at(partition), committed)].into()).await
}

async fn append_to(log: &dyn EventLog, partition: u32) -> Result<(), LogError> {
    let records = (0..2).map(|n| (Partition(partition), NewRecord::from_value(format!("{partition} {n}"))));
    log.append(&topic(), records.collect()).await.map(drop)
}

const STEPS: usize = 17;

async fn script(log: &dyn EventLog, step: usize) -> Result<(), LogError> {
    match step {
        0 => log.create_topic(&topic(), kept_forever(1)).await.map(drop),
        1 => append_to(log, 0).await,
        2 => commit(log, "../a", 0, 1).await,
        3 => commit(log, "b", 0, 2).await,
        4 => log.alter_topic(&topic(), change(3, &[0], Some("1"))).await.map(drop),
        5 => append_to(log, 2).await,
        6 => commit(log, "../a", 2, 1).await,
        7 => log.alter_topic(&topic(), change(4, &[3], None)).await.map(drop),
        8 => append_to(log, 1).await,
        9 => log.consumer_offsets().forget("b").await,
        10 => log.delete_topic(&topic()).await,
        11 => log.create_topic(&topic(), kept_forever(2)).await.map(drop),
        12 => commit(log, "b", 1, 0).await,
        13 => append_to(log, 1).await,
        14 => log.alter_topic(&topic(), change(3, &[1], None)).await.map(drop),
        15 => commit(log, "../a", 2, 0).await,
        _ => log
            .alter_topic(&topic(), TopicChange { retention_bytes: Some(Some(9)), ..change(3, &[], None) })
            .await
            .map(drop),
    }
}

/// All that a client can see.
async fn seen(log: &dyn EventLog) -> String {
    let mut seen = format!("{:?}\n", log.topics().await.unwrap());
    for description in log.topics().await.unwrap() {
        for partition in (0..description.config.partitions).map(Partition) {
            let at = TopicPartition::new(description.name.clone(), partition);
            let records = log.read(&at, Offset::ZERO, EVERYTHING).await.unwrap();
            let values: Vec<_> = records.into_iter().map(|record| record.value.unwrap()).collect();
            seen += &format!("{partition}: {values:?}\n");
        }
    }
    let kept = log.consumer_offsets();
    for group in kept.groups().await.unwrap() {
        seen += &format!("{group}: {:?}\n", kept.committed(&group).await.unwrap());
    }
    seen
}

/// What can be seen before the first step and after each.
async fn expected() -> Vec<String> {
    let log = MemoryLog::new(Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000))));
    let mut expected = vec![seen(&log).await];
    for step in 0..STEPS {
        script(&log, step).await.unwrap();
        expected.push(seen(&log).await);
    }
    expected
}

async fn cut_at_every_step(unsynced: Unsynced) {
    let expected = expected().await;
    for cut in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        disk.cut_power_at(cut);
        let mut done = 0;
        if let Ok(log) = open_on(folder.path(), &disk) {
            while done < STEPS && script(&log, done).await.is_ok() {
                done += 1;
            }
        }
        disk.settle(unsynced);
        let what = format!("{unsynced:?}, cut at {:?} in step {done}", disk.steps().get(cut));
        let log = open(folder.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = seen(&log).await;
        let possible = &expected[done..(done + 2).min(STEPS + 1)];
        let reached = possible.iter().position(|state| *state == found);
        let reached = done + reached.unwrap_or_else(|| panic!("{what}: {found}\nand none of {possible:?}"));
        for step in reached..STEPS {
            script(&log, step).await.unwrap_or_else(|error| panic!("{what}, then step {step}: {error}"));
        }
        drop(log);
        assert_eq!(seen(&open(folder.path()).unwrap()).await, expected[STEPS], "{what}, gone on with");
        if done == STEPS && disk.steps().len() <= cut {
            assert!(cut > 100, "a run of {cut} steps has not everything in it");
            return;
        }
    }
}

#[tokio::test]
async fn a_kill_leaves_a_change_done_or_not_begun() {
    cut_at_every_step(Unsynced::Kept).await;
}

#[tokio::test]
async fn a_power_cut_leaves_a_change_done_or_not_begun() {
    cut_at_every_step(Unsynced::Lost).await;
}

/// Names of what was done to the folder of the topic, without the folder.
fn steps_in(folder: &Path, disk: &FaultyDisk, from: usize) -> Vec<String> {
    let folder = format!("{}", folder.display());
    disk.steps()[from..].iter().map(|step| step.replace(&folder, "")).collect()
}

/// The names of what a change made are on disk before `topic.json` speaks of it, and that is before anyone is told.
#[tokio::test]
async fn a_change_is_durable_before_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_on(folder.path(), &disk).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let before = disk.steps().len();
    log.alter_topic(&topic(), change(2, &[], None)).await.unwrap();
    let expected = [
        "create_folder /1",
        "create /1/00000000000000000000.log",
        "sync_folder /1",
        "sync_folder ",
        "create /topic.json.new",
        "append /topic.json.new",
        "sync /topic.json.new",
        "rename /topic.json.new",
        "sync_folder ",
    ];
    assert_eq!(steps_in(&folder.path().join("demo.pin"), &disk, before), expected);
    let before = disk.steps().len();
    commit(&log, "a", 0, 0).await.unwrap();
    let expected = [
        "create_folder /~groups",
        "sync_folder ",
        "create /~groups/1.json.new",
        "append /~groups/1.json.new",
        "sync /~groups/1.json.new",
        "rename /~groups/1.json.new",
        "sync_folder /~groups",
    ];
    assert_eq!(steps_in(folder.path(), &disk, before), expected);
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_leaves_the_topic_as_it_was() {
    for step in ["create_folder", "create", "append", "sync", "sync_folder", "rename"] {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        let log = open_on(folder.path(), &disk).unwrap();
        let before = log.create_topic(&topic(), kept_forever(2)).await.unwrap();
        append(&log, &["a"]).await.unwrap();
        // What is closed is flushed first; a failure of that is one of the log, not of the change.
        let change = change(4, if ["append", "sync"].contains(&step) { &[] } else { &[0] }, Some("x"));
        disk.fail_next(step, ErrorKind::StorageFull);
        let refused = log.alter_topic(&topic(), change.clone()).await;
        assert!(matches!(refused, Err(LogError::Io { .. })), "{step}: {refused:?}");
        assert_eq!(log.topic(&topic()).await.unwrap(), before, "{step}");
        assert_eq!(append(&log, &["b"]).await.unwrap(), Offset(1), "{step}");
        let altered = log.alter_topic(&topic(), change).await.unwrap();
        append_to(&log, 3).await.unwrap();
        drop(log);
        let log = open(folder.path()).unwrap();
        assert_eq!(log.topics().await.unwrap(), [altered], "{step}");
        assert_eq!((values(&log, 0).await.len(), values(&log, 3).await.len()), (2, 2), "{step}");
    }
}

/// What was queued before the closing is stored, however long that takes; what comes meanwhile is refused at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<FaultyDisk> = Arc::default();
    let log = open_on(folder.path(), &disk).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    disk.hold_syncs();
    let mut under_way = join_all((0..5).map(|_| append(&log, &["a", "b"])));
    assert!(futures::poll!(&mut under_way).is_pending());
    let name = topic();
    let mut closing = log.alter_topic(&name, change(1, &[0], None));
    assert!(futures::poll!(&mut closing).is_pending());
    // The refusal comes as soon as the closing has begun on its thread; until then appends are queued before it.
    let mut early = Vec::new();
    loop {
        let mut next = Box::pin(append(&log, &["c"]));
        match futures::poll!(&mut next) {
            std::task::Poll::Pending => early.push(next),
            std::task::Poll::Ready(refused) => {
                assert!(matches!(refused, Err(LogError::PartitionClosed(_))), "{refused:?}");
                break;
            }
        }
    }
    assert!(log.topic(&name).await.unwrap().config.closed.is_empty(), "it is not closed before all of it is there");
    disk.release_syncs();
    assert!(under_way.await.iter().all(Result::is_ok));
    assert_eq!(closing.await.unwrap().config.closed, [Partition(0)].into());
    let end = log.bounds(&at(0)).await.unwrap().end;
    assert_eq!(end, Offset(10 + early.len() as u64));
    assert!(join_all(early).await.iter().all(Result::is_ok));
    assert_eq!(log.bounds(&at(0)).await.unwrap().end, end);
}

#[tokio::test]
async fn a_topic_of_the_first_release_opens_and_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path()).unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    append(&log, &["a"]).await.unwrap();
    drop(log);
    let file = folder.path().join("demo.pin/topic.json");
    let first = r#"{"format":1,"name":"demo.pin","partitions":1,"retention_ms":null,"retention_bytes":null,"created_ms":1000000}"#;
    fs::write(&file, first).unwrap();
    let log = open(folder.path()).unwrap();
    commit(&log, "a", 0, 1).await.unwrap();
    let altered = log.alter_topic(&topic(), change(2, &[0], Some("x"))).await.unwrap();
    drop(log);
    let log = open(folder.path()).unwrap();
    assert_eq!(log.topics().await.unwrap(), [altered]);
    assert_eq!(values(&log, 0).await, ["a"]);
    log.delete_topic(&topic()).await.unwrap();
    log.create_topic(&topic(), TopicConfig::default()).await.unwrap();
    assert_eq!(log.consumer_offsets().committed("a").await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn records_of_a_partition_that_the_topic_does_not_name_are_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(
        EmbeddedOptions { ..options(folder.path(), &Arc::default()) },
        Arc::new(ManualClock::default()),
    )
    .unwrap();
    log.create_topic(&topic(), kept_forever(1)).await.unwrap();
    let file = folder.path().join("demo.pin/topic.json");
    let old = fs::read(&file).unwrap();
    log.alter_topic(&topic(), change(3, &[], None)).await.unwrap();
    append_to(&log, 2).await.unwrap();
    drop(log);
    fs::write(&file, old).unwrap();
    match open(folder.path()).err() {
        Some(LogError::Corrupt { file: named, why, .. }) => {
            assert_eq!(named, file);
            assert!(why.contains("records of partition 2"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}
