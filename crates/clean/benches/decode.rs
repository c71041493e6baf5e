//! How fast records become columns on one core: the cleaner's own decoder, and arrow-json on the same records.
//!
//! `cargo bench -p pinflow-clean --bench decode -- pin.json`, with pins as `bench/batch/generate.py` makes them. Prints the median of seven
//! runs each, in turns.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::json::ReaderBuilder;
use pinflow_clean::Cleaner;
use pinflow_pipeline::{Overrides, Stream, load};

const RUNS: usize = 7;
/// Records that are decoded together, as the lanes do.
const BATCH: usize = 8_192;

/// The built-in pipeline's pins, with every field as it is.
fn stream() -> Stream {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/pinterest");
    let streams = load(&pipeline, &Overrides::default()).unwrap().streams;
    let mut pin = streams.into_iter().find(|stream| stream.name == "pin").unwrap();
    pin.clean.text = "SELECT * FROM input".to_owned();
    pin.key = None;
    pin
}

fn main() {
    // Cargo says `--bench` behind what the user says.
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("which file of pins? see the head of benches/decode.rs");
        return;
    };
    let events = std::fs::read(file).unwrap();
    let lines: Vec<&[u8]> = events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let cleaner = runtime.block_on(Cleaner::plan(&stream())).unwrap();
    let ours = || -> usize {
        let batches = lines.chunks(BATCH).map(|batch| {
            let records: Vec<Option<&[u8]>> = batch.iter().map(|line| Some(*line)).collect();
            cleaner.clean(&records).unwrap().rows.num_rows()
        });
        batches.sum()
    };
    let theirs = || -> usize {
        let mut decoder = ReaderBuilder::new(Arc::clone(cleaner.output_schema()))
            .with_batch_size(BATCH)
            .with_coerce_primitive(true)
            .build_decoder()
            .unwrap();
        let (mut rest, mut rows) = (&events[..], 0);
        while !rest.is_empty() {
            rest = &rest[decoder.decode(rest).unwrap()..];
            rows += decoder.flush().unwrap().map_or(0, |batch| batch.num_rows());
        }
        rows
    };
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (rates, decode) in rates.iter_mut().zip([&ours as &dyn Fn() -> usize, &theirs]) {
            let began = Instant::now();
            assert_eq!(decode(), lines.len(), "a record is missing");
            rates.push(events.len() as f64 / 1e6 / began.elapsed().as_secs_f64());
        }
    }
    for (mut rates, name) in rates.into_iter().zip(["pinflow", "arrow-json"]) {
        rates.sort_unstable_by(f64::total_cmp);
        println!("{name}: {:.0} MB/s", rates[RUNS / 2]);
    }
}
