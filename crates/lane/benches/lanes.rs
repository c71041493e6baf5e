//! How fast a stream lane is, from the log to the committed Delta table. It measures one stream on data that it is given.
//!
//! `cargo bench -p pinflow-lane --bench lanes -- FOLDER STREAM` reads `FOLDER/STREAM.json`, one event a line.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pinflow_clean::Cleaner;
use pinflow_event::{Clock, ManualClock, NewRecord, Partition};
use pinflow_lane::{LaneParts, LaneWriter, StreamLane, Trigger, open_dead_table};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, TopicConfig};
use pinflow_pipeline::{Lane, Overrides, load};
use pinflow_table::{TableRoot, Upkeep};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [folder, name] = arguments.as_slice() else { panic!("usage: FOLDER STREAM") };
    let pipeline =
        load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pinterest"), &Overrides::default()).unwrap();
    let stream = pipeline.stream(name).unwrap().clone();
    let lines = Bytes::from(std::fs::read(Path::new(folder).join(format!("{name}.json"))).unwrap());
    let place = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let log: Arc<dyn EventLog> =
        Arc::new(EmbeddedLog::open(EmbeddedOptions::new(place.path().join("log")), Arc::clone(&clock)).unwrap());
    log.create_topic(&stream.stream.topic, TopicConfig::default()).await.unwrap();
    let mut count = 0;
    let mut batch = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        batch.push((Partition(0), NewRecord::from_value(lines.slice_ref(line))));
        count += 1;
        if batch.len() == 10_000 {
            log.append(&stream.stream.topic, std::mem::take(&mut batch)).await.unwrap();
        }
    }
    log.append(&stream.stream.topic, batch).await.unwrap();
    let tables = TableRoot::local(&place.path().join("tables"), Upkeep::default()).unwrap();
    let writer = LaneWriter::open(LaneParts {
        cleaner: Arc::new(Cleaner::plan(&stream).await.unwrap()),
        dead: open_dead_table(&tables, &stream.name).await.unwrap(),
        stream: stream.clone(),
        lane: Lane::Stream,
        tables,
        clock,
        secret: (1, 2),
    })
    .await
    .unwrap();
    let trigger = Trigger { interval: Duration::ZERO, ..Trigger::default() };
    let status = writer.status();
    let mut lane = StreamLane::new(log, writer, trigger).await.unwrap();
    let began = Instant::now();
    lane.catch_up().await.unwrap();
    let took = began.elapsed();
    let status = status.get();
    println!(
        "{count} events in {took:.2?}: {:.0} events/s, {} rows, {} batches",
        count as f64 / took.as_secs_f64(),
        status.rows,
        status.batches
    );
}
