//! Changes of a topic: all of it or nothing, and partitions that close at one moment for everyone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use super::{Fixture, START, UNLIMITED, first_partition, text, values};
use crate::{Bounds, EventLog, LogError, TopicChange, TopicConfig};

fn close(partitions: impl IntoIterator<Item = u32>) -> TopicChange {
    TopicChange { close: partitions.into_iter().map(Partition).collect(), ..TopicChange::default() }
}

fn grow(partitions: u32) -> TopicChange {
    TopicChange { partitions: Some(partitions), ..TopicChange::default() }
}

/// What a change names is changed, the rest stays, the records too; new partitions begin empty at offset 0.
pub async fn an_altered_topic_is_kept_as_the_change_says(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a", "b"]).await;
    fixture.clock.advance(Duration::from_secs(60));
    let age = Some(Duration::from_secs(5));
    let change = TopicChange { retention_age: Some(age), retention_bytes: Some(Some(9)), ..grow(3) };
    let altered = fixture.log.alter_topic(&topic, change).await.unwrap();
    let config = TopicConfig { partitions: 3, retention_age: age, retention_bytes: Some(9), ..TopicConfig::default() };
    assert_eq!((&altered.name, &altered.config, altered.created), (&topic, &config, START));
    assert_eq!(fixture.log.topic(&topic).await.unwrap(), altered);
    assert_eq!(fixture.log.topics().await.unwrap(), [altered]);
    assert_eq!(values(&fixture.read(&first_partition(&topic), 0).await), ["a", "b"]);
    let last = TopicPartition::new(topic.clone(), Partition(2));
    let empty = Bounds { earliest: Offset::ZERO, end: Offset::ZERO };
    assert_eq!(fixture.log.bounds(&last).await.unwrap(), empty);
    let places = fixture.log.append(&topic, vec![(Partition(2), text("c")), (Partition(0), text("d"))]).await.unwrap();
    assert_eq!(places.iter().map(|place| place.offset.0).collect::<Vec<_>>(), [0, 2]);
    fixture.log.wait_beyond(&last, Offset::ZERO).await.unwrap();
    let forever = TopicChange { retention_age: Some(None), retention_bytes: Some(None), ..TopicChange::default() };
    let config = TopicConfig { retention_age: None, retention_bytes: None, ..config };
    assert_eq!(fixture.log.alter_topic(&topic, forever).await.unwrap().config, config);
}

/// Whoever waits for partitions hears of those that are added, and of the topic's end; other changes are none of its business.
pub async fn added_partitions_are_heard_of(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.log.wait_for_partitions(&topic, 0).await.unwrap();
    let (log, name) = (Arc::clone(&fixture.log), topic.clone());
    let waiting = tokio::spawn(async move { log.wait_for_partitions(&name, 2).await });
    fixture.log.alter_topic(&topic, close([0])).await.unwrap();
    fixture.log.alter_topic(&topic, grow(2)).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "two partitions are not more than two");
    fixture.log.alter_topic(&topic, grow(3)).await.unwrap();
    waiting.await.unwrap().unwrap();
    let (log, name) = (Arc::clone(&fixture.log), topic.clone());
    let waiting = tokio::spawn(async move { log.wait_for_partitions(&name, 3).await });
    tokio::task::yield_now().await;
    fixture.log.delete_topic(&topic).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(LogError::UnknownTopic(name)) if name == topic));
}

/// Where one part of a change cannot be, none of it is made.
pub async fn an_impossible_change_changes_nothing(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 3).await;
    let before = fixture.log.alter_topic(&topic, close([1])).await.unwrap();
    let tagged = |change| TopicChange { properties: BTreeMap::from([("tag".into(), Some("x".into()))]), ..change };
    let impossible = [grow(2), grow(0), grow(TopicConfig::MAX_PARTITIONS + 1), close([3]), close([0, 1])];
    for change in impossible {
        let refused = fixture.log.alter_topic(&topic, tagged(change.clone())).await;
        assert!(matches!(refused, Err(LogError::InvalidConfig { .. })), "{change:?}: {refused:?}");
        assert_eq!(fixture.log.topic(&topic).await.unwrap(), before, "{change:?}");
    }
    fixture.append(&topic, &["still open"]).await;
    let nowhere = TopicName::new("nowhere").unwrap();
    let refused = fixture.log.alter_topic(&nowhere, grow(2)).await;
    assert!(matches!(refused, Err(LogError::UnknownTopic(name)) if name == nowhere));
}

