//! The archive as the node runs it.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use pinflow_archive::{Archive, ArchiveError, ArchiveReader, ArchiveSettings, PartitionStatus, ReadSettings};
use pinflow_event::{NewRecord, Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, MemoryLog, TopicChange, TopicConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Fate, FaultyStore, append, at, clock, json, log_of, names, numbered, read_from};

fn quick() -> ArchiveSettings {
    ArchiveSettings {
        flush_interval: Duration::from_millis(5),
        discover_interval: Duration::from_millis(5),
        retry_pause: Duration::from_millis(1),
        retry_pause_max: Duration::from_millis(5),
        ..ArchiveSettings::default()
    }
}

fn patient() -> ArchiveSettings {
    ArchiveSettings { flush_interval: Duration::from_secs(3600), ..quick() }
}

struct Running {
    archive: Arc<Archive>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(store: &Arc<dyn ObjectStore>, log: &Arc<MemoryLog>, settings: ArchiveSettings) -> Self {
        let archive = Arc::new(Archive::new(store.clone(), log.clone(), settings, clock()));
        let (running, stop) = (archive.clone(), CancellationToken::new());
        let token = stop.clone();
        let task = tokio::spawn(async move { running.run(&[at().topic], token).await });
        Self { archive, stop, task }
    }

    /// Waits until the archive looks as wanted. A test that never gets there hangs, and is ended by its runner.
    async fn until(&self, wanted: impl Fn(&[PartitionStatus]) -> bool) -> Vec<PartitionStatus> {
        loop {
            let status = self.archive.status();
            if wanted(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn archived_to(end: u64) -> impl Fn(&[PartitionStatus]) -> bool {
    move |status| status.iter().any(|s| s.next_offset == Some(Offset(end)))
}

#[tokio::test]
async fn records_are_stored_soon_without_being_asked_for() {
    let (store, log): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), log_of(&[json("1")]).await);
    let running = Running::start(&store, &log, quick());
    running.until(archived_to(1)).await;
    append(&*log, &[json("2"), json("3")]).await;
    let status = running.until(archived_to(3)).await;
    assert_eq!((status[0].failures, &status[0].last_error), (0, &None));
    assert!(status[0].last_stored.is_some() && status[0].bytes == 6, "{status:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_flush_stores_what_is_acknowledged_while_the_archive_runs() {
    let (store, log): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), log_of(&[json("1"), json("2")]).await);
    let running = Running::start(&store, &log, patient());
    running.archive.flush_through(&[(at(), Offset(2))]).await.unwrap();
    assert_eq!(names(&store).await, ["0000000000.json"]);
    append(&*log, &[json("3")]).await;
    running.archive.flush_through(&[(at(), Offset(3)), (at(), Offset(3))]).await.unwrap();
    assert_eq!(names(&store).await, ["0000000000.json", "0000000002.json"]);
    running.stop().await;
}

#[tokio::test]
async fn a_flush_needs_no_running_archive_and_tries_every_partition() {
    let (store, log): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), log_of(&[json("1")]).await);
    let archive = Archive::new(store.clone(), log, quick(), clock());
    let missing = TopicPartition::new(TopicName::new("missing").unwrap(), Partition(0));
    let error = archive.flush_through(&[(missing, Offset(1)), (at(), Offset(1))]).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Log { .. }), "{error}");
    assert_eq!(read_from(&store, 0).await, numbered(&[json("1")]));
}

#[tokio::test]
async fn stopping_stores_the_rest() {
    let (store, log): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), log_of(&[json("1")]).await);
    let running = Running::start(&store, &log, patient());
    running.until(archived_to(0)).await;
    append(&*log, &[json("2")]).await;
    running.stop().await;
    assert_eq!(read_from(&store, 0).await, numbered(&[json("1"), json("2")]));
}

#[tokio::test]
async fn topics_that_come_later_are_found() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let log = Arc::new(MemoryLog::new(clock()));
    let running = Running::start(&store, &log, quick());
    let two = TopicConfig { partitions: 2, ..TopicConfig::default() };
    log.create_topic(&at().topic, two).await.unwrap();
    append(&*log, &[json("1")]).await;
    let status = running.until(|status| status.len() == 2 && archived_to(1)(status)).await;
    assert_eq!(status.iter().map(|s| s.partition.0).collect::<Vec<_>>(), [0, 1]);
    running.stop().await;
}

/// A partition that is added to a running topic is archived from its first record on, also where it comes just before the end.
#[tokio::test]
async fn partitions_that_are_added_are_archived_from_their_beginning() {
    let (store, log): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), log_of(&[json("1")]).await);
    let running = Running::start(&store, &log, quick());
    running.until(archived_to(1)).await;
    let add = async |partitions, value| {
        let change = TopicChange { partitions: Some(partitions), ..TopicChange::default() };
        log.alter_topic(&at().topic, change).await.unwrap();
        let records = vec![(Partition(partitions - 1), NewRecord::from_value(value))];
        log.append(&at().topic, records).await.unwrap();
    };
    add(2, "2").await;
    running.until(|status| status.len() == 2 && status[1].next_offset == Some(Offset(1))).await;
    add(3, "3").await;
    running.stop().await;
    for (partition, expected) in [(0, "1"), (1, "2"), (2, "3")] {
        let place = TopicPartition::new(at().topic, Partition(partition));
        let mut batches =
            ArchiveReader::new(store.clone()).records(&place, Offset::ZERO, ReadSettings::default()).await.unwrap();
        let batch = batches.next_batch().await.unwrap().unwrap();
        let records: Vec<_> = batch.values().collect();
        assert_eq!((batch.first, records), (Offset::ZERO, vec![Some(expected.as_bytes())]), "partition {partition}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_tried_again() {
    let values: Vec<_> = (0..20).map(|n| json(&n.to_string())).collect();
    let log = log_of(&values).await;
    let fates = [Fate::Fails, Fate::Ambiguous, Fate::Fails, Fate::Succeeds, Fate::Ambiguous];
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), fates);
    let running = Running::start(&store, &log, ArchiveSettings { flush_size: 5, ..quick() });
    let status = running.until(|status| archived_to(20)(status) && status[0].failures == 0).await;
    assert_eq!((status[0].objects, &status[0].last_error), (4, &None));
    assert!(status[0].last_failed.is_some(), "the failures were not seen");
    running.stop().await;
    assert_eq!(read_from(&store, 0).await, numbered(&values));
}

#[tokio::test]
async fn a_failure_can_be_read_while_it_lasts() {
    let log = log_of(&[json("1")]).await;
    let store: Arc<dyn ObjectStore> = FaultyStore::new(Arc::new(InMemory::new()), vec![Fate::Fails; 100_000]);
    let running = Running::start(&store, &log, quick());
    let status = running.until(|status| status.iter().any(|s| s.failures >= 3)).await;
    let error = status[0].last_error.as_deref().unwrap();
    assert!(error.contains("demo.pin+0+0000000000.json") && error.contains("the connection broke"), "{error}");
    running.stop().await;
}
