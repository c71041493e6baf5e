//! How fast a backlog drains, and in how much memory. The log is filled by a process before: its memory does not count.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::events::Events;
use crate::usage::{cpu_seconds, peak_mib};
use crate::world::World;

pub async fn fill(place: &str, file: &str, stream: &str, rounds: usize) {
    let world = World::open(Path::new(place), stream).await;
    let events = Events::read(file, &world.stream);
    let count = events.len() * rounds;
    for begin in (0..count).step_by(10_000) {
        world.append((begin..(begin + 10_000).min(count)).map(|number| events.event(number))).await;
    }
    println!(r#"{{"events":{count}}}"#);
}

pub async fn drain(place: &str, stream: &str, tables: &str) {
    let world = World::open(Path::new(place), stream).await;
    let (mut lane, status) = world.lane(Path::new(tables), Duration::ZERO).await;
    let (began, cpu) = (Instant::now(), cpu_seconds());
    lane.catch_up().await.unwrap();
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let status = status.get();
    println!(
        r#"{{"events":{},"seconds":{seconds:.3},"events_per_second":{:.0},"cpu_seconds":{cpu:.2},"peak_mib":{},"rows":{},"duplicates":{},"commits":{}}}"#,
        status.records,
        status.records as f64 / seconds,
        peak_mib(),
        status.rows,
        status.duplicates,
        status.batches,
    );
}
