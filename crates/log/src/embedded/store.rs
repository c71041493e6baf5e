//! The parts of an embedded log together: opening, submitting, topics, retention, closing. Everything here blocks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use pinflow_event::{Clock, NewRecord, Offset, Partition as PartitionNumber, Timestamp, TopicName, TopicPartition};
use tokio::sync::{oneshot, watch};

use super::backlog::Backlog;
use super::batches::{Batches, Plan};
use super::committer::Committer;
use super::counts::CommitCounts;
use super::frame::Frame;
use super::groups::Groups;
use super::health::Health;
use super::options::EmbeddedOptions;
use super::partition::Partition;
use super::queue::{Queue, Room, Submission};
use super::topic::Topic;
use super::topic_folder::TopicFolder;
use crate::{Appended, LogError, LogMetrics, TopicConfig, TopicDescription};

const LOCK_FILE: &str = "~lock";

/// The open log.
#[derive(Debug)]
pub(crate) struct Store {
    options: EmbeddedOptions,
    clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    backlog: Arc<Backlog>,
    counts: Arc<CommitCounts>,
    /// One a committer.
    queues: Vec<Arc<Queue>>,
    pub(super) topics: RwLock<BTreeMap<TopicName, Arc<Topic>>>,
    /// A topic was altered or deleted.
    pub(super) altered: watch::Sender<()>,
    pub(super) groups: Groups,
    /// Held while topics are made, changed or removed, retention runs, or the log closes: one of them at a time.
    administration: Mutex<Administration>,
}

#[derive(Debug)]
pub(super) struct Administration {
    pub(super) next_partition_id: u64,
    /// The newest id that a topic had, or that a group's offsets still name.
    newest_topic_id: u64,
    next_folder_number: u64,
    committers: Vec<JoinHandle<()>>,
    /// The lock of the folder; `None` once the log is closed.
    lock: Option<File>,
}

/// The answer to a frame.
pub(super) type Answer = oneshot::Receiver<Result<Offset, LogError>>;

/// The answers to an append, by ascending partition.
type Answers = Vec<(PartitionNumber, Answer)>;

impl Store {
    /// Locks the folder, recovers what is there and starts the committers.
    pub(crate) fn open(options: EmbeddedOptions, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        fs::create_dir_all(&options.folder).map_err(LogError::io("create", &options.folder))?;
        let lock = lock(&options.folder)?;
        let mut next_partition_id = 0;
        let folder = TopicFolder { root: &options.folder, disk: &options.disk };
        let topics = folder.open_all(options.verify, &mut || count(&mut next_partition_id))?;
        let groups = Groups::open(&options.folder, &options.disk)?;
        let newest_topic_id = topics.values().map(|topic| topic.id).chain(groups.newest_topic_id()).max();
        let health = Arc::new(Health::default());
        let counts = Arc::default();
        let queues: Vec<Arc<Queue>> = (0..options.committers.max(1)).map(|_| Arc::default()).collect();
        let administration = Administration {
            next_partition_id,
            newest_topic_id: newest_topic_id.unwrap_or(0),
            next_folder_number: 0,
            committers: start_committers(&queues, &health, &counts, &options)?,
            lock: Some(lock),
        };
        Ok(Self {
            backlog: Arc::new(Backlog::new(options.max_waiting_bytes)),
            counts,
            options,
            clock,
            health,
            queues,
            topics: RwLock::new(topics),
            altered: watch::Sender::new(()),
            groups,
            administration: Mutex::new(administration),
        })
    }

    /// Checks, encodes and queues the records without waiting for the disk, so that nobody can give up half-way.
    pub(crate) fn submit(
        &self,
        topic: &TopicName,
        records: &[(PartitionNumber, NewRecord)],
    ) -> Result<(Vec<Appended>, Answers), LogError> {
        self.health.check()?;
        loop {
            let topic = self.topic(topic)?;
            if let Some(submitted) = self.submit_to(&topic, records)? {
                return Ok(submitted);
            }
        }
    }

    /// `None` where the topic was changed before anything was queued.
    fn submit_to(
        &self,
        topic: &Topic,
        records: &[(PartitionNumber, NewRecord)],
    ) -> Result<Option<(Vec<Appended>, Answers)>, LogError> {
        let plan = Plan::new(topic, records, self.options.max_record_bytes)?;
        self.backlog.admit(plan.bytes)?;
        let mut room = Room { backlog: Arc::clone(&self.backlog), bytes: plan.bytes };
        let batches = Batches::encode(&plan, records, self.clock.now());
        room.grow(batches.bytes());
        let Batches { frames, places } = batches;
        let Some(_current) = topic.current() else { return Ok(None) };
        let mut answers = Vec::with_capacity(frames.len());
        for (number, frame) in frames {
            let room = room.split(frame.bytes().len());
            answers.push((number, self.queue(topic.partition(number)?, frame, room)?));
        }
        Ok(Some((places, answers)))
    }

    /// Queues a frame for its partition. The answer is the offset of its first record.
    pub(super) fn queue(&self, partition: &Arc<Partition>, frame: Frame, room: Room) -> Result<Answer, LogError> {
        let (answer, answered) = oneshot::channel();
        let queue = &self.queues[usize::try_from(partition.id).unwrap_or_default() % self.queues.len()];
        let pushed = queue.push(Submission { partition: Arc::clone(partition), frame, answer, room });
        pushed.map_err(|_| self.stopped())?;
        Ok(answered)
    }

    /// Room for a frame that nobody's records are in.
    pub(super) fn no_room(&self) -> Room {
        Room { backlog: Arc::clone(&self.backlog), bytes: 0 }
    }

    /// Why a committer took or answered nothing.
    pub(crate) fn stopped(&self) -> LogError {
        self.health.check().err().unwrap_or(LogError::Closed)
    }

