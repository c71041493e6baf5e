//! The embedded log behind the [`EventLog`] trait. What may block on the disk runs on a thread that may.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use pinflow_event::{
    Clock, NewRecord, Offset, Partition as PartitionNumber, Record, Timestamp, TopicName, TopicPartition,
};

use super::batches::resolve;
use super::consumer_offsets::EmbeddedOffsets;
use super::options::EmbeddedOptions;
use super::partition::Partition;
use super::store::Store;
use crate::{
    Appended, Bounds, ConsumerOffsets, EventLog, LogError, LogMetrics, ReadLimit, TopicChange, TopicConfig,
    TopicDescription,
};

/// A durable [`EventLog`] in a folder of this machine. Dropping it closes it, and waits for what is under way.
pub struct EmbeddedLog {
    store: Arc<Store>,
}

impl EmbeddedLog {
    /// Opens the log in a folder, makes it where it is missing, and mends what a crash left. Blocks meanwhile: the newest
    /// segment of every partition is read. `clock` gives their time to records that have none.
    ///
    /// # Errors
    /// [`LogError::InUse`]; [`LogError::Corrupt`] when acknowledged records are damaged or missing; [`LogError::Io`].
    pub fn open(options: EmbeddedOptions, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        Ok(Self { store: Arc::new(Store::open(options, clock)?) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        blocking(&self.store, work).await
    }

    async fn read_partition(
        &self,
        partition: &Arc<Partition>,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Vec<Record>, LogError> {
        // What was written last comes from memory: handing it to another thread would cost more than reading it.
        if partition.is_at_tail(from) {
            return partition.read(from, limit);
        }
        let partition = Arc::clone(partition);
        self.blocking(move |_| partition.read(from, limit)).await
    }
}

/// Does work that waits for the disk on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => done,
        Err(stopped) => Err(LogError::Backend { backend: "embedded", reason: stopped.to_string() }),
    }
}

impl fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedLog").finish_non_exhaustive()
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        if let Err(error) = self.store.close() {
            tracing::error!(%error, "the log was not closed cleanly");
        }
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    async fn create_topic(&self, topic: &TopicName, config: TopicConfig) -> Result<TopicDescription, LogError> {
        let topic = topic.clone();
        self.blocking(move |store| store.create_topic(&topic, config)).await
    }

    async fn delete_topic(&self, topic: &TopicName) -> Result<(), LogError> {
        let topic = topic.clone();
        self.blocking(move |store| store.delete_topic(&topic)).await
    }

    async fn alter_topic(&self, topic: &TopicName, change: TopicChange) -> Result<TopicDescription, LogError> {
        let topic = topic.clone();
        self.blocking(move |store| store.alter_topic(&topic, change)).await
    }

    async fn topics(&self) -> Result<Vec<TopicDescription>, LogError> {
        Ok(self.store.topics()?.iter().map(|topic| topic.description.clone()).collect())
    }

    async fn topic(&self, topic: &TopicName) -> Result<TopicDescription, LogError> {
        Ok(self.store.topic(topic)?.description.clone())
    }

    async fn append(
        &self,
        topic: &TopicName,
        records: Vec<(PartitionNumber, NewRecord)>,
    ) -> Result<Vec<Appended>, LogError> {
        let (mut places, answers) = self.store.submit(topic, &records)?;
        // The frames hold a copy; the caller's request can be freed while they wait for the disk.
        drop(records);
        let mut bases = Vec::with_capacity(answers.len());
        for (number, answer) in answers {
            let stored = answer.await.map_err(|_| self.store.stopped())?;
            bases.push((number, stored?));
        }
        resolve(&mut places, &bases);
        Ok(places)
    }

    async fn read(&self, at: &TopicPartition, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError> {
        let partition = self.store.partition(at)?;
        let read = self.read_partition(&partition, from, limit).await;
        // A file that is not there means nothing else where the topic was deleted meanwhile.
        read.or_else(|error| self.store.partition(at).and(Err(error)))
    }

    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, LogError> {
        Ok(self.store.partition(at)?.bounds())
    }

    async fn offset_at(&self, at: &TopicPartition, time: Timestamp) -> Result<Offset, LogError> {
        let partition = self.store.partition(at)?;
        let found = self.blocking(move |_| partition.offset_at(time)).await;
        found.or_else(|error| self.store.partition(at).and(Err(error)))
    }

    async fn wait_beyond(&self, at: &TopicPartition, offset: Offset) -> Result<(), LogError> {
        let partition = self.store.partition(at)?;
        tokio::select! {
            biased;
            reached = partition.tail.wait_beyond(offset) => reached,
            poisoned = self.store.health.poisoned() => Err(poisoned),
        }
    }

    async fn wait_for_partitions(&self, topic: &TopicName, known: u32) -> Result<(), LogError> {
        let mut altered = self.store.altered.subscribe();
        while self.store.topic(topic)?.description.config.partitions <= known {
            altered.changed().await.expect("the sender lives as long as the log");
        }
        Ok(())
    }

    fn protect(&self, reader: &str, at: &TopicPartition, from: Offset) {
        if let Ok(partition) = self.store.partition(at) {
            partition.readers().protect(reader, from);
        }
    }

    fn release(&self, reader: &str, at: &TopicPartition) {
        if let Ok(partition) = self.store.partition(at) {
            partition.readers().release(reader);
        }
    }

    fn consumer_offsets(&self) -> Arc<dyn ConsumerOffsets> {
        Arc::new(EmbeddedOffsets::new(Arc::clone(&self.store)))
    }

    async fn enforce_retention(&self, now: Timestamp) -> Result<u64, LogError> {
        self.blocking(move |store| store.enforce_retention(now)).await
    }

    fn health(&self) -> Result<(), LogError> {
        self.store.health.check()
    }

    fn metrics(&self) -> LogMetrics {
        self.store.metrics()
    }

    async fn close(&self) -> Result<(), LogError> {
        self.blocking(Store::close).await
    }
}
