//! The archive as the node sees it: all partitions of some topics, kept going until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use pinflow_event::{Clock, Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::partition::ArchivedPartition;
use crate::{ArchiveError, ArchiveSettings, PartitionStatus};

/// Archives topics of a log into a store. One archive a store and log.
#[derive(Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    log: Arc<dyn EventLog>,
    settings: ArchiveSettings,
    clock: Arc<dyn Clock>,
    partitions: Mutex<BTreeMap<TopicPartition, Arc<ArchivedPartition>>>,
}

impl Archive {
    /// An archive that does nothing yet. `clock` dates what [`Archive::status`] tells.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        log: Arc<dyn EventLog>,
        settings: ArchiveSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, log, settings, clock, partitions: Mutex::default() }
    }

    /// Says to the log that the archive still needs `topics`, as far as they exist. Has to be called after a start, before retention
    /// is enforced; [`Archive::run`] calls it too, also for topics and partitions that come later.
    ///
    /// # Errors
    /// [`ArchiveError::Topic`] where the log does not tell a topic's partitions; that of a missing topic is no error.
    pub async fn protect(&self, topics: &[TopicName]) -> Result<Vec<TopicPartition>, ArchiveError> {
        let mut found = Vec::new();
        if self.settings.read_only {
            return Ok(found);
        }
        for topic in topics {
            let partitions = match self.log.topic(topic).await {
                Ok(description) => description.config.partitions,
                Err(LogError::UnknownTopic(_)) => 0,
                Err(source) => return Err(ArchiveError::Topic { topic: topic.clone(), source }),
            };
            found.extend((0..partitions).map(|partition| TopicPartition::new(topic.clone(), Partition(partition))));
        }
        found.iter().for_each(|at| drop(self.partition(at)));
        Ok(found)
    }

    /// Archives `topics` until `stop`, then stores what is acknowledged by then and returns. A failing partition is tried again with
    /// growing pauses and does not hold up the others.
    pub async fn run(&self, topics: &[TopicName], stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut running = BTreeSet::new();
        loop {
            // Once more after `stop`: a partition may have come, with records, since the last look.
            let stopping = stop.is_cancelled();
            match self.protect(topics).await {
                Ok(found) => {
                    for at in found.into_iter().filter(|at| running.insert(at.clone())) {
                        let (partition, stop) = (self.partition(&at), stop.clone());
                        tasks.spawn(async move { partition.run(stop).await });
                    }
                }
                Err(error) => tracing::warn!("{error}"),
            }
            if stopping {
                break;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.settings.discover_interval) => {}
            }
        }
        tasks.join_all().await;
    }

    /// Stores at once everything up to before the offsets given, and returns when it is stored; all partitions are tried. Works
    /// whether or not [`Archive::run`] does. An archive that is read only has nothing to store.
    ///
    /// # Errors
    /// The first failure, in the order given. Nothing is lost by one; a further call tries again.
    pub async fn flush_through(&self, ends: &[(TopicPartition, Offset)]) -> Result<(), ArchiveError> {
        if self.settings.read_only {
            return Ok(());
        }
        let flushes = ends.iter().map(|(at, end)| {
            let partition = self.partition(at);
            async move { partition.flush_through(*end).await }
        });
        futures::future::join_all(flushes).await.into_iter().collect()
    }

    /// The state of every partition, by topic and partition.
    pub fn status(&self) -> Vec<PartitionStatus> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.values().map(|partition| partition.status()).collect()
    }

    fn partition(&self, at: &TopicPartition) -> Arc<ArchivedPartition> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = partitions.entry(at.clone());
        let make = || {
            let (store, log, settings, clock) =
                (self.store.clone(), self.log.clone(), self.settings.clone(), self.clock.clone());
            Arc::new(ArchivedPartition::new(at.clone(), store, log, settings, clock))
        };
        entry.or_insert_with(make).clone()
    }
}
