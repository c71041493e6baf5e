//! A store of tables that fails: the lane says so, tries again, and loses and doubles nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pinflow_event::{Clock, Offset, Partition, TopicPartition};
use pinflow_lane::{FreshRows, StreamLane};
use tokio_util::sync::CancellationToken;

use crate::faulty_store::{Fault, FaultyStore};
use crate::world::{AT_ONCE, EVENTS, OUTCOME, TWICE, World, at, counts, topic, until};

/// Lets the store fail while the lane runs, and come back.
async fn fails_for_a_while(set: impl Fn(&FaultyStore, bool), says: &str) {
    let world = World::new().await;
    world.append(&EVENTS).await;
    let (lane, status) = world.lane(AT_ONCE).await;
    let tail = lane.fresh_tail(100, 1 << 20);
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    until(&status, at(6)).await;

    set(&world.store, true);
    world.append(&EVENTS).await;
    let trouble = until(&status, |status| status.trouble.is_some()).await;
    assert!(trouble.trouble.unwrap().contains(says));
    assert_eq!(trouble.position[&Partition(0)], Offset(6));
    assert!(trouble.in_hand.is_some(), "nobody could tell how long the oldest record waits");
    // All of their keys are known; a look behind the table shows none of them, or says that it cannot tell.
    match tail.rows(BTreeMap::from([(Partition(0), Offset(6))])).await.unwrap() {
        FreshRows::Rows(rows) => assert_eq!(rows.num_rows(), 0),
        other => assert!(matches!(other, FreshRows::Moved), "{other:?}"),
    }

    set(&world.store, false);
    let settled = until(&status, |status| at(12)(status) && status.trouble.is_none()).await;
    assert_eq!((counts(&settled), settled.in_hand), (TWICE, None));
    drain.cancel();
    running.await.unwrap();
    assert_eq!(counts(&world.lane(AT_ONCE).await.1.get()), TWICE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_store_is_waited_for() {
    fails_for_a_while(|store, yes| store.unreachable.store(yes, Ordering::SeqCst), "the store is unreachable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_is_waited_for() {
    fails_for_a_while(|store, yes| store.full.store(yes, Ordering::SeqCst), "no room is left").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_unreachable_at_the_start_is_waited_for() {
    let world = World::new().await;
    world.append(&EVENTS).await;
    world.lane(AT_ONCE).await.0.catch_up().await.unwrap();

    world.store.unreachable.store(true, Ordering::SeqCst);
    world.append(&EVENTS).await;
    let mut writer = world.writer().await;
    let error = writer.open_tables().await.unwrap_err();
    assert!(error.to_string().contains("the store is unreachable"), "{error}");
    let status = writer.status();
    let lane = StreamLane::new(Arc::clone(&world.log), writer, AT_ONCE).await.unwrap();
    // Nobody knows what the lane has: it may need all of it.
    world.clock.advance(Duration::from_secs(1_000_000_000));
    world.log.enforce_retention(world.clock.now()).await.unwrap();
    assert_eq!(world.log.bounds(&TopicPartition::new(topic(), Partition(0))).await.unwrap().earliest, Offset::ZERO);
    let tail = lane.fresh_tail(100, 1 << 20);
    let drain = CancellationToken::new();
    let running = tokio::spawn(lane.run(drain.clone(), CancellationToken::new()));
    until(&status, |status| status.trouble.as_ref().is_some_and(|why| why.contains("the store is unreachable"))).await;
    let behind = tail.rows(BTreeMap::from([(Partition(0), Offset(6))])).await.unwrap();
    assert!(matches!(behind, FreshRows::Moved), "{behind:?}");

    world.store.unreachable.store(false, Ordering::SeqCst);
    let settled = until(&status, |status| at(12)(status) && status.trouble.is_none()).await;
    assert_eq!(counts(&settled), TWICE);
    drain.cancel();
    running.await.unwrap();
}

/// One operation on the store goes wrong, each in a lane of its own.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_once_nothing_is_lost_or_doubled() {
    for fault in [Fault::Refused, Fault::AnswerLost] {
        for number in (1..).step_by(4) {
            let world = World::new().await;
            let (mut lane, status) = world.lane(AT_ONCE).await;
            world.append(&EVENTS).await;
            world.store.fail(number, fault);
            let mut failures = 0;
            while let Err(error) = lane.catch_up().await {
                failures += 1;
                assert!(failures < 3, "{fault:?} of operation {number}: {error}");
            }
            let failed = world.store.has_failed();
            assert_eq!(counts(&status.get()), OUTCOME, "{fault:?} of operation {number}");
            assert_eq!(
                counts(&world.lane(AT_ONCE).await.1.get()),
                OUTCOME,
                "{fault:?} of operation {number}, reopened"
            );
            if !failed {
                assert!(number > 10, "there were {number} operations: the test shows little");
                break;
            }
        }
    }
}
