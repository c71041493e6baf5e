//! A key is remembered for the stream's window, over partitions and restarts, and not much longer.

use std::time::Duration;

use pinflow_pipeline::Stream;

use crate::world::{World, counts, stream};

const DAY: Duration = Duration::from_secs(86_400);

fn windowed() -> Stream {
    Stream { within: Some(7 * DAY), ..stream() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_comes_again_after_its_window_only() {
    let world = World::new(2).await;
    let mut lane = world.lane(windowed()).await;
    world.append(0, [r#"{"id":1}"#]).await;
    lane.catch_up().await.unwrap();
    world.clock.advance(6 * DAY);
    // In another partition: the lane reads all of them, and has one set of keys.
    world.append(1, [r#"{"id":1}"#, r#"{"id":2}"#]).await;
    lane.catch_up().await.unwrap();
    world.clock.advance(2 * DAY);
    world.append(0, [r#"{"id":1}"#, r#"{"id":2}"#]).await;
    lane.catch_up().await.unwrap();
    let status = world.writer(windowed()).await.status().get();
    assert_eq!(counts(&status), [3, 2, 0, 0, 0]);
    assert_eq!(world.rows(&windowed(), &["id"]).await, ["1", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_the_keys_of_the_window_from_the_table() {
    let world = World::new(1).await;
    world.append(0, [r#"{"id":1}"#, r#"{"id":2}"#]).await;
    world.catch_up(windowed()).await;
    world.clock.advance(6 * DAY);
    assert_eq!(world.writer(windowed()).await.status().get().distinct_keys, 2);
    world.append(0, [r#"{"id":1}"#]).await;
    assert_eq!(counts(&world.catch_up(windowed()).await), [2, 1, 0, 0, 0]);
    world.clock.advance(2 * DAY);
    assert_eq!(world.writer(windowed()).await.status().get().distinct_keys, 0);
    world.append(0, [r#"{"id":1}"#]).await;
    assert_eq!(counts(&world.catch_up(windowed()).await), [3, 1, 0, 0, 0]);
    // Without a window every key of the table is known.
    assert_eq!(world.writer(stream()).await.status().get().distinct_keys, 2);
}
