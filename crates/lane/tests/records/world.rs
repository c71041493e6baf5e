//! Lanes on a log and an archive in memory, and tables in a temporary folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_archive::ArchiveReader;
use pinflow_clean::Cleaner;
use pinflow_event::{Clock, ManualClock, NewRecord, Partition, TopicName};
use pinflow_lane::{
    BatchLane, DeadTable, LaneParts, LaneStatus, LaneWriter, LetterFilter, ListedLetter, StreamLane, Trigger,
    dead_table, newest_letters,
};
use pinflow_log::{EventLog, MemoryLog, TopicConfig};
use pinflow_pipeline::{Field, FieldType, Lane, LaneSpec, Stream, TextFile, WrongType};
use pinflow_table::{PastCommit, Table, TableRoot, Upkeep};

pub fn stream() -> Stream {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind, required: false, wrong_type: WrongType::Dead };
    let lane = |topic: &str| LaneSpec { topic: TopicName::new(topic).unwrap(), table: "order".to_owned() };
    Stream {
        name: "order".to_owned(),
        batch: lane("orders"),
        stream: lane("orders-live"),
        key: Some("id".to_owned()),
        within: None,
        schema: vec![
            field("id", FieldType::Bigint),
            field("note", FieldType::String),
            field("size", FieldType::Bigint),
        ],
        unknown_fields: Default::default(),
        clean: TextFile {
            path: "streams/order.sql".into(),
            text: "SELECT id, note, size FROM input WHERE note IS NULL OR note <> 'skip'".to_owned(),
        },
    }
}

/// The stream with its third field mended.
pub fn mended() -> Stream {
    let mut stream = stream();
    stream.schema[2].wrong_type = WrongType::Null;
    stream
}

pub struct World {
    folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub log: Arc<dyn EventLog>,
    archive: Arc<dyn ObjectStore>,
}

impl World {
    /// Its clock stands where that of the file system does.
    pub async fn new(partitions: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        clock.advance(folder.path().metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let config = TopicConfig { partitions, ..TopicConfig::default() };
        log.create_topic(&stream().stream.topic, config).await.unwrap();
        Self { folder, clock, log, archive: Arc::new(InMemory::new()) }
    }

    pub async fn append<T: Into<Vec<u8>>>(&self, partition: u32, values: impl IntoIterator<Item = T>) {
        let record = |value: T| (Partition(partition), NewRecord::from_value(Bytes::from(value.into())));
        let records = values.into_iter().map(record).collect();
        self.log.append(&stream().stream.topic, records).await.unwrap();
    }

    fn tables(&self) -> TableRoot {
        TableRoot::local(self.folder.path(), Upkeep::default()).unwrap()
    }

    pub async fn dead(&self) -> DeadTable {
        dead_table(&self.tables(), "order").unwrap()
    }

    pub async fn writer(&self, stream: Stream) -> LaneWriter {
        self.writer_of(Lane::Stream, stream).await
    }

    async fn writer_of(&self, lane: Lane, stream: Stream) -> LaneWriter {
        LaneWriter::open(LaneParts {
            cleaner: Arc::new(Cleaner::plan(&stream).await.unwrap()),
            dead: self.dead().await,
            stream,
            lane,
            tables: self.tables(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            secret: (1, 2),
        })
        .await
        .unwrap()
    }

    pub async fn lane(&self, stream: Stream) -> StreamLane {
        let trigger = Trigger { interval: Duration::ZERO, records: 1_000, bytes: 64 << 20 };
        StreamLane::new(Arc::clone(&self.log), self.writer(stream).await, trigger).await.unwrap()
    }

    /// Takes everything to the table, as a lane that was just started.
    pub async fn catch_up(&self, stream: Stream) -> LaneStatus {
        let writer = self.writer(stream).await;
        let status = writer.status();
        let trigger = Trigger { interval: Duration::ZERO, records: 1_000, bytes: 64 << 20 };
        StreamLane::new(Arc::clone(&self.log), writer, trigger).await.unwrap().catch_up().await.unwrap();
        status.get()
    }

    /// Archives an object of partition 0 whose first record is at an offset.
    pub async fn put(&self, start: u64, lines: &[&str]) {
        let path = Path::from(format!("topics/orders/partition=0/orders+0+{start:010}.json"));
        self.archive.put(&path, lines.join("\n").into()).await.unwrap();
    }

    pub async fn batch_lane(&self, stream: Stream) -> BatchLane {
        BatchLane::new(ArchiveReader::new(Arc::clone(&self.archive)), self.writer_of(Lane::Batch, stream).await)
    }

    /// The letters by offset.
    pub async fn letters(&self) -> Vec<ListedLetter> {
        let dead = self.dead().await;
        let mut letters = newest_letters(&dead, &LetterFilter::default(), 1_000, usize::MAX).await.unwrap();
        letters.sort_by_key(|listed| listed.letter.position);
        letters
    }

    /// The values of columns of the stream lane's table as text, a line a row, sorted.
    pub async fn rows(&self, stream: &Stream, columns: &[&str]) -> Vec<String> {
        self.rows_of(Lane::Stream, stream, columns).await
    }

    pub async fn rows_of(&self, lane: Lane, stream: &Stream, columns: &[&str]) -> Vec<String> {
        let schema = Arc::clone(Cleaner::plan(stream).await.unwrap().output_schema());
        let table = Table::open(&self.tables().table(lane.as_str(), "order").unwrap(), &schema).await.unwrap();
        let batches: Vec<RecordBatch> = table.scan(columns).await.unwrap().try_collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in batches {
            let texts: Vec<_> = columns
                .iter()
                .map(|name| cast(batch.column_by_name(name).unwrap(), &DataType::Utf8).unwrap())
                .collect();
            let value = |column: &arrow::array::ArrayRef, row| {
                if column.is_null(row) { "null".to_owned() } else { column.as_string::<i32>().value(row).to_owned() }
            };
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| texts.iter().map(|column| value(column, row)).collect::<Vec<_>>().join("|")),
            );
        }
        rows.sort();
        rows
    }

    /// The commits of a table, oldest first.
    pub fn commits(&self, schema: &str) -> Vec<PathBuf> {
        let log = self.folder.path().join(schema).join("order/_delta_log");
        let entries = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
        let mut commits: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        commits.sort();
        commits
    }

    pub async fn past_commits(&self) -> Vec<PastCommit> {
        self.tables().table("stream", "order").unwrap().past_commits().await.unwrap()
    }

    /// As if a table had not come to its last commit.
    pub fn lose_last_commit(&self, schema: &str) {
        std::fs::remove_file(self.commits(schema).pop().unwrap()).unwrap();
    }
}

/// Rows, duplicates, filtered, dead, dropped.
pub fn counts(status: &LaneStatus) -> [u64; 5] {
    [status.rows, status.duplicates, status.filtered, status.dead, status.dropped]
}
