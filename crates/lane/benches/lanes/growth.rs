//! Whether the time of a batch grows with the table.

use std::time::{Duration, Instant};

use pinflow_lane::StreamLane;

use crate::events::Events;
use crate::usage::cpu_seconds;
use crate::world::World;

/// A million rows, then as many as were asked for; batches of this size are measured at both.
const SMALL_TABLE: usize = 1_000_000;
const BATCH: usize = 20_000;
const BATCHES: usize = 50;

pub async fn measure(file: &str, stream: &str, rows: usize) {
    let place = tempfile::tempdir().unwrap();
    let world = World::open(place.path(), stream).await;
    let events = Events::read(file, &world.stream);
    let (mut lane, status) = world.lane(&place.path().join("tables"), Duration::ZERO).await;
    let mut next = 0;
    for size in [SMALL_TABLE, rows] {
        while next < size {
            let end = (next + SMALL_TABLE).min(size);
            for begin in (next..end).step_by(10_000) {
                world.append((begin..(begin + 10_000).min(end)).map(|number| events.event(number))).await;
            }
            next = end;
            lane.catch_up().await.unwrap();
            world.log.enforce_retention(world.clock.now()).await.unwrap();
        }
        let table_rows = status.get().rows;
        let (wall, cpu) = batches(&world, &events, &mut lane, next).await;
        next += BATCH * BATCHES;
        println!(r#"{{"table_rows":{table_rows},"batch":{BATCH},"median_ms":{wall:.2},"cpu_ms":{cpu:.2}}}"#);
    }
}

/// The median time of a batch, and its CPU time in the mean, in milliseconds.
async fn batches(world: &World, events: &Events, lane: &mut StreamLane, first: usize) -> (f64, f64) {
    let mut times = Vec::new();
    let mut cpu = 0.0;
    for batch in 0..BATCHES {
        let begin = first + batch * BATCH;
        world.append((begin..begin + BATCH).map(|number| events.event(number))).await;
        let (began, before) = (Instant::now(), cpu_seconds());
        lane.catch_up().await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1e3);
        cpu += cpu_seconds() - before;
    }
    times.sort_unstable_by(f64::total_cmp);
    (times[BATCHES / 2], cpu * 1e3 / BATCHES as f64)
}
