//! A run with everything in it, cut off at each of its steps: after a restart all that was acknowledged is there,
//! whole, once, and nothing is half there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pinflow_event::{Clock, ManualClock, NewRecord, Offset, Partition, Timestamp, TopicName};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, LogError, TopicConfig};

use crate::faulty_disk::{FaultyDisk, Unsynced};
use crate::harness::{EVERYTHING, at, kept_forever, open, options, topic, value};

const START: Timestamp = Timestamp::from_millis(1_000_000);
const PARTITIONS: u32 = 2;
const RECORDS_A_BATCH: u64 = 3;

/// What the client of a run knows.
#[derive(Default)]
struct Acknowledged {
    topic: bool,
    /// Per partition: the value and offset of each batch's first record.
    batches: [Vec<(String, Offset)>; PARTITIONS as usize],
    /// What a reader may still need, per partition.
    needed: Offset,
    other_is_there: bool,
    other_is_gone: bool,
}

fn other() -> TopicName {
    TopicName::new("other").unwrap()
}

/// Goes on until a step fails.
async fn run(log: &EmbeddedLog, clock: &ManualClock, known: &mut Acknowledged) -> Result<(), LogError> {
    let hour = Duration::from_secs(3600);
    log.create_topic(&topic(), TopicConfig { retention_age: Some(hour), ..kept_forever(PARTITIONS) }).await?;
    known.topic = true;
    append_batches(log, known, 0..6).await?;
    log.create_topic(&other(), kept_forever(1)).await?;
    known.other_is_there = true;
    log.append(&other(), vec![(Partition(0), NewRecord::from_value("a"))]).await?;
    clock.advance(2 * hour);
    known.needed = Offset(10);
    (0..PARTITIONS).for_each(|partition| log.protect("lane", &at(partition), known.needed));
    log.enforce_retention(clock.now()).await?;
    append_batches(log, known, 6..9).await?;
    known.other_is_there = false;
    log.delete_topic(&other()).await?;
    known.other_is_gone = true;
    known.needed = Offset(27);
    (0..PARTITIONS).for_each(|partition| log.protect("lane", &at(partition), known.needed));
    clock.advance(2 * hour);
    log.enforce_retention(clock.now()).await?;
    append_batches(log, known, 9..11).await?;
    log.close().await
}

async fn append_batches(
    log: &EmbeddedLog,
    known: &mut Acknowledged,
    batches: std::ops::Range<u32>,
) -> Result<(), LogError> {
    for batch in batches {
        let record = |n: u64| format!("{batch} {n} {}", "x".repeat(60));
        let records = (0..RECORDS_A_BATCH).flat_map(|n| {
            (0..PARTITIONS).map(move |partition| (Partition(partition), NewRecord::from_value(record(n))))
        });
        for place in log.append(&topic(), records.collect()).await?.iter().take(PARTITIONS as usize) {
            known.batches[place.partition.0 as usize].push((record(0), place.offset));
        }
    }
    Ok(())
}

fn open_run(folder: &Path, disk: &Arc<FaultyDisk>) -> (Arc<ManualClock>, Result<EmbeddedLog, LogError>) {
    let clock = Arc::new(ManualClock::new(START));
    let options = EmbeddedOptions { segment_bytes: 700, committers: 1, ..options(folder, disk) };
    (Arc::clone(&clock), EmbeddedLog::open(options, clock))
}

async fn check(folder: &Path, known: &Acknowledged, what: &str) {
    let log = open(folder).unwrap_or_else(|error| panic!("{what}: {error}"));
    let topics: Vec<_> = log.topics().await.unwrap().into_iter().map(|topic| topic.name).collect();
    assert!(!known.topic || topics.contains(&topic()), "{what}: the topic is gone");
    assert!(!known.other_is_there || topics.contains(&other()), "{what}: the other topic is gone");
    assert!(!known.other_is_gone || !topics.contains(&other()), "{what}: the other topic is back");
    if !topics.contains(&topic()) {
        return;
    }
    for partition in 0..PARTITIONS {
        check_partition(&log, partition, known, what).await;
    }
    let next = log.append(&topic(), vec![(Partition(0), NewRecord::from_value("next"))]).await.unwrap();
    drop(log);
    let log = open(folder).unwrap_or_else(|error| panic!("{what}, opened again: {error}"));
    let read = log.read(&at(0), next[0].offset, EVERYTHING).await.unwrap();
    assert_eq!(read.iter().map(value).collect::<Vec<_>>(), ["next"], "{what}");
}

async fn check_partition(log: &EmbeddedLog, partition: u32, known: &Acknowledged, what: &str) {
    let bounds = log.bounds(&at(partition)).await.unwrap();
    let records = log.read(&at(partition), bounds.earliest, EVERYTHING).await.unwrap();
    assert_eq!(bounds.end.since(bounds.earliest), records.len() as u64, "{what}");
    assert!(bounds.earliest <= known.needed, "{what}: a reader's records are gone");
    assert_eq!(bounds.end.0 % RECORDS_A_BATCH, 0, "{what}: half a batch");
    for (record, offset) in records.iter().zip(bounds.earliest.0..) {
        let expected = format!("{} {} ", offset / RECORDS_A_BATCH, offset % RECORDS_A_BATCH);
        assert!(record.offset.0 == offset && value(record).starts_with(&expected), "{what}: {record:?}");
    }
    let acknowledged = &known.batches[partition as usize];
    assert!(bounds.end.0 >= acknowledged.len() as u64 * RECORDS_A_BATCH, "{what}: acknowledged records are gone");
    let there = acknowledged.iter().filter(|(_, offset)| *offset >= bounds.earliest);
    for (first, offset) in there {
        assert_eq!(value(&records[offset.since(bounds.earliest) as usize]), *first, "{what}");
    }
}

async fn cut_at_every_step(unsynced: Unsynced) {
    for step in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<FaultyDisk> = Arc::default();
        disk.cut_power_at(step);
        let mut known = Acknowledged::default();
        let (clock, opened) = open_run(folder.path(), &disk);
        let finished = match opened {
            Ok(log) => run(&log, &clock, &mut known).await.is_ok(),
            Err(_) => false,
        };
        disk.settle(unsynced);
        let steps = disk.steps();
        let what = format!("{unsynced:?}, cut at step {step}, {}", steps.get(step).map_or("the end", String::as_str));
        check(folder.path(), &known, &what).await;
        if finished {
            assert!(step > 80, "a run of {step} steps has not everything in it");
            let expected = ["create ", "append ", "sync ", "sync_folder ", "rename ", "remove ", "remove_folder "];
            assert!(expected.iter().all(|kind| steps.iter().any(|step| step.starts_with(kind))));
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
