//! How fast a backlog drains, and in how much memory. The log is filled by a process before: its memory does not count.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::events::Events;
use crate::usage::{cpu_seconds, peak_mib};
use crate::world::World;

/// Events of a request to the gateway, and requests under way.
const REQUEST: usize = 500;
const REQUESTS_AT_ONCE: usize = 32;

pub async fn fill(place: &str, file: &str, stream: &str, rounds: usize) {
    let world = World::open(Path::new(place), stream).await;
    let events = Events::read(file, &world.stream);
    let count = events.len() * rounds;
    let requests: Vec<_> = (0..count).step_by(REQUEST).map(|begin| begin..(begin + REQUEST).min(count)).collect();
    for group in requests.chunks(REQUESTS_AT_ONCE) {
        let appends = group.iter().map(|request| world.append(request.clone().map(|number| events.event(number))));
        futures::future::join_all(appends).await;
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
