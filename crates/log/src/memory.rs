//! A log in memory, for tests and trials: the behaviour of the embedded log without its files. Nothing outlives it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use pinflow_event::{Clock, NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use tokio::sync::watch;

use crate::readers::Readers;
use crate::tail::Tail;
use crate::{
    Appended, Bounds, CommittedOffset, ConsumerOffsets, DEFAULT_MAX_RECORD_BYTES, EventLog, LogError, ReadLimit,
    TopicChange, TopicConfig, TopicDescription,
};

/// An [`EventLog`] whose records are lost with the process.
pub struct MemoryLog {
    clock: Arc<dyn Clock>,
    capacity: usize,
    state: Arc<Mutex<State>>,
    /// A topic was altered or deleted.
    altered: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Bytes of keys, values and headers of all records.
    held: usize,
    topics: BTreeMap<TopicName, MemoryTopic>,
    groups: BTreeMap<String, BTreeMap<TopicPartition, CommittedOffset>>,
}

#[derive(Debug)]
struct MemoryTopic {
    description: TopicDescription,
    partitions: Vec<MemoryPartition>,
}

#[derive(Debug)]
struct MemoryPartition {
    earliest: Offset,
    records: VecDeque<Record>,
    tail: Arc<Tail>,
    readers: Readers,
}

impl MemoryLog {
    /// An empty log that grows without bound.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_capacity(clock, usize::MAX)
    }

    /// An empty log that answers [`LogError::Overloaded`] to what would make it hold more than `bytes`.
    pub fn with_capacity(clock: Arc<dyn Clock>, bytes: usize) -> Self {
        Self { clock, capacity: bytes, state: Arc::default(), altered: watch::Sender::new(()) }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, LogError> {
        open_state(&self.state)
    }
}

fn open_state(state: &Mutex<State>) -> Result<MutexGuard<'_, State>, LogError> {
    let state = state.lock().expect("nothing panics while it holds the state");
    if state.closed { Err(LogError::Closed) } else { Ok(state) }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl State {
    fn topic(&self, topic: &TopicName) -> Result<&MemoryTopic, LogError> {
        self.topics.get(topic).ok_or_else(|| LogError::UnknownTopic(topic.clone()))
    }

    fn partition(&self, at: &TopicPartition) -> Result<&MemoryPartition, LogError> {
        let topic = self.topic(&at.topic)?;
        topic.partitions.get(at.partition.0 as usize).ok_or_else(|| topic.unknown_partition(at.partition))
    }

    fn partition_mut(&mut self, at: &TopicPartition) -> Option<&mut MemoryPartition> {
        self.topics.get_mut(&at.topic)?.partitions.get_mut(at.partition.0 as usize)
    }
}

impl MemoryTopic {
    fn new(description: TopicDescription) -> Self {
        let partitions = (0..description.config.partitions).map(|_| MemoryPartition::new()).collect();
        Self { description, partitions }
    }

    fn unknown_partition(&self, partition: Partition) -> LogError {
        LogError::UnknownPartition {
            at: TopicPartition::new(self.description.name.clone(), partition),
            partitions: self.description.config.partitions,
        }
    }

    /// Refuses the records before any of them is stored; their bytes where they are fine.
    fn check(&self, records: &[(Partition, NewRecord)]) -> Result<usize, LogError> {
        let mut bytes = 0;
        for (partition, record) in records {
            if partition.0 >= self.description.config.partitions {
                return Err(self.unknown_partition(*partition));
            }
            if self.description.config.closed.contains(partition) {
                let at = TopicPartition::new(self.description.name.clone(), *partition);
                return Err(LogError::PartitionClosed(at));
            }
            let size = record.size();
            if size > DEFAULT_MAX_RECORD_BYTES {
                let topic = self.description.name.clone();
                return Err(LogError::RecordTooLarge { topic, size, limit: DEFAULT_MAX_RECORD_BYTES });
            }
            bytes += size;
        }
        Ok(bytes)
    }

    fn finish(&self, why: &LogError) {
        self.partitions.iter().for_each(|partition| partition.tail.finish(why));
    }
}

impl MemoryPartition {
    fn new() -> Self {
        Self {
            earliest: Offset::ZERO,
            records: VecDeque::new(),
            tail: Arc::new(Tail::new(Offset::ZERO)),
            readers: Readers::default(),
        }
    }

    fn end(&self) -> Offset {
        self.earliest.plus(self.records.len() as u64)
    }

