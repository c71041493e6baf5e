//! A topic that is open.
//!
//! It never changes: an altered topic is another one that takes its place in the log's table and has the same partitions.
//! That keeps looking at a topic cheap, and gives closing its order: see [`Topic::current`].

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use pinflow_event::{Partition as PartitionNumber, TopicPartition};

use super::partition::Partition;
use crate::{LogError, TopicDescription};

/// A topic as it is between two changes of it.
#[derive(Debug)]
pub(crate) struct Topic {
    /// No topic had it before that anything on disk still speaks of.
    pub(crate) id: u64,
    pub(crate) description: TopicDescription,
    pub(crate) partitions: Vec<Arc<Partition>>,
    /// Partitions that take no records: those that the description calls closed, and those that are being closed.
    closed: BTreeSet<PartitionNumber>,
    replaced: RwLock<bool>,
}

impl Topic {
    /// A topic whose closed partitions are those of its description.
    pub(crate) fn new(id: u64, description: TopicDescription, partitions: Vec<Arc<Partition>>) -> Self {
        let closed = description.config.closed.clone();
        Self { id, description, partitions, closed, replaced: RwLock::new(false) }
    }

    /// The same topic, which also takes no records into `closing`.
    pub(crate) fn closing(&self, closing: &BTreeSet<PartitionNumber>) -> Self {
        let same = Self::new(self.id, self.description.clone(), self.partitions.clone());
        Self { closed: self.closed.union(closing).copied().collect(), ..same }
    }

    /// The partition with this number.
    pub(crate) fn partition(&self, number: PartitionNumber) -> Result<&Arc<Partition>, LogError> {
        self.partitions.get(number.0 as usize).ok_or_else(|| LogError::UnknownPartition {
            at: TopicPartition::new(self.description.name.clone(), number),
            partitions: self.description.config.partitions,
        })
    }

    /// The partition with this number, where it takes records.
    pub(crate) fn open_partition(&self, number: PartitionNumber) -> Result<&Arc<Partition>, LogError> {
        let partition = self.partition(number)?;
        if self.closed.contains(&number) {
            return Err(LogError::PartitionClosed(partition.at.clone()));
        }
        Ok(partition)
    }

    /// Holds off a change of the topic while an append is queued that was planned with it; `None` where the topic was
    /// changed already, and the append has to be planned anew.
    pub(crate) fn current(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let replaced = self.replaced.read().unwrap_or_else(PoisonError::into_inner);
        (!*replaced).then_some(replaced)
    }

    /// Another one has taken its place in the log's table. Once this returns, nothing that was planned with this one is queued
    /// any more.
    pub(crate) fn replace(&self) {
        *self.replaced.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Ends all partitions; whoever waits gets `why`.
    pub(crate) fn finish(&self, why: &LogError) {
        self.partitions.iter().for_each(|partition| partition.finish(why));
    }
}
