//! What a lane tells about its batches.

use std::time::Duration;

use crate::world::{AT_ONCE, EVENTS, OUTCOME, World, counts};

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_tells_what_it_did_and_how_long_its_records_waited() {
    let world = World::new().await;
    world.append(&EVENTS[..3]).await;
    world.clock.advance(Duration::from_secs(2));
    world.append(&EVENTS[3..]).await;
    world.clock.advance(Duration::from_secs(1));
    let (mut lane, status) = world.lane(AT_ONCE).await;
    lane.catch_up().await.unwrap();
    let batches = status.batches();
    assert_eq!(
        batches.iter().map(|batch| (batch.number, batch.records, batch.behind)).collect::<Vec<_>>(),
        [(1, 4, 2), (2, 2, 0)]
    );
    let sum = |of: fn(&pinflow_lane::BatchStatus) -> u64| batches.iter().map(of).sum::<u64>();
    assert_eq!([sum(|b| b.rows), sum(|b| b.duplicates), sum(|b| b.filtered), sum(|b| b.dead)], OUTCOME);
    assert_eq!((counts(&status.get()), batches[1].distinct_keys), (OUTCOME, 3));
    let waited = |batch: usize| {
        let freshness = batches[batch].freshness.unwrap();
        [freshness.p50, freshness.p99, freshness.longest].map(|wait| wait.as_secs())
    };
    assert_eq!((waited(0), waited(1)), ([3, 3, 3], [1, 1, 1]));
    let histogram = status.freshness();
    assert_eq!((histogram.count(), histogram.sum), (6, 12_000_000_000));
    assert_eq!(status.durations().count(), 2);
}