    /// A topic that is there.
    pub(crate) fn topic(&self, topic: &TopicName) -> Result<Arc<Topic>, LogError> {
        self.health.check_open()?;
        let topics = self.topics.read().expect("nothing panics while it holds the topics");
        topics.get(topic).cloned().ok_or_else(|| LogError::UnknownTopic(topic.clone()))
    }

    /// A partition that is there.
    pub(crate) fn partition(&self, at: &TopicPartition) -> Result<Arc<Partition>, LogError> {
        self.topic(&at.topic)?.partition(at.partition).cloned()
    }

    /// All topics by name.
    pub(crate) fn topics(&self) -> Result<Vec<Arc<Topic>>, LogError> {
        self.health.check_open()?;
        let topics = self.topics.read().expect("nothing panics while it holds the topics");
        Ok(topics.values().cloned().collect())
    }

    pub(crate) fn create_topic(&self, name: &TopicName, config: TopicConfig) -> Result<TopicDescription, LogError> {
        let mut administration = self.administration();
        self.health.check()?;
        config.check(name)?;
        if self.topic(name).is_ok() {
            return Err(LogError::TopicExists(name.clone()));
        }
        let description = TopicDescription { name: name.clone(), config, created: self.clock.now() };
        let number = count(&mut administration.next_folder_number);
        let id = count(&mut administration.newest_topic_id);
        let mut next_id = || count(&mut administration.next_partition_id);
        let topic = self.folder().create(id, description.clone(), number, &mut next_id)?;
        self.topics.write().expect("nothing panics while it holds the topics").insert(name.clone(), Arc::new(topic));
        Ok(description)
    }

    pub(crate) fn delete_topic(&self, name: &TopicName) -> Result<(), LogError> {
        let mut administration = self.administration();
        let topic = self.topic(name)?;
        self.topics.write().expect("nothing panics while it holds the topics").remove(name);
        // Nothing may be written once the folder has another name.
        topic.finish(&LogError::UnknownTopic(name.clone()));
        self.altered.send_replace(());
        self.folder().remove(name, count(&mut administration.next_folder_number))
    }

    /// Goes on with the other partitions where one fails; the first failure is reported.
    pub(crate) fn enforce_retention(&self, now: Timestamp) -> Result<u64, LogError> {
        let _administration = self.administration();
        let mut freed = 0;
        let mut outcome = Ok(());
        for topic in self.topics()? {
            for partition in &topic.partitions {
                match self.expire(partition, &topic.description.config, now) {
                    Ok(bytes) => freed += bytes,
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
        }
        outcome.map(|()| freed)
    }

    fn expire(&self, partition: &Partition, config: &TopicConfig, now: Timestamp) -> Result<u64, LogError> {
        if self.health.check_poison().is_ok() {
            partition.seal_expired(config, now).map_err(|cause| self.health.poison(&cause))?;
        }
        partition.expire(config, now)
    }

    /// Stores what waits, marks a clean end, and lets the folder go.
    pub(crate) fn close(&self) -> Result<(), LogError> {
        self.health.close();
        self.groups.settle();
        let mut administration = self.administration();
        let Some(lock) = administration.lock.take() else { return Ok(()) };
        self.queues.iter().for_each(|queue| queue.close());
        for committer in administration.committers.drain(..) {
            if committer.join().is_err() {
                tracing::error!("a committer stopped by a bug");
            }
        }
        let topics = self.topics.read().expect("nothing panics while it holds the topics");
        let partitions = || topics.values().flat_map(|topic| &topic.partitions);
        let marked = match self.health.check_poison() {
            Ok(()) => partitions().try_for_each(|partition| partition.mark(&mut partition.writer())),
            Err(_) => Ok(()),
        };
        partitions().for_each(|partition| partition.finish(&LogError::Closed));
        drop(lock);
        marked
    }

    /// What is counted, and what waits now.
    pub(crate) fn metrics(&self) -> LogMetrics {
        let (waiting, limit) = self.backlog.level();
        LogMetrics {
            sync_durations: self.counts.sync_durations.snapshot(),
            group_sizes: self.counts.group_sizes.snapshot(),
            waiting_bytes: waiting as u64,
            waiting_bytes_limit: limit as u64,
        }
    }

    pub(super) fn folder(&self) -> TopicFolder<'_> {
        TopicFolder { root: &self.options.folder, disk: &self.options.disk }
    }

    pub(super) fn administration(&self) -> MutexGuard<'_, Administration> {
        self.administration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Makes it the room of `bytes`, where they are more.
    fn grow(&mut self, bytes: usize) {
        self.backlog.add(bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.max(bytes);
    }

    /// Takes a part of the room out.
    fn split(&mut self, bytes: usize) -> Room {
        self.bytes -= bytes;
        Room { backlog: Arc::clone(&self.backlog), bytes }
    }
}

pub(super) fn count(number: &mut u64) -> u64 {
    *number += 1;
    *number
}

fn lock(folder: &Path) -> Result<File, LogError> {
    let path = folder.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}

fn start_committers(
    queues: &[Arc<Queue>],
    health: &Arc<Health>,
    counts: &Arc<CommitCounts>,
    options: &EmbeddedOptions,
) -> Result<Vec<JoinHandle<()>>, LogError> {
    let start = |(number, queue): (usize, &Arc<Queue>)| {
        let committer =
            Committer::new(Arc::clone(queue), Arc::clone(health), Arc::clone(counts), options.segment_bytes);
        let thread = thread::Builder::new().name(format!("log-committer-{number}"));
        thread.spawn(move || committer.run()).map_err(LogError::io("start a committer for", &options.folder))
    };
    queues.iter().enumerate().map(start).collect()
}
