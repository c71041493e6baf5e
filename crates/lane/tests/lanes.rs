//! Both lanes take every record to exactly one place, however often they are broken off.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use pinflow_archive::{Archive, ArchiveReader, ArchiveSettings};
use pinflow_clean::Cleaner;
use pinflow_event::{Clock, ManualClock, NewRecord, Offset, Partition, TopicName, TopicPartition};
use pinflow_lane::{BatchLane, FreshRows, LaneParts, LaneStatus, LaneWriter, StreamLane, Trigger, dead_table};
use pinflow_log::{EventLog, MemoryLog, TopicChange, TopicConfig};
use pinflow_pipeline::{Field, FieldType, Lane, LaneSpec, Stream, TextFile, WrongType};
use pinflow_table::{TableRoot, Upkeep};
use tokio_util::sync::CancellationToken;

fn stream() -> Stream {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind, required: false, wrong_type: WrongType::Dead };
    let lane = |topic: &str| LaneSpec { topic: TopicName::new(topic).unwrap(), table: "order".to_owned() };
    Stream {
        name: "order".to_owned(),
        batch: lane("orders"),
        stream: lane("orders-live"),
        key: Some("id".to_owned()),
        within: None,
        unknown_fields: Default::default(),
        schema: vec![
            field("id", FieldType::Bigint),
            field("note", FieldType::String),
            Field { wrong_type: WrongType::Null, ..field("size", FieldType::Bigint) },
        ],
        clean: TextFile {
            path: "streams/order.sql".into(),
            text: "SELECT id, note FROM input WHERE note IS NULL OR note <> 'skip'".to_owned(),
        },
    }
}

struct World {
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    log: Arc<dyn EventLog>,
    store: Arc<dyn ObjectStore>,
}

impl World {
    async fn new(partitions: u32) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock)));
        for lane in Lane::ALL {
            let config = TopicConfig { partitions, ..TopicConfig::default() };
            log.create_topic(&stream().lane(lane).topic, config).await.unwrap();
        }
        Self { folder: tempfile::tempdir().unwrap(), clock, log, store: Arc::new(InMemory::new()) }
    }

    async fn append(&self, lane: Lane, partition: u32, values: &[&str]) {
        let records = values.iter().map(|value| (Partition(partition), NewRecord::from_value(value.to_string())));
        self.log.append(&stream().lane(lane).topic, records.collect()).await.unwrap();
    }

    fn tables(&self) -> &Path {
        self.folder.path()
    }

    async fn writer(&self, lane: Lane) -> LaneWriter {
        let stream = stream();
        let tables = TableRoot::local(self.tables(), Upkeep::default()).unwrap();
        LaneWriter::open(LaneParts {
            cleaner: Arc::new(Cleaner::plan(&stream).await.unwrap()),
            dead: dead_table(&tables, &stream.name).unwrap(),
            stream,
            lane,
            tables,
            clock: Arc::clone(&self.clock),
            secret: (1, 2),
        })
        .await
        .unwrap()
    }

    /// Small batches, so that there are many of them.
    async fn stream_lane(&self) -> (StreamLane, pinflow_lane::SharedStatus) {
        let writer = self.writer(Lane::Stream).await;
        let status = writer.status();
        let trigger = Trigger { interval: Duration::ZERO, records: 4, bytes: 1 << 20 };
        (StreamLane::new(Arc::clone(&self.log), writer, trigger).await.unwrap(), status)
    }
}

fn counts(status: &LaneStatus) -> [u64; 4] {
    [status.rows, status.duplicates, status.filtered, status.dead]
}

const EVENTS: [&str; 10] = [
    r#"{"id":1,"note":"first"}"#,
    r#"{"id":2}"#,
    r#"not json"#,
    r#"{"id":1,"note":"again"}"#,
    r#"{"id":3,"note":"skip"}"#,
    r#"{"note":"no key"}"#,
    r#"{"id":"4"}"#,
    r#"{"id":4}"#,
    r#"{"id":2}"#,
    r#"{"id":5}"#,
];
/// Rows, duplicates, filtered, dead among [`EVENTS`].
const OUTCOME: [u64; 4] = [4, 2, 1, 3];

