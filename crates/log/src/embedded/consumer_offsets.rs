//! The embedded log's [`ConsumerOffsets`]: its [`groups`](super::groups), seen through the topics that are there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pinflow_event::TopicPartition;

use super::event_log::blocking;
use super::groups::{Entries, Entry};
use super::store::Store;
use crate::{CommittedOffset, ConsumerOffsets, LogError};

/// The committed offsets of an embedded log.
pub(crate) struct EmbeddedOffsets {
    store: Arc<Store>,
}

impl EmbeddedOffsets {
    /// Those of `store`.
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

impl fmt::Debug for EmbeddedOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOffsets").finish_non_exhaustive()
    }
}

impl Store {
    fn commit_offsets(&self, group: &str, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> Result<(), LogError> {
        let _change = self.groups.begin_change();
        self.health.check()?;
        let mut entries = Entries::new();
        for (at, committed) in offsets {
            let topic = self.topic(&at.topic)?;
            topic.partition(at.partition)?;
            entries.insert(at, Entry { topic_id: topic.id, committed });
        }
        self.groups.commit(group, entries, |at, entry| self.is_alive(at, entry))
    }

    fn forget_group(&self, group: &str) -> Result<(), LogError> {
        let _change = self.groups.begin_change();
        self.health.check()?;
        self.groups.forget(group)
    }

    fn committed_offsets(&self, group: &str) -> Result<BTreeMap<TopicPartition, CommittedOffset>, LogError> {
        self.health.check_open()?;
        let entries = self.groups.entries(group).unwrap_or_default();
        let alive = entries.iter().filter(|(at, entry)| self.is_alive(at, entry));
        Ok(alive.map(|(at, entry)| (at.clone(), entry.committed.clone())).collect())
    }

    /// Whether the topic is still the one that the entry was committed for; also while the log closes.
    fn is_alive(&self, at: &TopicPartition, entry: &Entry) -> bool {
        let topics = self.topics.read().expect("nothing panics while it holds the topics");
        topics.get(&at.topic).is_some_and(|topic| topic.id == entry.topic_id)
    }
}

#[async_trait]
impl ConsumerOffsets for EmbeddedOffsets {
    async fn commit(&self, group: &str, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> Result<(), LogError> {
        let group = group.to_owned();
        blocking(&self.store, move |store| store.commit_offsets(&group, offsets)).await
    }

    async fn committed(&self, group: &str) -> Result<BTreeMap<TopicPartition, CommittedOffset>, LogError> {
        self.store.committed_offsets(group)
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        self.store.health.check_open()?;
        Ok(self.store.groups.names())
    }

    async fn forget(&self, group: &str) -> Result<(), LogError> {
        let group = group.to_owned();
        blocking(&self.store, move |store| store.forget_group(&group)).await
    }
}
