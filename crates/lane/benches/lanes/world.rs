//! A log and a stream lane of the built-in pipeline.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinflow_clean::Cleaner;
use pinflow_event::{Clock, NewRecord, Partition, Timestamp, TopicName};
use pinflow_lane::{LaneParts, LaneWriter, SharedStatus, StreamLane, Trigger, dead_table};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, TopicConfig};
use pinflow_pipeline::{Lane, Overrides, Stream, load};
use pinflow_table::{TableRoot, Upkeep};

/// Time since the benchmark began.
#[derive(Debug)]
struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

pub struct World {
    pub stream: Stream,
    pub log: Arc<dyn EventLog>,
    pub clock: Arc<dyn Clock>,
}

impl World {
    /// The log in `place`, which is made if it is missing, with the topic of `stream`.
    pub async fn open(place: &Path, stream: &str) -> Self {
        let stream = streams().into_iter().find(|known| known.name == stream).unwrap();
        let clock = stopwatch();
        let log = EmbeddedLog::open(EmbeddedOptions::new(place.join("log")), Arc::clone(&clock)).unwrap();
        if log.topic(&stream.stream.topic).await.is_err() {
            let config = TopicConfig { retention_bytes: Some(1), ..TopicConfig::default() };
            log.create_topic(&stream.stream.topic, config).await.unwrap();
        }
        Self { stream, log: Arc::new(log), clock }
    }

    pub fn topic(&self) -> &TopicName {
        &self.stream.stream.topic
    }

    pub async fn append(&self, values: impl IntoIterator<Item = Vec<u8>>) {
        let records = values.into_iter().map(|value| (Partition(0), NewRecord::from_value(value))).collect();
        self.log.append(self.topic(), records).await.unwrap();
    }

    pub async fn lane(&self, tables: &Path, interval: Duration) -> (StreamLane, SharedStatus) {
        let writer = writer(&self.stream, Lane::Stream, tables, &self.clock).await;
        let status = writer.status();
        let trigger = Trigger { interval, ..Trigger::default() };
        (StreamLane::new(Arc::clone(&self.log), writer, trigger).await.unwrap(), status)
    }
}

/// The streams of the built-in pipeline.
pub fn streams() -> Vec<Stream> {
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pinterest");
    load(&pipelines, &Overrides::default()).unwrap().streams
}

pub fn stopwatch() -> Arc<dyn Clock> {
    Arc::new(Stopwatch(Instant::now()))
}

pub async fn writer(stream: &Stream, lane: Lane, tables: &Path, clock: &Arc<dyn Clock>) -> LaneWriter {
    let tables = TableRoot::local(tables, Upkeep::default()).unwrap();
    LaneWriter::open(LaneParts {
        cleaner: Arc::new(Cleaner::plan(stream).await.unwrap()),
        dead: dead_table(&tables, &stream.name).unwrap(),
        stream: stream.clone(),
        lane,
        tables,
        clock: Arc::clone(clock),
        secret: (1, 2),
    })
    .await
    .unwrap()
}