#[tokio::test(flavor = "multi_thread")]
async fn every_record_ends_in_one_place_on_both_lanes() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &EVENTS).await;
    let (mut live, status) = world.stream_lane().await;
    live.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), OUTCOME);
    assert_eq!(status.get().position[&Partition(0)], Offset(10));

    world.append(Lane::Batch, 0, &EVENTS).await;
    let archive = Archive::new(
        Arc::clone(&world.store),
        Arc::clone(&world.log),
        ArchiveSettings { flush_size: 3, ..ArchiveSettings::default() },
        Arc::clone(&world.clock),
    );
    archive.flush_through(&[(TopicPartition::new(stream().batch.topic, Partition(0)), Offset(10))]).await.unwrap();
    let mut batch = BatchLane::new(ArchiveReader::new(Arc::clone(&world.store)), world.writer(Lane::Batch).await);
    let run = batch.run().await.unwrap();
    assert_eq!((run.records, run.rows, run.duplicates, run.dead), (10, 4, 2, 3));
    assert_eq!(counts(&batch.status().get()), OUTCOME);
    assert_eq!(batch.run().await.unwrap(), pinflow_lane::BatchRun::default());
}

/// What is read and cleaned piece by piece is committed together, and each record of it is taken once.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_gathered_into_few_commits() {
    let world = World::new(2).await;
    let events: Vec<String> = (0..40_000).map(|id| format!(r#"{{"id":{}}}"#, id % 39_000)).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    world.append(Lane::Stream, 0, &events[..30_000]).await;
    world.append(Lane::Stream, 1, &events[30_000..]).await;
    let writer = world.writer(Lane::Stream).await;
    let status = writer.status();
    let trigger = Trigger { interval: Duration::ZERO, ..Trigger::default() };
    let mut lane = StreamLane::new(Arc::clone(&world.log), writer, trigger).await.unwrap();
    lane.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), [39_000, 1_000, 0, 0]);
    assert_eq!(status.get().records, 40_000);
    // It is read in eight pieces. (All of them are one commit, where the machine is not too slow for that.)
    assert!(status.get().batches < 8, "{} commits", status.get().batches);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fresh_tail_has_what_is_acknowledged_once_and_without_duplicates() {
    let world = World::new(2).await;
    world.append(Lane::Stream, 0, &EVENTS).await;
    let (mut lane, status) = world.stream_lane().await;
    let tail = lane.fresh_tail(100, 1 << 20);
    let at = |first: u64, second: u64| BTreeMap::from([(Partition(0), Offset(first)), (Partition(1), Offset(second))]);
    let rows = async |at| match tail.rows(at).await.unwrap() {
        FreshRows::Rows(rows) => Some(rows.num_rows()),
        FreshRows::Moved | FreshRows::OtherColumns { .. } => None,
        FreshRows::TooFar { records } => panic!("{records} records are too many"),
    };
    assert_eq!(rows(at(0, 0)).await, Some(4));
    lane.catch_up().await.unwrap();
    assert_eq!((rows(at(0, 0)).await, rows(at(10, 0)).await), (None, Some(0)));
    // A known key in the other partition, a new one, and that one again.
    world.append(Lane::Stream, 1, &[r#"{"id":5}"#, r#"{"id":6}"#, r#"{"id":6,"note":"again"}"#]).await;
    assert_eq!(rows(at(10, 0)).await, Some(1));
    lane.catch_up().await.unwrap();
    assert_eq!((rows(at(10, 3)).await, status.get().rows), (Some(0), 5));
    let narrow = lane.fresh_tail(1, 1 << 20);
    world.append(Lane::Stream, 0, &[r#"{"id":7}"#, r#"{"id":8}"#]).await;
    assert!(matches!(narrow.rows(at(10, 3)).await.unwrap(), FreshRows::TooFar { records: 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_made_null_is_in_the_tables_history() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &[r#"{"id":1,"size":"large"}"#, r#"{"id":2,"size":3}"#]).await;
    let (mut lane, status) = world.stream_lane().await;
    lane.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), [2, 0, 0, 0]);
    let log = world.tables().join("stream/order/_delta_log/00000000000000000001.json");
    let commit = std::fs::read_to_string(log).unwrap();
    assert!(commit.contains(r#""pinflow.nulled":1"#), "{commit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counters_outlive_a_restart() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &EVENTS).await;
    world.stream_lane().await.0.catch_up().await.unwrap();
    let (mut again, status) = world.stream_lane().await;
    assert_eq!(counts(&status.get()), OUTCOME);
    again.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), OUTCOME);
    assert_eq!(status.get().distinct_keys, 4);
}

/// A crash between the two commits of a batch: its dead letters are stored, its rows are not.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_the_dead_letters_doubles_none() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &EVENTS).await;
    let log = world.tables().join("stream/order/_delta_log");
    world.stream_lane().await.0.catch_up().await.unwrap();
    // Back to the table as it was made: as if no commit with rows had been reached.
    for version in 1..100 {
        let commit = log.join(format!("{version:020}.json"));
        if commit.exists() {
            std::fs::remove_file(commit).unwrap();
        }
    }
    let (mut lane, status) = world.stream_lane().await;
    // The letters of records that come again are taken back.
    assert_eq!(counts(&status.get()), [0, 0, 0, 0]);
    lane.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), OUTCOME);
    assert_eq!(counts(&world.stream_lane().await.1.get()), OUTCOME);
}

/// Polls a future `polls` times and drops it, wherever it is then.
async fn broken_off(work: impl Future, polls: usize) {
    let mut work = std::pin::pin!(work);
    for _ in 0..polls {
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        // Work on other threads goes on meanwhile.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_broken_off_anywhere_goes_on_without_loss_or_double() {
    for polls in 1..25 {
        let world = World::new(1).await;
        world.append(Lane::Stream, 0, &EVENTS).await;
        let (mut lane, status) = world.stream_lane().await;
        broken_off(lane.catch_up(), polls).await;
        // The same keys once more: what the broken commit stored must be known.
        world.append(Lane::Stream, 0, &EVENTS).await;
        lane.catch_up().await.unwrap();
        let twice = [OUTCOME[0], OUTCOME[1] + OUTCOME[0] + OUTCOME[1], OUTCOME[2] * 2, OUTCOME[3] * 2];
        assert_eq!(counts(&status.get()), twice, "broken off after {polls} polls");
        assert_eq!(counts(&world.stream_lane().await.1.get()), twice, "as the tables tell, after {polls} polls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_caught_in_whatever_partition_it_comes() {
    let world = World::new(3).await;
    for partition in 0..3 {
        world.append(Lane::Stream, partition, &[r#"{"id":1}"#, r#"{"id":2}"#]).await;
    }
    world.append(Lane::Stream, 2, &[r#"{"id":3}"#]).await;
    let (mut lane, status) = world.stream_lane().await;
    lane.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), [3, 4, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_archive_stops_the_batch_lane_before_it() {
    let world = World::new(1).await;
    let object = |start: u64, lines: &str| {
        let path = format!("topics/orders/partition=0/orders+0+{start:010}.json");
        (object_store::path::Path::from(path), lines.to_owned())
    };
    for (path, lines) in [object(0, "{\"id\":1}\n{\"id\":2}\n"), object(5, "{\"id\":6}\n")] {
        object_store::ObjectStoreExt::put(&world.store, &path, lines.into()).await.unwrap();
    }
    let mut batch = BatchLane::new(ArchiveReader::new(Arc::clone(&world.store)), world.writer(Lane::Batch).await);
    batch.run().await.unwrap_err();
    assert_eq!(counts(&batch.status().get()), [2, 0, 0, 0]);
    assert_eq!(batch.status().get().position[&Partition(0)], Offset(2));
    let (path, lines) = object(2, "{\"id\":3}\n{\"id\":4}\n{\"id\":5}\n");
    object_store::ObjectStoreExt::put(&world.store, &path, lines.into()).await.unwrap();
    batch.run().await.unwrap();
    assert_eq!(counts(&batch.status().get()), [6, 0, 0, 0]);
}

/// A small run looks its keys up in the table, a large one reads all that the table has; both know what came before them.
#[tokio::test(flavor = "multi_thread")]
async fn runs_of_any_size_find_the_keys_of_earlier_ones() {
    let world = World::new(1).await;
    let put_in = async |partition: u32, start: u64, lines: String| {
        let path = format!("topics/orders/partition={partition}/orders+{partition}+{start:010}.json");
        let path = object_store::path::Path::from(path);
        object_store::ObjectStoreExt::put(&world.store, &path, lines.into()).await.unwrap();
    };
    let put = |start: u64, lines: String| put_in(0, start, lines);
    let events = |ids: std::ops::Range<u64>| ids.map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>();
    let large = |ids: std::ops::Range<u64>| {
        let pad = "x".repeat(1 << 20);
        ids.map(|id| format!("{{\"id\":{id},\"pad\":\"{pad}\"}}\n")).collect::<String>()
    };
    let lane = async || BatchLane::new(ArchiveReader::new(Arc::clone(&world.store)), world.writer(Lane::Batch).await);
    let outcome = |run: pinflow_lane::BatchRun| (run.records, run.rows, run.duplicates);

    put(0, events(0..100)).await;
    let mut batch = lane().await;
    assert_eq!(outcome(batch.run().await.unwrap()), (100, 100, 0));
    put(100, events(90..110)).await;
    assert_eq!(outcome(batch.run().await.unwrap()), (20, 10, 10));
    put(120, events(109..111) + &events(109..112)).await;
    let mut batch = lane().await;
    assert_eq!(outcome(batch.run().await.unwrap()), (5, 2, 3));
    put(125, large(111..181)).await;
    assert_eq!(outcome(batch.run().await.unwrap()), (70, 69, 1));
    put(195, events(0..200)).await;
    assert_eq!(outcome(batch.run().await.unwrap()), (200, 19, 181));
    assert_eq!(batch.status().get().distinct_keys, 200);

    // The same new keys in two partitions of one run, and known ones.
    put(395, events(198..203)).await;
    put_in(1, 0, events(100..101) + &events(201..205)).await;
    assert_eq!(outcome(lane().await.run().await.unwrap()), (10, 5, 5));
}

/// The log was lost, or is another one: what comes in would be taken for what the table holds already.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_before_the_table_is_refused() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &EVENTS).await;
    world.stream_lane().await.0.catch_up().await.unwrap();
    let World { folder, .. } = world;
    let world = World { folder, ..World::new(1).await };
    world.append(Lane::Stream, 0, &EVENTS[..3]).await;
    let writer = world.writer(Lane::Stream).await;
    let error = StreamLane::new(Arc::clone(&world.log), writer, Trigger::default()).await.unwrap_err();
    assert!(error.to_string().contains("ends at offset 3, but its table has taken in 10 records"), "{error}");
}

/// Waits until the lane is at `offset` of a partition; the time is there so as not to wait forever.
async fn reached(status: &pinflow_lane::SharedStatus, partition: u32, offset: u64) {
    let there = async {
        while status.get().position.get(&Partition(partition)) != Some(&Offset(offset)) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), there).await.unwrap_or_else(|_| panic!("{:?}", status.get()));
}

/// A topic that is resharded while the lane waits, and once more just before it ends: every record is taken once.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_lane_takes_up_the_partitions_that_are_added() {
    let world = World::new(1).await;
    world.append(Lane::Stream, 0, &EVENTS[..2]).await;
    let (lane, status) = world.stream_lane().await;
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    reached(&status, 0, 2).await;
    // As a shard that is split: nothing comes to the old partition any more.
    let split = TopicChange { partitions: Some(3), close: [Partition(0)].into(), ..TopicChange::default() };
    world.log.alter_topic(&stream().stream.topic, split).await.unwrap();
    world.append(Lane::Stream, 1, &EVENTS[2..6]).await;
    reached(&status, 1, 4).await;
    let grown = TopicChange { partitions: Some(4), ..TopicChange::default() };
    world.log.alter_topic(&stream().stream.topic, grown).await.unwrap();
    world.append(Lane::Stream, 3, &EVENTS[6..]).await;
    drain.cancel();
    running.await.unwrap();
    assert_eq!(counts(&status.get()), OUTCOME);

    let (mut again, status) = world.stream_lane().await;
    again.catch_up().await.unwrap();
    assert_eq!(counts(&status.get()), OUTCOME);
    let positions: Vec<_> = status.get().position.into_values().map(|position| position.0).collect();
    assert_eq!(positions, [2, 4, 0, 4]);
}

/// A partition is added that the table knows from a log that is no longer there.
#[tokio::test(flavor = "multi_thread")]
async fn an_added_partition_that_ends_before_the_table_is_refused() {
    let world = World::new(2).await;
    world.append(Lane::Stream, 1, &EVENTS).await;
    world.stream_lane().await.0.catch_up().await.unwrap();
    let World { folder, .. } = world;
    let world = World { folder, ..World::new(1).await };
    let (mut lane, _) = world.stream_lane().await;
    lane.catch_up().await.unwrap();
    let grown = TopicChange { partitions: Some(2), ..TopicChange::default() };
    world.log.alter_topic(&stream().stream.topic, grown).await.unwrap();
    let error = lane.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("ends at offset 0, but its table has taken in 10 records"), "{error}");
}

/// The batch lane finds the partitions in the archive.
#[tokio::test(flavor = "multi_thread")]
async fn the_batch_lane_takes_up_the_partitions_that_are_added() {
    let world = World::new(1).await;
    let archive = Archive::new(
        Arc::clone(&world.store),
        Arc::clone(&world.log),
        ArchiveSettings::default(),
        Arc::clone(&world.clock),
    );
    let mut batch = BatchLane::new(ArchiveReader::new(Arc::clone(&world.store)), world.writer(Lane::Batch).await);
    let topic = stream().batch.topic;
    for (partition, events) in [(0, &EVENTS[..5]), (1, &EVENTS[5..])] {
        let grown = TopicChange { partitions: Some(partition + 1), ..TopicChange::default() };
        world.log.alter_topic(&topic, grown).await.unwrap();
        world.append(Lane::Batch, partition, events).await;
        archive.flush_through(&[(TopicPartition::new(topic.clone(), Partition(partition)), Offset(5))]).await.unwrap();
        assert_eq!(batch.run().await.unwrap().records, 5);
    }
    assert_eq!(counts(&batch.status().get()), OUTCOME);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_waits_for_the_lane() {
    let clock = Arc::new(ManualClock::default());
    let world = World { clock: clock.clone(), ..World::new(1).await };
    world.append(Lane::Stream, 0, &EVENTS).await;
    let at = TopicPartition::new(stream().stream.topic, Partition(0));
    let (mut lane, _) = world.stream_lane().await;
    clock.advance(Duration::from_secs(30 * 24 * 3600));
    world.log.enforce_retention(clock.now()).await.unwrap();
    assert_eq!(world.log.bounds(&at).await.unwrap().earliest, Offset(0));
    lane.catch_up().await.unwrap();
    world.log.enforce_retention(clock.now()).await.unwrap();
    assert_eq!(world.log.bounds(&at).await.unwrap().earliest, Offset(10));
}
