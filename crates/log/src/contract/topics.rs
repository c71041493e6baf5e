//! Topics: made, listed, described, refused.

use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use super::{Fixture, START, UNLIMITED, first_partition, text};
use crate::{Bounds, LogError, TopicConfig};

/// A topic begins at offset 0 with nothing in it, and every partition of it is there.
pub async fn a_new_topic_is_empty(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 3).await;
    for partition in 0..3 {
        let at = TopicPartition::new(topic.clone(), Partition(partition));
        let empty = Bounds { earliest: Offset::ZERO, end: Offset::ZERO };
        assert_eq!(fixture.log.bounds(&at).await.unwrap(), empty);
        assert_eq!(fixture.read(&at, 0).await, []);
        assert_eq!(fixture.log.offset_at(&at, START).await.unwrap(), Offset::ZERO);
    }
    fixture.log.health().unwrap();
}

/// Topics are sorted by name and say how they are kept.
pub async fn topics_are_listed_by_name(fixture: Fixture) {
    assert_eq!(fixture.log.topics().await.unwrap(), []);
    let config = TopicConfig { partitions: 2, retention_bytes: Some(77), ..TopicConfig::default() };
    for name in ["streaming-b", "a.pin", "A_0"] {
        let made = fixture.log.create_topic(&TopicName::new(name).unwrap(), config.clone()).await.unwrap();
        assert_eq!((made.name.as_str(), &made.config, made.created), (name, &config, START));
        assert_eq!(fixture.log.topic(&made.name).await.unwrap(), made);
    }
    let listed = fixture.log.topics().await.unwrap();
    assert_eq!(listed.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["A_0", "a.pin", "streaming-b"]);
    assert!(listed.iter().all(|topic| topic.config == config));
}

/// A name that is taken is refused, and the topic stays as it was.
pub async fn a_topic_is_made_once(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append(&topic, &["a"]).await;
    let again = fixture.log.create_topic(&topic, TopicConfig { partitions: 5, ..TopicConfig::default() }).await;
    assert!(matches!(again, Err(LogError::TopicExists(name)) if name == topic));
    assert_eq!(fixture.log.topic(&topic).await.unwrap().config.partitions, 1);
    assert_eq!(fixture.read(&first_partition(&topic), 0).await.len(), 1);
}

/// A topic without partitions is refused, as is one with absurdly many; nothing of it is left.
pub async fn impossible_topics_are_refused(fixture: Fixture) {
    let topic = TopicName::new("demo.pin").unwrap();
    for partitions in [0, u32::MAX] {
        let made = fixture.log.create_topic(&topic, TopicConfig { partitions, ..TopicConfig::default() }).await;
        assert!(matches!(made, Err(LogError::InvalidConfig { .. })), "{partitions} partitions: {made:?}");
    }
    assert_eq!(fixture.log.topics().await.unwrap(), []);
    fixture.topic("demo.pin", 1).await;
}

/// Every call names the topic, or the partition, that is not there.
pub async fn unknown_places_are_refused(fixture: Fixture) {
    let log = &fixture.log;
    let nowhere = TopicName::new("nowhere").unwrap();
    let at = first_partition(&nowhere);
    let is_unknown = |error: LogError| assert!(matches!(error, LogError::UnknownTopic(name) if name == nowhere));
    is_unknown(log.topic(&nowhere).await.unwrap_err());
    is_unknown(log.delete_topic(&nowhere).await.unwrap_err());
    is_unknown(log.append(&nowhere, vec![]).await.unwrap_err());
    is_unknown(log.read(&at, Offset::ZERO, UNLIMITED).await.unwrap_err());
    is_unknown(log.bounds(&at).await.unwrap_err());
    is_unknown(log.offset_at(&at, START).await.unwrap_err());
    is_unknown(log.wait_beyond(&at, Offset::ZERO).await.unwrap_err());
    log.protect("lane", &at, Offset::ZERO);

    let topic = fixture.topic("demo.pin", 2).await;
    let at = TopicPartition::new(topic.clone(), Partition(2));
    let is_unknown = |error: LogError| match error {
        LogError::UnknownPartition { at: place, partitions: 2 } => assert_eq!(place, at),
        other => panic!("{other:?}"),
    };
    is_unknown(log.append(&topic, vec![(Partition(2), text("a"))]).await.unwrap_err());
    is_unknown(log.read(&at, Offset::ZERO, UNLIMITED).await.unwrap_err());
    is_unknown(log.bounds(&at).await.unwrap_err());
    is_unknown(log.offset_at(&at, START).await.unwrap_err());
    is_unknown(log.wait_beyond(&at, Offset::ZERO).await.unwrap_err());
    log.protect("lane", &at, Offset::ZERO);
}
