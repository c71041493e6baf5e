//! A log, an archive and tables to test with.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_archive::ArchiveReader;
use pinflow_clean::Cleaner;
use pinflow_event::{Clock, ManualClock, NewRecord, Partition, TopicName};
use pinflow_lane::{BatchLane, LaneParts, LaneWriter, ReplaySource, StreamLane, Trigger, dead_table};
use pinflow_log::{EventLog, MemoryLog, TopicConfig};
use pinflow_pipeline::{Field, FieldType, Lane, LaneSpec, Stream, TextFile, WrongType};
use pinflow_table::{Table, TableLocation, TableRoot, Upkeep};

/// Rows with an id and a size.
pub const PLAIN: &str = "SELECT id, size FROM input";
/// The same ids with other sizes, and without some of them.
pub const MENDED: &str = "SELECT id, size * 10 AS size FROM input WHERE id <> 2";

pub fn stream(sql: &str) -> Stream {
    let field = |name: &str| Field {
        name: name.to_owned(),
        kind: FieldType::Bigint,
        required: false,
        wrong_type: WrongType::Dead,
    };
    let lane = |topic: &str| LaneSpec { topic: TopicName::new(topic).unwrap(), table: "order".to_owned() };
    Stream {
        name: "order".to_owned(),
        batch: lane("orders"),
        stream: lane("orders-live"),
        key: Some("id".to_owned()),
        within: None,
        schema: vec![field("id"), field("size")],
        unknown_fields: Default::default(),
        clean: TextFile { path: "streams/order.sql".into(), text: sql.to_owned() },
    }
}

pub struct World {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn ObjectStore>,
}

impl World {
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<dyn Clock>));
        for lane in Lane::ALL {
            log.create_topic(&stream(PLAIN).lane(lane).topic, TopicConfig::default()).await.unwrap();
        }
        Self { folder: tempfile::tempdir().unwrap(), clock, log, store: Arc::new(InMemory::new()) }
    }

    pub fn tables(&self) -> TableRoot {
        TableRoot::local(self.folder.path(), Upkeep::default()).unwrap()
    }

    pub fn place(&self, schema: &str) -> TableLocation {
        self.tables().table(schema, "order").unwrap()
    }

    pub async fn parts(&self, lane: Lane, sql: &str) -> LaneParts {
        let stream = stream(sql);
        LaneParts {
            cleaner: Arc::new(Cleaner::plan(&stream).await.unwrap()),
            dead: dead_table(&self.tables(), &stream.name).unwrap(),
            stream,
            lane,
            tables: self.tables(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            secret: (1, 2),
        }
    }

    pub async fn append(&self, values: &[String]) {
        let records = values.iter().map(|value| (Partition(0), NewRecord::from_value(value.clone())));
        self.log.append(&stream(PLAIN).stream.topic, records.collect()).await.unwrap();
    }

    /// The stream lane, with as many records a commit as are there.
    pub async fn stream_lane(&self, sql: &str) -> (StreamLane, LaneParts) {
        let parts = self.parts(Lane::Stream, sql).await;
        let writer = LaneWriter::open(parts.clone()).await.unwrap();
        let trigger = Trigger { interval: Duration::ZERO, ..Trigger::default() };
        (StreamLane::new(Arc::clone(&self.log), writer, trigger).await.unwrap(), parts)
    }

    pub async fn batch_lane(&self, sql: &str) -> BatchLane {
        let writer = LaneWriter::open(self.parts(Lane::Batch, sql).await).await.unwrap();
        BatchLane::new(ArchiveReader::new(Arc::clone(&self.store)), writer)
    }

    pub fn source(&self) -> ReplaySource {
        ReplaySource { archive: ArchiveReader::new(Arc::clone(&self.store)), log: Arc::clone(&self.log) }
    }

    /// Puts an object of the batch lane's topic, named by its first offset.
    pub async fn put(&self, start: u64, extension: &str, content: impl Into<Vec<u8>>) {
        let content: Vec<u8> = content.into();
        self.store.put(&self.object(start, extension), content.into()).await.unwrap();
    }

    pub fn object(&self, start: u64, extension: &str) -> Path {
        Path::from(format!("topics/orders/partition=0/orders+0+{start:010}.{extension}"))
    }

    /// Ids and sizes in the table of a schema, as they are committed.
    pub async fn rows(&self, schema: &str) -> Vec<(i64, i64)> {
        let columns = Cleaner::plan(&stream(PLAIN)).await.unwrap();
        let table = Table::open_outdated(&self.place(schema), columns.output_schema()).await.unwrap();
        rows_of(&table).await
    }

    /// The offsets of the dead letters of a lane.
    pub async fn dead(&self, lane: Lane) -> Vec<i64> {
        let dead = dead_table(&self.tables(), "order").unwrap();
        let mut dead = dead.lock().await;
        dead.open_now().await.unwrap();
        let batches: Vec<RecordBatch> = dead.scan(&["lane", "offset"]).await.unwrap().try_collect().await.unwrap();
        let mut offsets = Vec::new();
        for batch in batches {
            let lanes = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
            let lanes = lanes.as_string::<i32>();
            let all = batch.column(1).as_primitive::<Int64Type>();
            offsets.extend(
                (0..batch.num_rows()).filter(|row| lanes.value(*row) == lane.as_str()).map(|row| all.value(row)),
            );
        }
        offsets.sort_unstable();
        offsets
    }
}

pub async fn rows_of(table: &Table) -> Vec<(i64, i64)> {
    let batches: Vec<RecordBatch> = table.scan(&["id", "size"]).await.unwrap().try_collect().await.unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        let (ids, sizes) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
        rows.extend((0..batch.num_rows()).map(|row| (ids.value(row), sizes.value(row))));
    }
    rows.sort_unstable();
    rows
}

/// Events with ids and sizes alike.
pub fn events(ids: std::ops::Range<i64>) -> Vec<String> {
    ids.map(|id| format!(r#"{{"id":{id},"size":{id}}}"#)).collect()
}

/// The same as the lines of an object.
pub fn lines(ids: std::ops::Range<i64>) -> String {
    events(ids).iter().map(|event| format!("{event}\n")).collect()
}

/// The rows of [`events`] by [`MENDED`].
pub fn mended(ids: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    ids.filter(|id| *id != 2).map(|id| (id, id * 10)).collect()
}

pub fn plain(ids: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    ids.map(|id| (id, id)).collect()
}
