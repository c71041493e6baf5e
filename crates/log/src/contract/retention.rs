//! Retention: what is past it goes, what a reader needs stays. Logs may keep more than they have to, up to a segment.

use std::time::Duration;

use pinflow_event::{Clock, Offset, Partition, TopicName, TopicPartition};

use super::{Fixture, START, UNLIMITED, first_partition, offsets, text};
use crate::{LogError, TopicChange, TopicConfig};

const HOUR: Duration = Duration::from_secs(3600);
const RECORD_BYTES: u64 = 1_000;

fn by_age() -> TopicConfig {
    TopicConfig { partitions: 1, retention_age: Some(HOUR), ..TopicConfig::default() }
}

impl Fixture {
    async fn append_many(&self, topic: &TopicName, records: usize) {
        for _ in 0..records {
            let record = text(&"x".repeat(RECORD_BYTES as usize));
            self.log.append(topic, vec![(Partition(0), record)]).await.unwrap();
        }
    }

    /// Enforces retention now; the earliest offset after it.
    async fn earliest_after_retention(&self, topic: &TopicName) -> u64 {
        self.log.enforce_retention(self.clock.now()).await.unwrap();
        self.log.bounds(&first_partition(topic)).await.unwrap().earliest.0
    }
}

/// What is younger than the age stays; once all is older, all goes.
pub async fn retention_by_age_takes_what_is_old(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 30).await;
    fixture.clock.advance(HOUR / 2);
    fixture.append_many(&topic, 30).await;
    assert_eq!(fixture.earliest_after_retention(&topic).await, 0);
    fixture.clock.advance(HOUR / 2 + Duration::from_millis(1));
    let earliest = fixture.earliest_after_retention(&topic).await;
    assert!((20..=30).contains(&earliest), "{earliest}");
    let at = first_partition(&topic);
    assert_eq!(offsets(&fixture.read(&at, earliest).await), (earliest..60).collect::<Vec<_>>());
    let below = fixture.log.read(&at, Offset(earliest - 1), UNLIMITED).await;
    assert!(matches!(below, Err(LogError::OffsetOutOfRange { .. })));
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 60);
    assert_eq!(fixture.read(&at, 60).await, []);
    assert_eq!(fixture.log.offset_at(&at, START).await.unwrap(), Offset(60));
}

/// The newest records are kept, at least as many bytes as were asked for, and not many more.
pub async fn retention_by_size_takes_the_oldest(fixture: Fixture) {
    let config = TopicConfig {
        partitions: 1,
        retention_age: None,
        retention_bytes: Some(20 * RECORD_BYTES),
        ..TopicConfig::default()
    };
    let topic = fixture.topic_kept("demo.pin", config).await;
    fixture.append_many(&topic, 10).await;
    assert_eq!(fixture.earliest_after_retention(&topic).await, 0);
    fixture.append_many(&topic, 90).await;
    let freed = fixture.log.enforce_retention(fixture.clock.now()).await.unwrap();
    let at = first_partition(&topic);
    let earliest = fixture.log.bounds(&at).await.unwrap().earliest.0;
    assert!((70..=81).contains(&earliest), "{earliest}");
    assert!(freed >= earliest * RECORD_BYTES, "{freed}");
    assert_eq!(offsets(&fixture.read(&at, earliest).await), (earliest..100).collect::<Vec<_>>());
    assert_eq!(fixture.log.enforce_retention(fixture.clock.now()).await.unwrap(), 0);
}

/// The slowest reader decides.
pub async fn retention_waits_for_every_reader(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 50).await;
    fixture.clock.advance(2 * HOUR);
    let at = first_partition(&topic);
    fixture.log.protect("archive", &at, Offset(40));
    fixture.log.protect("lane", &at, Offset::ZERO);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 0);
    fixture.log.protect("lane", &at, Offset(25));
    let earliest = fixture.earliest_after_retention(&topic).await;
    assert!((15..=25).contains(&earliest), "{earliest}");
    fixture.log.protect("lane", &at, Offset(50));
    let earliest = fixture.earliest_after_retention(&topic).await;
    assert!((30..=40).contains(&earliest), "{earliest}");
    fixture.log.protect("archive", &at, Offset(50));
    assert_eq!(fixture.earliest_after_retention(&topic).await, 50);
}