    fn push(&mut self, record: NewRecord, timestamp: Timestamp) -> Offset {
        let offset = self.end();
        let NewRecord { key, value, headers, .. } = record;
        self.records.push_back(Record { offset, timestamp, key, value, headers });
        offset
    }

    fn read(&self, from: Offset, limit: ReadLimit) -> Vec<Record> {
        let start = usize::try_from(from.since(self.earliest)).unwrap_or(usize::MAX);
        let mut left = limit.bytes;
        let mut found = Vec::new();
        for record in self.records.range(start..).take(limit.records) {
            if record.size() > left && !found.is_empty() {
                break;
            }
            left = left.saturating_sub(record.size());
            found.push(record.clone());
        }
        found
    }

    /// Drops from the front what is past `config` and nobody needs; returns the bytes freed.
    fn expire(&mut self, config: &TopicConfig, now: Timestamp) -> usize {
        let oldest_kept = config.retention_age.map(|age| now.minus(age));
        let first_needed = self.readers.first_needed();
        let mut held: usize = self.records.iter().map(stored_size).sum();
        let before = held;
        while let Some(record) = self.records.front() {
            let rest = (held - stored_size(record)) as u64;
            let expired = oldest_kept.is_some_and(|oldest| record.timestamp < oldest)
                || config.retention_bytes.is_some_and(|kept| rest >= kept);
            if !expired || record.offset >= first_needed {
                break;
            }
            held -= stored_size(record);
            self.earliest = record.offset.plus(1);
            self.records.pop_front();
        }
        before - held
    }
}

