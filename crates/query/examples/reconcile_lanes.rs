//! How long two lanes of many rows take to be compared: `cargo run --release -p pinflow-query --example reconcile_lanes -- 10000000`.
//!
//! Makes both tables in a temporary folder (some 60 bytes a row each), a thousandth of the rows different, and compares them within
//! 256 MiB of query memory.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use pinflow_pipeline::{Lane, LaneSpec, Pipeline, Stream, TextFile};
use pinflow_query::{QueryEngine, QueryLimits};
use pinflow_table::{Commit, Table, TableRoot, Upkeep};
use tokio_util::sync::CancellationToken;

const COMMIT_ROWS: i64 = 250_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows: i64 = std::env::args().nth(1).map_or(Ok(10_000_000), |rows| rows.parse())?;
    let folder = tempfile::tempdir()?;
    let root = TableRoot::local(folder.path(), Upkeep::default())?;
    for lane in Lane::ALL {
        write(&root, lane, rows).await?;
    }
    let limits = QueryLimits { memory_bytes: 256 << 20, time: Duration::from_secs(3600), ..QueryLimits::default() };
    let engine = QueryEngine::open(Arc::new(pipeline()?), &root, &HashMap::new(), None, limits)?;
    let started = Instant::now();
    let found = engine.reconcile("event", &CancellationToken::new()).await?;
    println!("{rows} rows a lane: {:.1} s", started.elapsed().as_secs_f64());
    println!("{} alike, {} different in {:?}", found.matching, found.different, found.different_columns);
    if let Some(peak) = peak_memory() {
        println!("peak memory of the process, with the making of the tables: {peak}");
    }
    Ok(())
}

async fn write(root: &TableRoot, lane: Lane, rows: i64) -> Result<(), Box<dyn Error>> {
    let location = root.table(lane.as_str(), "event")?;
    let mut table = Table::open(&location, &batch(0..1, lane)?.schema()).await?;
    for begin in (0..rows).step_by(COMMIT_ROWS as usize) {
        let rows = vec![batch(begin..rows.min(begin + COMMIT_ROWS), lane)?];
        table.commit(&Commit { rows, ..Commit::default() }).await?;
    }
    Ok(())
}

fn batch(numbers: std::ops::Range<i64>, lane: Lane) -> Result<RecordBatch, Box<dyn Error>> {
    let text = |of: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(numbers.clone().map(|number| Some(of(number))).collect::<StringArray>())
    };
    let price = |number: i64| if lane == Lane::Stream && number % 1000 == 0 { -1 } else { number * 7 };
    let prices: ArrayRef = Arc::new(numbers.clone().map(price).collect::<Int64Array>());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", text(&|number| format!("{:032x}", u128::from(number.unsigned_abs()) << 64 | 0x5DEE_CE66))),
        ("title", text(&|number| format!("the title of event {number}, such as it is"))),
        ("category", text(&|number| format!("category {}", number % 12))),
        ("price", prices),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}

fn pipeline() -> Result<Pipeline, Box<dyn Error>> {
    let lane = |topic: &str| Ok::<_, Box<dyn Error>>(LaneSpec { topic: topic.parse()?, table: "event".to_owned() });
    let clean = TextFile { path: PathBuf::from("event.sql"), text: "SELECT * FROM input".to_owned() };
    let (name, key, schema) = ("event".to_owned(), Some("id".to_owned()), Vec::new());
    let stream = Stream {
        name,
        batch: lane("events")?,
        stream: lane("streaming-events")?,
        key,
        within: None,
        schema,
        unknown_fields: Default::default(),
        clean,
    };
    Ok(Pipeline {
        name: "comparison".to_owned(),
        variables: BTreeMap::new(),
        streams: vec![stream],
        queries: Vec::new(),
        jobs: Vec::new(),
        tests: Vec::new(),
        source: None,
    })
}

/// As the system tells it, where it does.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|peak| peak.trim().to_owned())
}
