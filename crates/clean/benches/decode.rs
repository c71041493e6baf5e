//! How fast records become columns on one core: the cleaner's own decoder, arrow-json, and simd-json with Arrow's builders behind it.
//!
//! `cargo bench -p pinflow-clean --bench decode -- pin.json`, with pins as `bench/batch/generate.py` makes them. Prints the median of seven
//! runs each, in turns.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayBuilder, ArrayRef, Int64Builder, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::json::ReaderBuilder;
use pinflow_clean::Cleaner;
use pinflow_pipeline::{Overrides, Stream, load};
use simd_json::Buffers;
use simd_json::prelude::ValueAsScalar;
use simd_json::tape::Value;

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
    let arrow_json = || -> usize {
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
    let records: Vec<Option<&[u8]>> = lines.iter().take(BATCH).map(|line| Some(*line)).collect();
    let first = with_simd_json(&lines[..records.len()], cleaner.output_schema());
    assert_eq!(cleaner.clean(&records).unwrap().rows, first, "the decoders have the same columns");
    let simd_json = || lines.chunks(BATCH).map(|lines| with_simd_json(lines, cleaner.output_schema()).num_rows()).sum();
    let decoders: [(&str, &dyn Fn() -> usize); 3] =
        [("pinflow", &ours), ("arrow-json", &arrow_json), ("simd-json", &simd_json)];
    let mut rates = decoders.map(|_| Vec::new());
    for _ in 0..RUNS {
        for (rates, (_, decode)) in rates.iter_mut().zip(decoders) {
            let began = Instant::now();
            assert_eq!(decode(), lines.len(), "a record is missing");
            rates.push(events.len() as f64 / 1e6 / began.elapsed().as_secs_f64());
        }
    }
    for (mut rates, (name, _)) in rates.into_iter().zip(decoders) {
        rates.sort_unstable_by(f64::total_cmp);
        println!("{name}: {:.0} MB/s", rates[RUNS / 2]);
    }
}

/// A column that is being built.
enum Column {
    Text(StringBuilder),
    Number(Int64Builder),
}

/// Parses each line by itself, as a lane must, which has to know which of them is broken. The parser writes into what it parses, so it
/// gets a copy.
fn with_simd_json(lines: &[&[u8]], schema: &SchemaRef) -> RecordBatch {
    let column = |kind: &DataType| match kind {
        DataType::Utf8 => Column::Text(StringBuilder::new()),
        DataType::Int64 => Column::Number(Int64Builder::new()),
        kind => panic!("no pin has a column of type {kind}"),
    };
    let mut columns: Vec<Column> = schema.fields().iter().map(|field| column(field.data_type())).collect();
    let (mut line_copy, mut buffers) = (Vec::new(), Buffers::default());
    for line in lines {
        line_copy.clear();
        line_copy.extend_from_slice(line);
        let tape = simd_json::to_tape_with_buffers(&mut line_copy, &mut buffers).unwrap();
        let mut values: Vec<Option<Value<'_, '_>>> = vec![None; columns.len()];
        for (name, value) in tape.as_value().as_object().unwrap().iter() {
            if let Ok(number) = schema.index_of(name) {
                values[number] = Some(value);
            }
        }
        for (value, column) in values.iter().zip(&mut columns) {
            match column {
                Column::Text(texts) => texts.append_option(value.as_ref().and_then(ValueAsScalar::as_str)),
                Column::Number(numbers) => numbers.append_option(value.as_ref().and_then(ValueAsScalar::as_i64)),
            }
        }
    }
    let finished = columns.iter_mut().map(|column| -> ArrayRef {
        match column {
            Column::Text(texts) => ArrayBuilder::finish(texts),
            Column::Number(numbers) => ArrayBuilder::finish(numbers),
        }
    });
    RecordBatch::try_new(Arc::clone(schema), finished.collect()).unwrap()
}
