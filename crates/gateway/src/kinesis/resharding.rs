//! A change of a stream's shards: splits and merges that the log carries out in one durable step.
//!
//! Nothing is moved. A shard that is split or merged is closed and keeps its records; what comes later goes to its children,
//! which are read after it. So the records of a key keep their order.

use std::collections::BTreeSet;

use pinflow_event::{Partition, Timestamp};
use pinflow_log::TopicChange;

use super::shard::{HashKey, ShardId, uniform_range};
use super::shards::{NO_HASH_KEYS, PROPERTY, Shard, child_created, property};

/// Splits and merges that are to be done together.
#[derive(Debug)]
pub(super) struct Resharding {
    shards: Vec<Shard>,
    close: BTreeSet<Partition>,
    now: Timestamp,
}

impl Resharding {
    /// No change yet of `shards`, at the time `now`.
    pub(super) fn new(shards: Vec<Shard>, now: Timestamp) -> Self {
        Self { shards, close: BTreeSet::new(), now }
    }

    /// Divides an open shard in two, of which the second begins at `second_first`.
    pub(super) fn split(&mut self, parent: ShardId, second_first: HashKey) {
        let (first, last) = self.shards[parent.0.0 as usize].hash_keys;
        self.close(parent);
        self.add(vec![parent], (first, second_first - 1));
        self.add(vec![parent], (second_first, last));
    }

    /// Makes one shard of two open ones, of which the second begins where the first ends.
    pub(super) fn merge(&mut self, first: ShardId, second: ShardId) -> ShardId {
        let hash_keys = (self.shards[first.0.0 as usize].hash_keys.0, self.shards[second.0.0 as usize].hash_keys.1);
        self.close(first);
        self.close(second);
        self.add(vec![first, second], hash_keys)
    }

    /// Makes `target` open shards of the same width. As in AWS a shard has two parents at most, so that there may be shards in
    /// between which are closed as soon as they are made.
    pub(super) fn scale(&mut self, target: u32) {
        let firsts = self.scaled_firsts(target);
        for first in &firsts {
            let cut = self.open().find(|shard| shard.hash_keys.0 < *first && shard.holds(*first)).map(|shard| shard.id);
            if let Some(shard) = cut {
                self.split(shard, *first);
            }
        }
        let lasts = firsts.iter().skip(1).map(|next| next - 1).chain([HashKey::MAX]);
        for (first, last) in firsts.iter().zip(lasts) {
            let mut parts: Vec<_> = self.open().filter(|shard| (*first..=last).contains(&shard.hash_keys.0)).collect();
            parts.sort_by_key(|shard| shard.hash_keys);
            let parts: Vec<ShardId> = parts.into_iter().map(|shard| shard.id).collect();
            parts.into_iter().reduce(|merged, part| self.merge(merged, part));
        }
    }

    /// Where `target` shards of the same width begin. Where a shard begins there but for a rounding it stays as it is.
    fn scaled_firsts(&self, target: u32) -> Vec<HashKey> {
        let rounding = HashKey::from(target).max(self.shards.len() as HashKey);
        let exact = (0..target).map(|number| uniform_range(ShardId(Partition(number)), target).0);
        exact
            .map(|first| {
                let there = self.open().map(|shard| shard.hash_keys.0).find(|there| there.abs_diff(first) < rounding);
                there.unwrap_or(first)
            })
            .collect()
    }

    /// The change for the log.
    pub(super) fn into_change(self) -> TopicChange {
        TopicChange {
            partitions: u32::try_from(self.shards.len()).ok(),
            close: self.close,
            properties: [(PROPERTY.to_owned(), Some(property(&self.shards)))].into(),
            ..TopicChange::default()
        }
    }

    /// The open shards that have a range; those that Kafka clients added have none.
    fn open(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(|shard| shard.is_open() && shard.hash_keys != NO_HASH_KEYS)
    }

    fn close(&mut self, shard: ShardId) {
        self.shards[shard.0.0 as usize].closed = Some(self.now);
        self.close.insert(shard.0);
    }