/// Properties are any text; the log keeps them and reads none.
pub async fn properties_are_set_and_removed(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let set = |name: &str, value: Option<&str>| TopicChange {
        properties: BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]),
        ..TopicChange::default()
    };
    let awkward = "../\"\n\u{1f37a}\0";
    for change in [set("a", Some("1")), set(awkward, Some(awkward)), set("", Some("")), set("a", Some("2"))] {
        fixture.log.alter_topic(&topic, change).await.unwrap();
    }
    let altered = fixture.log.alter_topic(&topic, set("never set", None)).await.unwrap();
    let expected = [("a", "2"), (awkward, awkward), ("", "")];
    let expected = |skipped| expected.iter().skip(skipped).map(|(name, value)| (name.to_string(), value.to_string()));
    assert_eq!(altered.config.properties, expected(0).collect());
    let altered = fixture.log.alter_topic(&topic, set("a", None)).await.unwrap();
    assert_eq!(altered.config.properties, expected(1).collect());
    assert_eq!(fixture.log.topic(&topic).await.unwrap(), altered);
}

/// An append that touches a closed partition stores nothing anywhere; what the partition has stays readable.
pub async fn a_closed_partition_takes_nothing_and_keeps_what_it_has(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    fixture.append(&topic, &["a", "b"]).await;
    let altered = fixture.log.alter_topic(&topic, close([0])).await.unwrap();
    assert_eq!(altered.config.closed, [Partition(0)].into());
    let at = first_partition(&topic);
    for records in [vec![(Partition(0), text("c"))], vec![(Partition(1), text("c")), (Partition(0), text("d"))]] {
        let refused = fixture.log.append(&topic, records).await;
        assert!(matches!(&refused, Err(LogError::PartitionClosed(place)) if *place == at), "{refused:?}");
    }
    let other = TopicPartition::new(topic.clone(), Partition(1));
    assert_eq!(fixture.log.bounds(&other).await.unwrap().end, Offset::ZERO);
    assert_eq!(values(&fixture.read(&at, 0).await), ["a", "b"]);
    assert_eq!(fixture.log.bounds(&at).await.unwrap().end, Offset(2));
    assert_eq!(fixture.log.offset_at(&at, START).await.unwrap(), Offset::ZERO);
    fixture.log.append(&topic, vec![(Partition(1), text("e"))]).await.unwrap();
}

/// As a shard that is split: its children are there when it is closed.
pub async fn partitions_may_be_made_and_closed_in_one_change(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a"]).await;
    let altered = fixture.log.alter_topic(&topic, TopicChange { ..close([0, 3]) }).await;
    assert!(matches!(altered, Err(LogError::InvalidConfig { .. })), "{altered:?}");
    let split = TopicChange { partitions: Some(4), ..close([0, 3]) };
    let altered = fixture.log.alter_topic(&topic, split).await.unwrap();
    assert_eq!((altered.config.partitions, altered.config.closed), (4, [Partition(0), Partition(3)].into()));
    for partition in 0..4 {
        let stored = fixture.log.append(&topic, vec![(Partition(partition), text("b"))]).await;
        assert_eq!(stored.is_ok(), [1, 2].contains(&partition), "{partition}: {stored:?}");
    }
}

/// Appends that go to two partitions, until they are refused; how many were stored.
async fn append_until_closed(log: Arc<dyn EventLog>, topic: TopicName) -> u64 {
    let mut stored = 0;
    loop {
        let records = (0..2).map(|partition| (Partition(partition), text(&"x".repeat(300)))).collect();
        match log.append(&topic, records).await {
            Ok(_) => stored += 1,
            Err(LogError::PartitionClosed(at)) if at.partition == Partition(0) => return stored,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// The first end of a partition that is seen after it was seen to be closed.
async fn end_once_closed(log: Arc<dyn EventLog>, at: TopicPartition) -> Offset {
    while !log.topic(&at.topic).await.unwrap().config.closed.contains(&at.partition) {
        tokio::task::yield_now().await;
    }
    log.bounds(&at).await.unwrap().end
}

/// Whoever appends meanwhile is stored before the closing or refused whole. Once the partition is seen to be closed, it has
/// all that it will ever have.
pub async fn closing_under_load_is_one_moment(fixture: Fixture) {
    for round in 0..10 {
        let topic = fixture.topic(&format!("demo-{round}"), 2).await;
        let at = first_partition(&topic);
        let appends = (0..8).map(|_| tokio::spawn(append_until_closed(Arc::clone(&fixture.log), topic.clone())));
        let appends: Vec<_> = appends.collect();
        let seen = tokio::spawn(end_once_closed(Arc::clone(&fixture.log), at.clone()));
        fixture.log.wait_beyond(&at, Offset(20)).await.unwrap();
        fixture.log.alter_topic(&topic, close([0])).await.unwrap();
        let end = fixture.log.bounds(&at).await.unwrap().end;
        let stored: u64 = join_all(appends).await.into_iter().map(|stored| stored.unwrap()).sum();
        assert_eq!((end, seen.await.unwrap()), (Offset(stored), Offset(stored)), "round {round}");
        for partition in 0..2 {
            let at = TopicPartition::new(topic.clone(), Partition(partition));
            let records = fixture.log.read(&at, Offset::ZERO, UNLIMITED).await.unwrap();
            assert_eq!(records.len() as u64, stored, "round {round}, partition {partition}");
        }
    }
}
