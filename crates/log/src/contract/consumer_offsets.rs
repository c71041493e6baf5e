//! Consumer offsets: kept by group, whole commits, gone with their topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use super::{Fixture, first_partition};
use crate::{CommittedOffset, LogError, TopicConfig};

type Offsets = BTreeMap<TopicPartition, CommittedOffset>;

fn offsets<const N: usize>(topic: &TopicName, committed: [(u32, u64, &str); N]) -> Offsets {
    let entry = |(partition, offset, metadata): (u32, u64, &str)| {
        let at = TopicPartition::new(topic.clone(), Partition(partition));
        (at, CommittedOffset { offset: Offset(offset), metadata: metadata.to_owned() })
    };
    committed.into_iter().map(entry).collect()
}

/// The latest commit of each partition counts, whichever way it goes; groups know nothing of each other.
pub async fn offsets_are_kept_by_group(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 2).await;
    let kept = fixture.log.consumer_offsets();
    assert_eq!(kept.groups().await.unwrap(), Vec::<String>::new());
    assert_eq!(kept.committed("a").await.unwrap(), Offsets::new());
    kept.commit("b", offsets(&topic, [(0, 7, "x"), (1, 3, "")])).await.unwrap();
    kept.commit("a", offsets(&topic, [(1, u64::MAX, "far")])).await.unwrap();
    kept.commit("b", offsets(&topic, [(0, 2, "back \u{1f37a}\0")])).await.unwrap();
    kept.commit("b", Offsets::new()).await.unwrap();
    assert_eq!(kept.groups().await.unwrap(), ["a", "b"]);
    let expected = offsets(&topic, [(0, 2, "back \u{1f37a}\0"), (1, 3, "")]);
    assert_eq!(kept.committed("b").await.unwrap(), expected);
    assert_eq!(fixture.log.consumer_offsets().committed("b").await.unwrap(), expected);
    assert_eq!(kept.committed("a").await.unwrap(), offsets(&topic, [(1, u64::MAX, "far")]));
}

/// A group's name is any text; none of them is another's, or anything else.
pub async fn a_group_may_have_any_name(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let kept = fixture.log.consumer_offsets();
    let long = "x".repeat(5_000);
    let names = ["../../demo.pin/topic", "/", ".", "..", "a", "A", "a b", "1.json", "\0", "\u{e9}", "e\u{301}", &long];
    for (offset, name) in (0..).zip(names) {
        kept.commit(name, offsets(&topic, [(0, offset, name)])).await.unwrap();
    }
    for (offset, name) in (0..).zip(names) {
        assert_eq!(kept.committed(name).await.unwrap(), offsets(&topic, [(0, offset, name)]), "{name:?}");
    }
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(kept.groups().await.unwrap(), sorted);
    assert_eq!(fixture.log.topics().await.unwrap().len(), 1);
}

/// A commit with a place that is not there is refused, also for the others.
pub async fn a_commit_is_made_whole_or_not_at_all(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let kept = fixture.log.consumer_offsets();
    let refused = kept.commit("a", offsets(&topic, [(0, 1, ""), (1, 1, "")])).await;
    assert!(matches!(refused, Err(LogError::UnknownPartition { .. })), "{refused:?}");
    let nowhere = TopicName::new("nowhere").unwrap();
    let mixed = offsets(&topic, [(0, 1, "")]).into_iter().chain(offsets(&nowhere, [(0, 1, "")])).collect();
    let refused = kept.commit("a", mixed).await;
    assert!(matches!(refused, Err(LogError::UnknownTopic(name)) if name == nowhere));
    assert_eq!(kept.groups().await.unwrap(), Vec::<String>::new());
    assert_eq!(kept.committed("a").await.unwrap(), Offsets::new());
}

