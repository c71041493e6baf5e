//! The end of a topic, and of a log.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;
use pinflow_event::{Offset, Partition};

use super::{Fixture, START, UNLIMITED, first_partition, text, values};
use crate::{LogError, TopicConfig};

/// Nothing of the topic can be had any more, and nobody waits for it.
pub async fn a_deleted_topic_is_gone_and_its_waits_end(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    let kept = fixture.topic("demo.geo", 1).await;
    fixture.append(&topic, &["a"]).await;
    let at = first_partition(&topic);
    let mut wait = fixture.log.wait_beyond(&at, Offset(1));
    assert!((&mut wait).now_or_never().is_none());
    fixture.log.delete_topic(&topic).await.unwrap();
    assert!(matches!(wait.await, Err(LogError::UnknownTopic(name)) if name == topic));
    let refused = fixture.log.append(&topic, vec![(Partition(0), text("b"))]).await;
    assert!(matches!(refused, Err(LogError::UnknownTopic(_))));
    assert!(matches!(fixture.log.read(&at, Offset::ZERO, UNLIMITED).await, Err(LogError::UnknownTopic(_))));
    let left: Vec<_> = fixture.log.topics().await.unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(left, [kept]);
}

/// The new topic has nothing of the old one.
pub async fn a_topic_can_be_made_again_after_deletion(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    for round in 0..3 {
        assert_eq!(fixture.append(&topic, &["a", "b"]).await, [0, 1], "round {round}");
        assert_eq!(values(&fixture.read(&first_partition(&topic), 0).await), ["a", "b"]);
        fixture.log.delete_topic(&topic).await.unwrap();
        fixture.log.create_topic(&topic, TopicConfig::default()).await.unwrap();
    }
    assert_eq!(fixture.read(&first_partition(&topic), 0).await, []);
}

/// Whoever appends meanwhile is told that the topic is gone, or had its records stored; the log goes on.
pub async fn a_topic_may_be_deleted_under_load(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    let tasks = (0..4).map(|_| {
        let (log, topic) = (Arc::clone(&fixture.log), topic.clone());
        tokio::spawn(async move {
            for n in 0..200 {
                let value = text(&"x".repeat(500));
                match log.append(&topic, vec![(Partition(n % 2), value)]).await {
                    Ok(_) | Err(LogError::UnknownTopic(_)) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other:?}"),
                }
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for _ in 0..10 {
        fixture.log.delete_topic(&topic).await.unwrap();
        fixture.log.create_topic(&topic, TopicConfig { partitions: 2, ..TopicConfig::default() }).await.unwrap();
        tokio::task::yield_now().await;
    }
    for joined in join_all(tasks).await {
        joined.unwrap();
    }
    fixture.log.health().unwrap();
    let bounds = fixture.log.bounds(&first_partition(&topic)).await.unwrap();
    assert_eq!(fixture.append(&topic, &["end"]).await, [bounds.end.0]);
}

/// After closing, every call says so; closing twice is fine.
pub async fn a_closed_log_takes_and_gives_nothing(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a"]).await;
    let (log, at) = (&fixture.log, first_partition(&topic));
    let mut wait = log.wait_beyond(&at, Offset(1));
    assert!((&mut wait).now_or_never().is_none());
    log.close().await.unwrap();
    let is_closed = |error: LogError| assert!(matches!(error, LogError::Closed), "{error:?}");
    is_closed(wait.await.unwrap_err());
    is_closed(log.health().unwrap_err());
    is_closed(log.append(&topic, vec![(Partition(0), text("b"))]).await.unwrap_err());
    is_closed(log.read(&at, Offset::ZERO, UNLIMITED).await.unwrap_err());
    is_closed(log.bounds(&at).await.unwrap_err());
    is_closed(log.offset_at(&at, START).await.unwrap_err());
    is_closed(log.wait_beyond(&at, Offset::ZERO).await.unwrap_err());
    is_closed(log.topics().await.unwrap_err());
    is_closed(log.topic(&topic).await.unwrap_err());
    is_closed(log.create_topic(&topic, TopicConfig::default()).await.unwrap_err());
    is_closed(log.delete_topic(&topic).await.unwrap_err());
    is_closed(log.enforce_retention(START).await.unwrap_err());
    log.protect("lane", &at, Offset::ZERO);
    log.close().await.unwrap();
}

/// Closing under load answers everyone: stored, or closed.
pub async fn what_was_appended_before_closing_is_answered(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 4).await;
    let appends = (0..64).map(|n| {
        let (log, topic) = (Arc::clone(&fixture.log), topic.clone());
        tokio::spawn(async move { log.append(&topic, vec![(Partition(n % 4), text("a"))]).await })
    });
    let appends: Vec<_> = appends.collect();
    fixture.log.close().await.unwrap();
    for answer in join_all(appends).await {
        assert!(matches!(answer.unwrap(), Ok(_) | Err(LogError::Closed)));
    }
}
