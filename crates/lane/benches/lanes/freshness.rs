//! How soon an acknowledged event is in the committed table, and how soon a fresh look has it, while events come at a steady rate.

use std::time::{Duration, Instant};

use pinflow_event::{Offset, Partition};
use pinflow_lane::{FreshRows, FreshTail, SharedStatus, Trigger};
use tokio_util::sync::CancellationToken;

use crate::events::Events;
use crate::usage::cpu_seconds;
use crate::world::World;

const APPEND_INTERVAL: Duration = Duration::from_millis(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

pub async fn measure(file: &str, stream: &str, rate: usize, seconds: usize) {
    let place = tempfile::tempdir().unwrap();
    let world = World::open(place.path(), stream).await;
    let events = Events::read(file, &world.stream);
    let (lane, status) = world.lane(&place.path().join("tables"), Trigger::default().interval).await;
    let tail = lane.fresh_tail(1_000_000, 1 << 30);
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    let (acknowledged, acks) = tokio::sync::mpsc::unbounded_channel();
    let commits = tokio::spawn(committed(status.clone(), acks));
    let looks = tokio::spawn(looks(tail, status, Duration::from_secs(seconds as u64)));

    let (began, cpu) = (Instant::now(), cpu_seconds());
    let each = rate / 100;
    for step in 0..seconds * 100 {
        tokio::time::sleep_until((began + APPEND_INTERVAL * u32::try_from(step).unwrap()).into()).await;
        world.append((step * each..(step + 1) * each).map(|number| events.event(number))).await;
        acknowledged.send((Instant::now(), Offset(((step + 1) * each) as u64))).unwrap();
    }
    drop(acknowledged);
    let cpu = (cpu_seconds() - cpu) / began.elapsed().as_secs_f64();
    let (commits, looks) = (commits.await.unwrap(), looks.await.unwrap());
    drain.cancel();
    running.await.unwrap();
    println!(
        r#"{{"rate":{rate},"cores":{cpu:.2},"committed":{},"fresh_view":{}}}"#,
        percentiles(commits),
        percentiles(looks)
    );
}

/// From each acknowledgement to the commit that has its events.
async fn committed(
    status: SharedStatus,
    mut acks: tokio::sync::mpsc::UnboundedReceiver<(Instant, Offset)>,
) -> Vec<Duration> {
    let mut waited = Vec::new();
    while let Some((acknowledged, end)) = acks.recv().await {
        while status.get().position.get(&Partition(0)).copied().unwrap_or_default() < end {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waited.push(acknowledged.elapsed());
    }
    waited
}

/// How long a look takes that has all that is acknowledged when it begins.
async fn looks(tail: FreshTail, status: SharedStatus, time: Duration) -> Vec<Duration> {
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < time {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let asked = Instant::now();
        while !matches!(tail.rows(status.get().position).await.unwrap(), FreshRows::Rows(_)) {
            tokio::task::yield_now().await;
        }
        took.push(asked.elapsed());
    }
    took
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!(r#"{{"p50_ms":{:.1},"p99_ms":{:.1},"max_ms":{:.1},"count":{}}}"#, at(0.5), at(0.99), at(1.0), times.len())
}