    fn add(&mut self, parents: Vec<ShardId>, hash_keys: (HashKey, HashKey)) -> ShardId {
        let id = ShardId(Partition(u32::try_from(self.shards.len()).expect("a topic has far fewer partitions")));
        let parent_shards: Vec<&Shard> = parents.iter().map(|parent| &self.shards[parent.0.0 as usize]).collect();
        let created = child_created(self.now, &parent_shards);
        self.shards.push(Shard { id, hash_keys, parents, opened: self.now, created, closed: None });
        id
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kinesis::shards::Shards;
    use pinflow_event::TopicName;
    use pinflow_log::{TopicConfig, TopicDescription};

    const CREATED: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn topic(partitions: u32) -> TopicDescription {
        let config = TopicConfig { partitions, ..TopicConfig::default() };
        TopicDescription { name: TopicName::new("s").unwrap(), config, created: CREATED }
    }

    /// Does what `change` says, and reads the shards back from the topic.
    fn resharded(topic: &mut TopicDescription, at: i64, change: impl FnOnce(&mut Resharding)) -> Vec<Shard> {
        let mut resharding = Resharding::new(Shards::of(topic).unwrap().all(), Timestamp::from_millis(at));
        change(&mut resharding);
        let expected = resharding.shards.clone();
        topic.config = resharding.into_change().apply(&topic.name, &topic.config).unwrap();
        let shards = Shards::of(topic).unwrap().all();
        assert_eq!(shards, expected, "what is kept is what was meant");
        check(topic, &shards);
        shards
    }

    /// Open shards cover all hash keys once; a child's numbers come after its parents'; the log closes what is closed.
    fn check(topic: &TopicDescription, shards: &[Shard]) {
        let mut open: Vec<&Shard> = shards.iter().filter(|shard| shard.is_open()).collect();
        open.sort_by_key(|shard| shard.hash_keys);
        let mut next: HashKey = 0;
        for shard in open {
            assert_eq!(shard.hash_keys.0, next, "{shards:?}");
            next = shard.hash_keys.1.wrapping_add(1);
        }
        assert_eq!(next, 0, "the last open shard ends the space");
        for shard in shards {
            assert_eq!(topic.config.closed.contains(&shard.id.0), !shard.is_open());
            assert!(shard.parents.len() <= 2);
            for parent in &shard.parents {
                let parent = &shards[parent.0.0 as usize];
                assert!(parent.end().unwrap().to_string() < shard.start().to_string());
                assert!(parent.closed.unwrap() <= shard.opened);
            }
        }
    }

    #[test]
    fn a_split_shard_has_two_children() {
        let mut topic = topic(1);
        let shards = resharded(&mut topic, 1_700_000_000_500, |change| change.split(ShardId(Partition(0)), 2));
        assert_eq!(shards[1].hash_keys, (0, 1));
        assert_eq!(shards[2].hash_keys, (2, HashKey::MAX));
        // At once and even with a clock that was set back.
        resharded(&mut topic, 1_700_000_000_500, |change| change.split(ShardId(Partition(2)), 9));
        let shards = resharded(&mut topic, 5, |change| change.split(ShardId(Partition(4)), 99));
        assert_eq!(shards.iter().filter(|shard| shard.is_open()).count(), 4);
    }

    #[test]
    fn merged_shards_have_one_child() {
        let shards = resharded(&mut topic(3), 1_700_000_001_000, |change| {
            change.merge(ShardId(Partition(1)), ShardId(Partition(2)));
        });
        assert_eq!(shards[3].parents, [ShardId(Partition(1)), ShardId(Partition(2))]);
        assert_eq!(shards[3].hash_keys, (shards[1].hash_keys.0, HashKey::MAX));
    }

    #[test]
    fn any_number_of_shards_becomes_any_other() {
        for from in 1..=9 {
            for to in 1..=9 {
                let mut topic = topic(from);
                let shards = resharded(&mut topic, 1_700_000_001_000, |change| change.scale(to));
                let mut open: Vec<_> =
                    shards.iter().filter(|shard| shard.is_open()).map(|shard| shard.hash_keys.0).collect();
                open.sort_unstable();
                let uniform = (0..to).map(|number| uniform_range(ShardId(Partition(number)), to).0);
                assert_eq!(open.len(), to as usize);
                assert!(
                    open.iter().zip(uniform).all(|(is, wanted)| is.abs_diff(wanted) < 20),
                    "{from} to {to}: {open:?}"
                );
                if to == 2 * from {
                    assert_eq!(shards.len(), (from + to) as usize, "nothing is made in between");
                }
                if from == to {
                    assert!(topic.config.closed.is_empty());
                }
                resharded(&mut topic, 1_700_000_002_000, |change| change.scale(from));
            }
        }
    }

    #[test]
    fn partitions_that_kafka_added_take_no_hash_keys() {
        let mut topic = topic(2);
        resharded(&mut topic, 1_700_000_001_000, |change| change.scale(3));
        topic.config.partitions += 2;
        let known = Shards::of(&topic).unwrap();
        assert_eq!(known.all().len() as u32, topic.config.partitions);
        for hash_key in [0, 1, HashKey::MAX / 2, HashKey::MAX] {
            assert!(known.of_hash_key(|| hash_key).0.0 < topic.config.partitions - 2);
        }
    }
}
