//! One member of a group: an instance with its settings and its positions.

use std::collections::BTreeMap;
use std::time::Duration;

use pinflow_access::{Caller, Right};
use pinflow_event::{Offset, Timestamp, TopicName, TopicPartition};

use super::{ConsumerError, Subscription};
use crate::kafka_rest::media_type::EmbeddedFormat;

/// What a client decides about an instance when it makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerSettings {
    /// How records are written in replies.
    pub(crate) format: EmbeddedFormat,
    /// Where to begin in a partition that the group has not committed to (`auto.offset.reset`).
    pub(crate) offset_reset: OffsetReset,
    /// What a read returned is committed when the next one comes, or the instance is deleted (`auto.commit.enable`).
    pub(crate) auto_commit: bool,
    /// A read waits until it has more than so many bytes; 0 returns whatever there is (`fetch.min.bytes`).
    pub(crate) min_bytes: usize,
    /// How long a read waits at most (`consumer.request.timeout.ms`).
    pub(crate) request_timeout: Duration,
}

/// Where to begin in a partition that the group has not committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetReset {
    /// With the oldest record that is there.
    Earliest,
    /// After what was there when the member came.
    Latest,
    /// Nowhere: that is an error.
    Nothing,
}

/// An instance as requests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceName {
    /// Its group.
    pub(crate) group: String,
    /// Its own name, unique in the group.
    pub(crate) instance: String,
}

/// A member of a group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) settings: ConsumerSettings,
    /// Who made it, and so whose rights decide what it reads.
    pub(super) owner: Caller,
    pub(super) last_used: Timestamp,
    pub(super) reads: Reads,
    /// The next read begins with the partition of this turn, so that no partition starves.
    pub(super) turn: usize,
    positions: BTreeMap<TopicPartition, Position>,
}

/// What a member reads.
#[derive(Debug, Default)]
pub(super) enum Reads {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Its share of the partitions of these topics.
    Subscribed(Subscription),
    /// The partitions that its client chose.
    Assigned,
}

/// Where a member is in a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The record that the next read returns; `None` until it is looked up.
    pub(super) next: Option<Offset>,
    /// Whether that has changed since the group's offset was committed, or read.
    pub(super) uncommitted: bool,
}

impl Member {
    pub(super) fn new(settings: ConsumerSettings, owner: Caller, now: Timestamp) -> Self {
        Self { settings, owner, last_used: now, reads: Reads::Nothing, turn: 0, positions: BTreeMap::new() }
    }

    /// What it subscribed to.
    pub(super) fn subscription(&self) -> Option<&Subscription> {
        match &self.reads {
            Reads::Subscribed(subscription) => Some(subscription),
            _ => None,
        }
    }

    /// Whether it wants a topic and its owner may read it.
    pub(super) fn wants(&self, topic: &TopicName) -> bool {
        self.subscription().is_some_and(|s| s.includes(topic)) && self.owner.may(Right::Consume, topic)
    }

    /// The partitions that it reads, sorted.
    pub(super) fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.positions.keys()
    }

    /// Reads these partitions from now on. Positions in those that it read before stay. Whether that changed anything.
    pub(super) fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) -> bool {
        let mut before = std::mem::take(&mut self.positions);
        let count = before.len();
        let mut kept = 0;
        for at in partitions {
            let position = before.remove(&at);
            kept += usize::from(position.is_some());
            self.positions.insert(at, position.unwrap_or_default());
        }
        kept != count || self.positions.len() != count
    }

    /// Stops reading a topic's partitions; whoever reads them next looks its position up.
    pub(super) fn forget_topic(&mut self, topic: &TopicName) {
        self.positions.retain(|at, _| at.topic != *topic);
    }

    /// Where it is in the partitions that it reads, sorted.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Position)> {
        self.positions.iter().map(|(at, position)| (at, *position))
    }

    /// Where it is in one partition.
    pub(super) fn position(&self, at: &TopicPartition) -> Option<Position> {
        self.positions.get(at).copied()
    }

    /// Where it is in one partition, to be changed.
    ///
    /// # Errors
    /// [`ConsumerError::NotAssigned`].
    pub(super) fn position_mut(&mut self, at: &TopicPartition) -> Result<&mut Position, ConsumerError> {
        self.positions.get_mut(at).ok_or_else(|| ConsumerError::NotAssigned(at.clone()))
    }
}