/// A replay moves its reader back; its latest word counts.
pub async fn a_reader_may_go_back(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 50).await;
    fixture.clock.advance(2 * HOUR);
    let at = first_partition(&topic);
    fixture.log.protect("lane", &at, Offset(50));
    fixture.log.protect("lane", &at, Offset(5));
    let earliest = fixture.earliest_after_retention(&topic).await;
    assert!(earliest <= 5, "{earliest}");
    assert_eq!(offsets(&fixture.read(&at, 5).await), (5..50).collect::<Vec<_>>());
}

/// Who has released a partition holds nothing up, and the others still do.
pub async fn a_released_reader_needs_nothing(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 50).await;
    fixture.clock.advance(2 * HOUR);
    let at = first_partition(&topic);
    fixture.log.protect("lane", &at, Offset::ZERO);
    fixture.log.protect("archive", &at, Offset(20));
    fixture.log.release("lane", &at);
    let earliest = fixture.earliest_after_retention(&topic).await;
    assert!((10..=20).contains(&earliest), "{earliest}");
    fixture.log.release("archive", &at);
    fixture.log.release("somebody", &at);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 50);
}

/// A partition that takes nothing any more lets go of what it has, as every other.
pub async fn a_closed_partition_is_emptied_by_retention(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 50).await;
    let change = TopicChange { close: [Partition(0)].into(), ..TopicChange::default() };
    fixture.log.alter_topic(&topic, change).await.unwrap();
    fixture.clock.advance(2 * HOUR);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 50);
    assert_eq!(fixture.read(&first_partition(&topic), 50).await, []);
}

/// Who reads all of a topic loses nothing in a partition that was added behind its back. Who reads a part is not bound to more.
pub async fn who_reads_a_topic_needs_its_new_partitions(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", TopicConfig { partitions: 2, ..by_age() }).await;
    let at = |partition| TopicPartition::new(topic.clone(), Partition(partition));
    fixture.log.protect("lane", &at(0), Offset(7));
    fixture.log.protect("lane", &at(1), Offset::ZERO);
    fixture.log.protect("part", &at(1), Offset::ZERO);
    let change = TopicChange { partitions: Some(4), ..TopicChange::default() };
    fixture.log.alter_topic(&topic, change).await.unwrap();
    for partition in [2, 3] {
        fixture.log.append(&topic, vec![(Partition(partition), text("a"))]).await.unwrap();
    }
    fixture.clock.advance(2 * HOUR);
    fixture.log.release("lane", &at(3));
    fixture.log.enforce_retention(fixture.clock.now()).await.unwrap();
    assert_eq!(fixture.log.bounds(&at(2)).await.unwrap().earliest, Offset::ZERO);
    assert_eq!(fixture.log.bounds(&at(3)).await.unwrap().earliest, Offset(1));
    fixture.log.protect("lane", &at(2), Offset(1));
    fixture.log.enforce_retention(fixture.clock.now()).await.unwrap();
    assert_eq!(fixture.log.bounds(&at(2)).await.unwrap().earliest, Offset(1));
}

/// Without an age and a size nothing ever goes.
pub async fn retention_leaves_what_is_kept_forever(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    fixture.append_many(&topic, 50).await;
    fixture.clock.advance(1_000_000 * HOUR);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 0);
    assert_eq!(fixture.read(&first_partition(&topic), 0).await.len(), 50);
}

/// Offsets are never used again, not even where everything was deleted.
pub async fn offsets_go_on_after_retention(fixture: Fixture) {
    let topic = fixture.topic_kept("demo.pin", by_age()).await;
    fixture.append_many(&topic, 10).await;
    fixture.clock.advance(2 * HOUR);
    assert_eq!(fixture.earliest_after_retention(&topic).await, 10);
    assert_eq!(fixture.append(&topic, &["next"]).await, [10]);
    assert_eq!(offsets(&fixture.read(&first_partition(&topic), 10).await), [10]);
}
