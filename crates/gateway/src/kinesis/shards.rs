//! The shards of a stream: shard n is partition n of the topic.
//!
//! A stream that was never split or merged has as many shards of the same width as its topic has partitions; so has every
//! topic that was made over Kafka. Any other keeps the list of its shards as a property of the topic, which the log changes
//! in the same durable step as the partitions themselves.

use pinflow_event::{Partition, Timestamp};
use pinflow_log::TopicDescription;
use serde::{Deserialize, Serialize};

use super::sequence_number::SequenceNumber;
use super::shard::{HashKey, ShardId, uniform_range, uniform_shard};

/// The topic's property that holds the list.
pub(super) const PROPERTY: &str = "kinesis.shards";
/// The range of a partition that Kafka clients added later: only they write to it, and a shard that was made here is larger.
pub(super) const NO_HASH_KEYS: (HashKey, HashKey) = (0, 0);

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) id: ShardId,
    /// The first and the last hash key whose records it takes, or took.
    pub(super) hash_keys: (HashKey, HashKey),
    /// The one shard that it was split from, or the two that it was merged from.
    pub(super) parents: Vec<ShardId>,
    /// Since when it takes records.
    pub(super) opened: Timestamp,
    /// The time that its sequence numbers begin with: later than `opened` and than its parents', so that all its numbers
    /// come after theirs.
    pub(super) created: Timestamp,
    /// Since when it takes no more records.
    pub(super) closed: Option<Timestamp>,
}

impl Shard {
    /// The number before that of its first record.
    pub(super) fn start(&self) -> SequenceNumber {
        SequenceNumber::of_shard(self.created, self.id.0)
    }

    /// The number after that of its last record, once it is closed.
    pub(super) fn end(&self) -> Option<SequenceNumber> {
        self.closed.map(|closed| SequenceNumber::of_end(self.created, self.id.0, closed))
    }

    pub(super) fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether it takes the records of a hash key, once it is open.
    pub(super) fn holds(&self, hash_key: HashKey) -> bool {
        (self.hash_keys.0..=self.hash_keys.1).contains(&hash_key)
    }
}

/// All shards of a stream, closed ones too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shards {
    /// All of the same width, all open.
    Uniform {
        /// How many.
        count: u32,
        /// When the stream was made.
        created: Timestamp,
    },
    /// As kept with the topic.
    Kept(Vec<Shard>),
}

impl Shards {
    /// The shards of a topic.
    ///
    /// # Errors
    /// What cannot be read of the topic's property.
    pub(super) fn of(topic: &TopicDescription) -> Result<Self, serde_json::Error> {
        let count = topic.config.partitions;
        let Some(kept) = topic.config.properties.get(PROPERTY) else {
            return Ok(Self::Uniform { count, created: topic.created });
        };
        let kept: Vec<KeptShard> = serde_json::from_str(kept)?;
        let mut shards: Vec<Shard> = Vec::with_capacity(kept.len());
        for shard in kept {
            let shard = shard.read(&shards, topic);
            shards.push(shard);
        }
        let known = u32::try_from(shards.len()).unwrap_or(u32::MAX);
        shards.extend((known..count).map(|number| Shard {
            id: ShardId(Partition(number)),
            hash_keys: NO_HASH_KEYS,
            parents: Vec::new(),
            opened: topic.created,
            created: topic.created,
            closed: None,
        }));
        Ok(Self::Kept(shards))
    }

    /// The shards in the order of their ids.
    pub(super) fn all(&self) -> Vec<Shard> {
        match self {
            Self::Uniform { count, .. } => {
                (0..*count).filter_map(|number| self.get(ShardId(Partition(number)))).collect()
            }
            Self::Kept(shards) => shards.clone(),
        }
    }

    /// The shards that take records.
    pub(super) fn open(&self) -> Vec<Shard> {
        self.all().into_iter().filter(Shard::is_open).collect()
    }

    /// One shard.
    pub(super) fn get(&self, id: ShardId) -> Option<Shard> {
        match self {
            Self::Uniform { count, created } => (id.0.0 < *count).then(|| Shard {
                id,
                hash_keys: uniform_range(id, *count),
                parents: Vec::new(),
                opened: *created,
                created: *created,
                closed: None,
            }),
            Self::Kept(shards) => shards.get(id.0.0 as usize).cloned(),
        }
    }

    /// The shard that takes the records of a hash key, which is asked for only where there is a choice.
    pub(super) fn of_hash_key(&self, hash_key: impl FnOnce() -> HashKey) -> ShardId {
        match self {
            Self::Uniform { count: 1, .. } => ShardId::default(),
            Self::Uniform { count, .. } => uniform_shard(hash_key(), *count),
            Self::Kept(shards) => {
                let hash_key = hash_key();
                let holder = shards.iter().find(|shard| shard.is_open() && shard.holds(hash_key));
                holder.map(|shard| shard.id).unwrap_or_default()
            }
        }
    }

    /// The time that a shard's sequence numbers begin with.
    pub(super) fn created(&self, partition: Partition) -> Timestamp {
        match self {
            Self::Uniform { created, .. } => *created,
            Self::Kept(shards) => shards.get(partition.0 as usize).map(|shard| shard.created).unwrap_or_default(),
        }
    }
}

/// The value of the topic's property.
pub(super) fn property(shards: &[Shard]) -> String {
    let kept: Vec<KeptShard> = shards.iter().map(KeptShard::of).collect();
    serde_json::to_string(&kept).expect("numbers and texts are JSON")
}

/// When a new shard's numbers begin: after those of its parents, and a second after it was opened, as AWS has it.
pub(super) fn child_created(opened: Timestamp, parents: &[&Shard]) -> Timestamp {
    let latest = parents.iter().map(|parent| parent.created).max().unwrap_or_default();
    opened.max(latest).plus(std::time::Duration::from_secs(1))
}

/// A shard as the property has it; what follows from its parents and its place in the list is not there.
#[derive(Debug, Serialize, Deserialize)]
struct KeptShard {
    /// In decimal digits: JSON readers take no numbers of 128 bits.
    first: String,
    last: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<u32>,
    opened: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<Timestamp>,
}

impl KeptShard {
    fn of(shard: &Shard) -> Self {
        Self {
            first: shard.hash_keys.0.to_string(),
            last: shard.hash_keys.1.to_string(),
            parents: shard.parents.iter().map(|parent| parent.0.0).collect(),
            opened: shard.opened,
            closed: shard.closed,
        }
    }

    /// The shard after `earlier` ones, among which its parents are.
    fn read(self, earlier: &[Shard], topic: &TopicDescription) -> Shard {
        let parents: Vec<&Shard> = self.parents.iter().filter_map(|number| earlier.get(*number as usize)).collect();
        let created = if parents.is_empty() { topic.created } else { child_created(self.opened, &parents) };
        Shard {
            id: ShardId(Partition(u32::try_from(earlier.len()).unwrap_or(u32::MAX))),
            hash_keys: (self.first.parse().unwrap_or_default(), self.last.parse().unwrap_or_default()),
            parents: parents.iter().map(|parent| parent.id).collect(),
            opened: self.opened,
            created,
            closed: self.closed,
        }
    }
}
