//! How fast the lanes are, from the log or the archive to the committed Delta table. `bench/stream/run.py` runs it beside a peer.
//!
//! ```text
//! cargo bench -p pinflow-lane --bench lanes -- fill PLACE FILE STREAM ROUNDS       fills a log with the lines of FILE
//! cargo bench -p pinflow-lane --bench lanes -- drain PLACE STREAM TABLES           takes all of that log to a table
//! cargo bench -p pinflow-lane --bench lanes -- freshness FILE STREAM RATE SECONDS  how soon an event is seen
//! cargo bench -p pinflow-lane --bench lanes -- clean ARCHIVE TABLES                the batch lanes of all streams
//! cargo bench -p pinflow-lane --bench lanes -- growth FILE STREAM ROWS             a batch's time as the table grows to ROWS
//! ```
//!
//! Results are JSON objects on stdout. A round repeats the file with keys of its own, so that none of its rows is a duplicate of another
//! round's.

#![allow(clippy::unwrap_used)]

mod batch;
mod drain;
mod events;
mod freshness;
mod growth;
mod usage;
mod world;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"));
    match arguments.as_slice() {
        ["fill", place, file, stream, rounds] => drain::fill(place, file, stream, number(rounds)).await,
        ["drain", place, stream, tables] => drain::drain(place, stream, tables).await,
        ["freshness", file, stream, rate, seconds] => {
            freshness::measure(file, stream, number(rate), number(seconds)).await;
        }
        ["clean", archive, tables] => batch::clean(archive, tables).await,
        ["growth", file, stream, rows] => growth::measure(file, stream, number(rows)).await,
        _ => eprintln!("usage: fill | drain | clean | freshness | growth, see the top of benches/lanes/main.rs"),
    }
}
