//! A lane that cannot keep up: it shows how far it is behind, holds a batch and a few pieces read ahead, and retention waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pinflow_event::{Clock, Offset, Partition, TopicPartition};
use pinflow_log::EventLog;
use tokio_util::sync::CancellationToken;

use crate::counting_log::CountingLog;
use crate::world::{AT_ONCE, World, at, topic, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_cannot_keep_up_holds_a_few_pieces_and_the_log_keeps_the_rest() {
    let mut world = World::new().await;
    let log = Arc::new(CountingLog { log: Arc::clone(&world.log), read: AtomicUsize::new(0) });
    world.log = Arc::clone(&log) as Arc<dyn EventLog>;
    let (lane, status) = world.lane(AT_ONCE).await;
    world.store.halted.send_replace(true);
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    // None of them has a row, so each batch is one small commit.
    world.append(&[r#"{"id":1,"note":"skip"}"#; 200]).await;

    let slow = until(&status, |status| status.in_hand.is_some() && status.behind > 0).await;
    assert_eq!(slow.records, 0, "{slow:?}");
    // Longer than anything would take that did not wait for the store.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The batch in hand, three pieces that are cleaned ahead, and one that waits for its place.
    let held = log.read.load(Ordering::SeqCst);
    assert!(held <= 5 * AT_ONCE.records, "the lane holds {held} records");
    world.clock.advance(Duration::from_secs(30 * 24 * 3_600));
    world.log.enforce_retention(world.clock.now()).await.unwrap();
    let whole = TopicPartition::new(topic(), Partition(0));
    assert_eq!(world.log.bounds(&whole).await.unwrap().earliest, Offset(0));

    world.store.halted.send_replace(false);
    let settled = until(&status, at(200)).await;
    assert_eq!((settled.filtered, settled.behind), (200, 0));
    drain.cancel();
    running.await.unwrap();
    world.log.enforce_retention(world.clock.now()).await.unwrap();
    assert_eq!(world.log.bounds(&whole).await.unwrap().earliest, Offset(200));
}
