//! Whether the time of a batch grows with the table: batches into a table of a million rows and into a large one, in turns.

use std::time::{Duration, Instant};

use pinflow_lane::{SharedStatus, StreamLane};

use crate::events::Events;
use crate::usage::cpu_seconds;
use crate::world::World;

/// Events of the small table.
const SMALL_TABLE: usize = 1_000_000;
/// Events that are appended before the lane is let catch up, while a table is filled.
const FILLED_AT_ONCE: usize = 1_000_000;
const BATCH: usize = 20_000;
const BATCHES: usize = 100;

/// A table with its lane, and what its batches took.
struct Grown<'a> {
    _place: tempfile::TempDir,
    world: World,
    events: &'a Events,
    lane: StreamLane,
    status: SharedStatus,
    next: usize,
    milliseconds: Vec<f64>,
    cpu: f64,
}

pub async fn measure(file: &str, stream: &str, rows: usize) {
    let events = {
        let place = tempfile::tempdir().unwrap();
        Events::read(file, &World::open(place.path(), stream).await.stream)
    };
    let mut tables = Vec::new();
    for size in [SMALL_TABLE, rows] {
        tables.push(Grown::fill(&events, stream, size).await);
    }
    for _ in 0..BATCHES {
        for table in &mut tables {
            table.batch().await;
        }
    }
    for table in &mut tables {
        table.print();
    }
}

impl<'a> Grown<'a> {
    async fn fill(events: &'a Events, stream: &str, size: usize) -> Self {
        let place = tempfile::tempdir().unwrap();
        let world = World::open(place.path(), stream).await;
        let (lane, status) = world.lane(&place.path().join("tables"), Duration::ZERO).await;
        let mut grown =
            Self { _place: place, world, events, lane, status, next: 0, milliseconds: Vec::new(), cpu: 0.0 };
        while grown.next < size {
            grown.append(FILLED_AT_ONCE.min(size - grown.next)).await;
            grown.lane.catch_up().await.unwrap();
            grown.world.log.enforce_retention(grown.world.clock.now()).await.unwrap();
        }
        grown
    }

    async fn append(&mut self, count: usize) {
        let end = self.next + count;
        for begin in (self.next..end).step_by(10_000) {
            self.world.append((begin..(begin + 10_000).min(end)).map(|number| self.events.event(number))).await;
        }
        self.next = end;
    }

    async fn batch(&mut self) {
        self.append(BATCH).await;
        let (began, before) = (Instant::now(), cpu_seconds());
        self.lane.catch_up().await.unwrap();
        self.milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
        self.cpu += cpu_seconds() - before;
    }

    /// The table's rows, the median time of a batch, and its CPU time in the mean.
    fn print(&mut self) {
        let table_rows = self.status.get().rows;
        self.milliseconds.sort_unstable_by(f64::total_cmp);
        let (wall, cpu) = (self.milliseconds[BATCHES / 2], self.cpu * 1e3 / BATCHES as f64);
        println!(r#"{{"table_rows":{table_rows},"batch":{BATCH},"median_ms":{wall:.2},"cpu_ms":{cpu:.2}}}"#);
    }
}
