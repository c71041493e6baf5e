//! A stream with its log and its tables, and events whose fate is known.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pinflow_clean::Cleaner;
use pinflow_event::{Clock, ManualClock, NewRecord, Offset, Partition, TopicName};
use pinflow_lane::{LaneParts, LaneStatus, LaneWriter, SharedStatus, StreamLane, Trigger, dead_table};
use pinflow_log::{EventLog, MemoryLog, TopicConfig};
use pinflow_pipeline::{Field, FieldType, Lane, LaneSpec, Stream, TextFile, WrongType};
use pinflow_table::{TableRoot, Upkeep};

use crate::faulty_store::FaultyStore;

pub const EVENTS: [&str; 6] =
    [r#"{"id":1}"#, r#"not json"#, r#"{"id":2}"#, r#"{"id":1}"#, r#"{"id":3,"note":"skip"}"#, r#"{"id":4}"#];
/// Rows, duplicates, filtered, dead among [`EVENTS`].
pub const OUTCOME: [u64; 4] = [3, 1, 1, 1];
/// The same where the events came twice.
pub const TWICE: [u64; 4] = [3, 5, 2, 2];

/// As soon as there is something, in batches of four.
pub const AT_ONCE: Trigger = Trigger { interval: Duration::ZERO, records: 4, bytes: 1 << 20 };

pub struct World {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub log: Arc<dyn EventLog>,
    pub store: Arc<FaultyStore>,
    pub upkeep: Upkeep,
}

pub fn stream() -> Stream {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind, required: false, wrong_type: WrongType::Dead };
    let lane = |topic: &str| LaneSpec { topic: TopicName::new(topic).unwrap(), table: "order".to_owned() };
    Stream {
        name: "order".to_owned(),
        batch: lane("orders"),
        stream: lane("orders-live"),
        key: Some("id".to_owned()),
        within: None,
        schema: vec![field("id", FieldType::Bigint), field("note", FieldType::String)],
        unknown_fields: Default::default(),
        clean: TextFile {
            path: "streams/order.sql".into(),
            text: "SELECT id, note FROM input WHERE note IS NULL OR note <> 'skip'".to_owned(),
        },
    }
}

impl World {
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<dyn Clock>));
        log.create_topic(&topic(), TopicConfig { partitions: 1, ..TopicConfig::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = FaultyStore::new(folder.path());
        Self { folder, clock, log, store, upkeep: Upkeep::default() }
    }

    pub async fn append(&self, values: &[&str]) {
        let records = values.iter().map(|value| (Partition(0), NewRecord::from_value(value.to_string())));
        self.log.append(&topic(), records.collect()).await.unwrap();
    }

    pub fn tables(&self) -> TableRoot {
        let store: Arc<FaultyStore> = Arc::clone(&self.store);
        TableRoot::through(store, self.folder.path(), self.upkeep).unwrap()
    }

    /// The lane's table.
    pub fn table(&self) -> std::path::PathBuf {
        self.folder.path().join("stream/order")
    }

    pub async fn lane(&self, trigger: Trigger) -> (StreamLane, SharedStatus) {
        let mut writer = self.writer().await;
        writer.open_tables().await.unwrap();
        let status = writer.status();
        (StreamLane::new(Arc::clone(&self.log), writer, trigger).await.unwrap(), status)
    }

    /// The lane's writer, whose tables are not open yet.
    pub async fn writer(&self) -> LaneWriter {
        LaneWriter::unopened(self.parts().await).unwrap()
    }

    pub async fn parts(&self) -> LaneParts {
        let (stream, tables) = (stream(), self.tables());
        LaneParts {
            cleaner: Arc::new(Cleaner::plan(&stream).await.unwrap()),
            dead: dead_table(&tables, &stream.name).unwrap(),
            stream,
            lane: Lane::Stream,
            tables,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            secret: (1, 2),
        }
    }
}

pub fn topic() -> TopicName {
    stream().stream.topic
}

/// Files in a folder.
pub fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
}

pub fn counts(status: &LaneStatus) -> [u64; 4] {
    [status.rows, status.duplicates, status.filtered, status.dead]
}

/// Waits until the status is as wanted; the time is there so as not to wait forever.
pub async fn until(status: &SharedStatus, wanted: impl Fn(&LaneStatus) -> bool) -> LaneStatus {
    let there = async {
        loop {
            let now = status.get();
            if wanted(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), there).await.unwrap_or_else(|_| panic!("{:?}", status.get()))
}

/// Whether the lane has committed everything before an offset.
pub fn at(offset: u64) -> impl Fn(&LaneStatus) -> bool {
    move |status| status.position.get(&Partition(0)) == Some(&Offset(offset))
}
