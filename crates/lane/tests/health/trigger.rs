//! When a micro-batch begins, and that nothing happens where nothing is to be done.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pinflow_lane::Trigger;
use tokio_util::sync::CancellationToken;

use crate::world::{AT_ONCE, EVENTS, World, at, files, until};

const AN_HOUR: Duration = Duration::from_secs(3_600);

/// The batches that a lane makes of `events`, which come one by one after a first one.
async fn batches(trigger: Trigger, events: &[&str]) -> Vec<u64> {
    let world = World::new().await;
    let (lane, status) = world.lane(trigger).await;
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(drain.clone(), stop));
    world.append(&events[..1]).await;
    until(&status, at(1)).await;
    for event in &events[1..] {
        tokio::time::sleep(Duration::from_millis(5)).await;
        world.append(&[event]).await;
    }
    let settled = until(&status, at(events.len() as u64)).await;
    assert_eq!(settled.records, events.len() as u64);
    drain.cancel();
    running.await.unwrap();
    status.batches().iter().map(|batch| batch.records).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_begins_once_there_are_enough_records() {
    let trigger = Trigger { interval: AN_HOUR, records: 4, bytes: 1 << 20 };
    assert_eq!(batches(trigger, &[r#"{"id":1}"#; 9]).await, [1, 4, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_begins_once_there_are_enough_bytes() {
    // Three records of 8 bytes fill it.
    let trigger = Trigger { interval: AN_HOUR, records: 1_000, bytes: 24 };
    assert_eq!(batches(trigger, &[r#"{"id":1}"#; 7]).await, [1, 3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_begins_once_the_interval_is_over() {
    let trigger = Trigger { interval: Duration::from_millis(200), ..Trigger::default() };
    assert!(batches(trigger, &[r#"{"id":1}"#; 2]).await.len() <= 2);
}

/// Counts how often a task is woken.
struct Counted<F> {
    work: Pin<Box<F>>,
    polls: Arc<AtomicU64>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.work.as_mut().poll(context)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_lane_sleeps_and_writes_nothing() {
    let world = World::new().await;
    world.append(&EVENTS).await;
    let (lane, status) = world.lane(Trigger { interval: Duration::from_millis(50), ..AT_ONCE }).await;
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let polls = Arc::new(AtomicU64::new(0));
    let work = Counted { work: Box::pin(lane.run(drain.clone(), stop)), polls: Arc::clone(&polls) };
    let running = tokio::spawn(work);
    until(&status, at(6)).await;
    // It gets to where it waits; on a machine that is too busy for that, the next look sees it.
    let mut seen = u64::MAX;
    for _ in 0..20 {
        let now = (polls.load(Ordering::SeqCst), files(&world.table().join("_delta_log")), status.get().batches);
        tokio::time::sleep(Duration::from_millis(700)).await;
        seen = polls.load(Ordering::SeqCst) - now.0;
        if seen == 0 {
            assert_eq!((files(&world.table().join("_delta_log")), status.get().batches), (now.1, now.2));
            break;
        }
    }
    assert_eq!(seen, 0, "it is woken again and again");
    drain.cancel();
    running.await.unwrap();
}
