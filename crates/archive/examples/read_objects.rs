//! What many small objects cost to read, beside the same bytes in few: `cargo run --release -p pinflow-archive --example read_objects`.
//!
//! Makes 33,000 records of 250 bytes in a temporary folder, an object each and in three objects, and reads both in turns. Processor
//! time is the process's own, user and system, as the system counts it (ticks of 10 ms).
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pinflow_archive::{ArchiveReader, ReadSettings};
use pinflow_event::{Offset, Partition, TopicPartition};
use pinflow_store::DurableLocalStore;

const RECORDS: usize = 33_000;
const TURNS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (tiny, large) = (tempfile::tempdir()?, tempfile::tempdir()?);
    make(tiny.path(), 1)?;
    make(large.path(), RECORDS.div_ceil(3))?;
    println!("{RECORDS} records\tobjects\twall ms\tprocessor ms");
    for turn in 0..TURNS {
        for (folder, objects) in [(tiny.path(), RECORDS), (large.path(), 3)] {
            let (started, before) = (Instant::now(), ticks()?);
            read(folder).await?;
            let (wall, processor) = (started.elapsed().as_millis(), (ticks()? - before) * 10);
            println!("turn {turn}\t{objects}\t{wall}\t{processor}");
        }
    }
    Ok(())
}

fn make(folder: &Path, records: usize) -> Result<(), Box<dyn Error>> {
    let partition = folder.join("topics/demo.pin/partition=0");
    fs::create_dir_all(&partition)?;
    for start in (0..RECORDS).step_by(records) {
        let mut lines = String::new();
        for record in start..RECORDS.min(start + records) {
            writeln!(lines, r#"{{"n":{record},"text":"{}"}}"#, "x".repeat(230))?;
        }
        fs::write(partition.join(format!("demo.pin+0+{start:010}.json")), lines)?;
    }
    Ok(())
}

async fn read(folder: &Path) -> Result<(), Box<dyn Error>> {
    let reader = ArchiveReader::local(Arc::new(DurableLocalStore::open(folder)?), folder.to_owned());
    let at = TopicPartition::new("demo.pin".parse()?, Partition(0));
    let mut batches = reader.records(&at, Offset::ZERO, ReadSettings::default()).await?;
    let mut records = 0;
    while let Some(batch) = batches.next_batch().await {
        records += batch?.len();
    }
    assert_eq!(records, RECORDS);
    Ok(())
}

/// Processor time of the process.
fn ticks() -> Result<u64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in brackets, which may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(fields.get(11).ok_or("no user time")?.parse::<u64>()?
        + fields.get(12).ok_or("no system time")?.parse::<u64>()?)
}