/// A forgotten group is as one that never was; forgetting twice is fine.
pub async fn a_forgotten_group_is_gone(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let kept = fixture.log.consumer_offsets();
    for name in ["a", "b"] {
        kept.commit(name, offsets(&topic, [(0, 4, "")])).await.unwrap();
    }
    kept.forget("a").await.unwrap();
    kept.forget("a").await.unwrap();
    kept.forget("never there").await.unwrap();
    assert_eq!(kept.groups().await.unwrap(), ["b"]);
    assert_eq!(kept.committed("a").await.unwrap(), Offsets::new());
    kept.commit("a", offsets(&topic, [(0, 5, "")])).await.unwrap();
    assert_eq!(kept.committed("a").await.unwrap(), offsets(&topic, [(0, 5, "")]));
}

/// A topic that is made anew begins without offsets, as often as one likes. The group stays, and so do its other topics.
pub async fn the_offsets_of_a_deleted_topic_go_with_it(fixture: Fixture) {
    let (topic, other) = (fixture.topic("demo.pin", 1).await, fixture.topic("demo.geo", 1).await);
    let kept = fixture.log.consumer_offsets();
    kept.commit("a", offsets(&other, [(0, 9, "")])).await.unwrap();
    for round in 0..3 {
        kept.commit("a", offsets(&topic, [(0, round, "")])).await.unwrap();
        assert!(kept.committed("a").await.unwrap().contains_key(&first_partition(&topic)));
        fixture.log.delete_topic(&topic).await.unwrap();
        assert_eq!(kept.committed("a").await.unwrap(), offsets(&other, [(0, 9, "")]));
        fixture.log.create_topic(&topic, TopicConfig::default()).await.unwrap();
        assert_eq!(kept.committed("a").await.unwrap(), offsets(&other, [(0, 9, "")]));
    }
    fixture.log.delete_topic(&other).await.unwrap();
    assert_eq!(kept.committed("a").await.unwrap(), Offsets::new());
    assert_eq!(kept.groups().await.unwrap(), ["a"]);
}

/// Many commits of many groups, each group's in its order; some are forgotten meanwhile.
pub async fn groups_commit_side_by_side(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 8).await;
    let kept = fixture.log.consumer_offsets();
    let tasks = (0..8).map(|partition| {
        let (kept, topic) = (Arc::clone(&kept), topic.clone());
        tokio::spawn(async move {
            for offset in 0..20 {
                let (own, short) = (format!("own-{partition}"), format!("short-{}", partition % 2));
                for group in ["shared", &own, &short] {
                    kept.commit(group, offsets(&topic, [(partition, offset, "")])).await.unwrap();
                }
                kept.forget(&short).await.unwrap();
            }
        })
    });
    for joined in join_all(tasks.collect::<Vec<_>>()).await {
        joined.unwrap();
    }
    let all: Offsets = (0..8).flat_map(|partition| offsets(&topic, [(partition, 19, "")])).collect();
    assert_eq!(kept.committed("shared").await.unwrap(), all);
    assert_eq!(kept.committed("own-5").await.unwrap(), offsets(&topic, [(5, 19, "")]));
    assert_eq!(kept.groups().await.unwrap().len(), 9);
}

/// After closing, every call says so.
pub async fn a_closed_log_keeps_no_offsets(fixture: Fixture) {
    let topic = fixture.topic("demo.pin", 1).await;
    let kept = fixture.log.consumer_offsets();
    kept.commit("a", offsets(&topic, [(0, 1, "")])).await.unwrap();
    fixture.log.close().await.unwrap();
    let is_closed = |error: LogError| assert!(matches!(error, LogError::Closed), "{error:?}");
    is_closed(kept.commit("a", offsets(&topic, [(0, 2, "")])).await.unwrap_err());
    is_closed(kept.committed("a").await.unwrap_err());
    is_closed(kept.groups().await.unwrap_err());
    is_closed(kept.forget("a").await.unwrap_err());
    let change = crate::TopicChange::default();
    is_closed(fixture.log.alter_topic(&topic, change).await.unwrap_err());
}