/// The bytes that a record holds in memory, headers included.
fn stored_size(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|h| h.name.len() + h.value.as_ref().map_or(0, |v| v.len())).sum();
    record.size() + headers
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn create_topic(&self, topic: &TopicName, config: TopicConfig) -> Result<TopicDescription, LogError> {
        let mut state = self.state()?;
        config.check(topic)?;
        if state.topics.contains_key(topic) {
            return Err(LogError::TopicExists(topic.clone()));
        }
        let description = TopicDescription { name: topic.clone(), config, created: self.clock.now() };
        state.topics.insert(topic.clone(), MemoryTopic::new(description.clone()));
        Ok(description)
    }

    async fn delete_topic(&self, topic: &TopicName) -> Result<(), LogError> {
        let mut state = self.state()?;
        let unknown = LogError::UnknownTopic(topic.clone());
        let Some(removed) = state.topics.remove(topic) else { return Err(unknown) };
        removed.finish(&unknown);
        state.held -= removed.partitions.iter().flat_map(|p| &p.records).map(stored_size).sum::<usize>();
        state.groups.values_mut().for_each(|committed| committed.retain(|at, _| at.topic != *topic));
        self.altered.send_replace(());
        Ok(())
    }

    async fn alter_topic(&self, topic: &TopicName, change: TopicChange) -> Result<TopicDescription, LogError> {
        let mut state = self.state()?;
        let Some(altered) = state.topics.get_mut(topic) else { return Err(LogError::UnknownTopic(topic.clone())) };
        altered.description.config = change.apply(topic, &altered.description.config)?;
        for _ in altered.partitions.len()..altered.description.config.partitions as usize {
            let readers = Readers::beside(altered.partitions.iter().map(|partition| &partition.readers));
            altered.partitions.push(MemoryPartition { readers, ..MemoryPartition::new() });
        }
        self.altered.send_replace(());
        Ok(altered.description.clone())
    }

    async fn topics(&self) -> Result<Vec<TopicDescription>, LogError> {
        Ok(self.state()?.topics.values().map(|topic| topic.description.clone()).collect())
    }

    async fn topic(&self, topic: &TopicName) -> Result<TopicDescription, LogError> {
        Ok(self.state()?.topic(topic)?.description.clone())
    }

    async fn append(&self, topic: &TopicName, records: Vec<(Partition, NewRecord)>) -> Result<Vec<Appended>, LogError> {
        let mut guard = self.state()?;
        let state = &mut *guard;
        let held = state.held;
        let Some(topic) = state.topics.get_mut(topic) else { return Err(LogError::UnknownTopic(topic.clone())) };
        let bytes = topic.check(&records)?;
        if bytes > self.capacity.saturating_sub(held) {
            return Err(LogError::Overloaded { waiting: held, retry_after: Duration::from_millis(100) });
        }
        let now = self.clock.now();
        let mut appended = Vec::with_capacity(records.len());
        for (partition, record) in records {
            let timestamp = record.timestamp.unwrap_or(now);
            let offset = topic.partitions[partition.0 as usize].push(record, timestamp);
            appended.push(Appended { partition, offset, timestamp });
        }
        state.held += bytes;
        for partition in topic.partitions.iter().filter(|p| p.tail.end() != p.end()) {
            partition.tail.advance(partition.end());
        }
        Ok(appended)
    }

    async fn read(&self, at: &TopicPartition, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError> {
        let state = self.state()?;
        let partition = state.partition(at)?;
        let (earliest, end) = (partition.earliest, partition.end());
        if from < earliest || from > end {
            return Err(LogError::OffsetOutOfRange { at: at.clone(), offset: from, earliest, end });
        }
        Ok(partition.read(from, limit))
    }

    async fn bounds(&self, at: &TopicPartition) -> Result<Bounds, LogError> {
        let state = self.state()?;
        let partition = state.partition(at)?;
        Ok(Bounds { earliest: partition.earliest, end: partition.end() })
    }

    async fn offset_at(&self, at: &TopicPartition, time: Timestamp) -> Result<Offset, LogError> {
        let state = self.state()?;
        let partition = state.partition(at)?;
        let found = partition.records.iter().find(|record| record.timestamp >= time);
        Ok(found.map_or(partition.end(), |record| record.offset))
    }

    async fn wait_beyond(&self, at: &TopicPartition, offset: Offset) -> Result<(), LogError> {
        let tail = Arc::clone(&self.state()?.partition(at)?.tail);
        tail.wait_beyond(offset).await
    }

    async fn wait_for_partitions(&self, topic: &TopicName, known: u32) -> Result<(), LogError> {
        let mut altered = self.altered.subscribe();
        while self.state()?.topic(topic)?.description.config.partitions <= known {
            altered.changed().await.expect("the sender lives as long as the log");
        }
        Ok(())
    }

    fn protect(&self, reader: &str, at: &TopicPartition, from: Offset) {
        if let Ok(mut state) = self.state()
            && let Some(partition) = state.partition_mut(at)
        {
            partition.readers.protect(reader, from);
        }
    }

    fn release(&self, reader: &str, at: &TopicPartition) {
        if let Ok(mut state) = self.state()
            && let Some(partition) = state.partition_mut(at)
        {
            partition.readers.release(reader);
        }
    }

    fn consumer_offsets(&self) -> Arc<dyn ConsumerOffsets> {
        Arc::new(MemoryOffsets(Arc::clone(&self.state)))
    }

    async fn enforce_retention(&self, now: Timestamp) -> Result<u64, LogError> {
        let mut guard = self.state()?;
        let state = &mut *guard;
        let mut freed = 0;
        for topic in state.topics.values_mut() {
            let config = &topic.description.config;
            freed += topic.partitions.iter_mut().map(|partition| partition.expire(config, now)).sum::<usize>();
        }
        state.held -= freed;
        Ok(freed as u64)
    }

    fn health(&self) -> Result<(), LogError> {
        self.state().map(drop)
    }

    async fn close(&self) -> Result<(), LogError> {
        if let Ok(mut state) = self.state() {
            state.closed = true;
            state.topics.values().for_each(|topic| topic.finish(&LogError::Closed));
        }
        Ok(())
    }
}

/// The committed offsets of a [`MemoryLog`].
#[derive(Debug)]
struct MemoryOffsets(Arc<Mutex<State>>);

#[async_trait]
impl ConsumerOffsets for MemoryOffsets {
    async fn commit(&self, group: &str, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> Result<(), LogError> {
        let mut state = open_state(&self.0)?;
        offsets.keys().try_for_each(|at| state.partition(at).map(drop))?;
        state.groups.entry(group.to_owned()).or_default().extend(offsets);
        Ok(())
    }

    async fn committed(&self, group: &str) -> Result<BTreeMap<TopicPartition, CommittedOffset>, LogError> {
        Ok(open_state(&self.0)?.groups.get(group).cloned().unwrap_or_default())
    }

    async fn groups(&self) -> Result<Vec<String>, LogError> {
        Ok(open_state(&self.0)?.groups.keys().cloned().collect())
    }

    async fn forget(&self, group: &str) -> Result<(), LogError> {
        open_state(&self.0)?.groups.remove(group);
        Ok(())
    }
}
