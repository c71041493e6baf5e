//! What comes before writing: batches are read off the log and cleaned, ahead and side by side while there is a backlog.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinflow_clean::CleanBatch;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, ReadLimit};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::chunk::{Chunk, LoggedRecord, Records};
use crate::error::LaneError;
use crate::writer::Cleaning;

/// Batches that are cleaned, or wait to be written, behind the one in hand.
const AHEAD: usize = 3;

/// Reads and cleans batches of one topic.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    pub log: Arc<dyn EventLog>,
    pub topic: TopicName,
    pub cleaning: Cleaning,
    /// Records of a batch at most.
    pub records: usize,
    /// Bytes of a batch at most.
    pub bytes: usize,
    /// How the partitions share them.
    pub sharing: Sharing,
}

/// How partitions share what a batch takes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// An equal share each: a partition with a backlog must not hold up the others.
    Equal,
    /// Each takes what those before it have left: for whoever needs all that there is, or nothing.
    InTurn,
}

/// Records as they were read.
#[derive(Debug)]
struct Fetched {
    chunks: Arc<Vec<Chunk>>,
    began: Instant,
    behind: u64,
}

/// A batch that is ready to be written.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What was read, one range a partition at most. Empty where there was nothing.
    pub chunks: Arc<Vec<Chunk>>,
    pub cleaned: CleanBatch,
    /// When reading began.
    pub began: Instant,
    /// Records that the log held behind those that were read: the batch may not take more.
    pub behind: u64,
}

impl Intake {
    /// What the log holds from the given positions on, within the limits, cleaned.
    pub async fn prepare(self, from: BTreeMap<Partition, Offset>) -> Result<Prepared, LaneError> {
        let fetched = self.fetch(&from).await?;
        self.cleaning.prepare(fetched).await
    }

    /// Batches one behind the other from the given positions on, as many as there are now. They are read and cleaned ahead.
    pub fn backlog(self, from: BTreeMap<Partition, Offset>) -> Backlog {
        let (sender, batches) = mpsc::channel(AHEAD);
        Backlog { batches, _reading: AbortOnDrop::spawn(self.read_ahead(from, sender)) }
    }

    async fn read_ahead(self, mut from: BTreeMap<Partition, Offset>, sender: mpsc::Sender<Preparing>) {
        loop {
            let fetched = self.fetch(&from).await;
            let ends = fetched.as_ref().map_or(true, |fetched| fetched.behind == 0);
            if let Ok(fetched) = &fetched {
                if fetched.chunks.is_empty() {
                    return;
                }
                from.extend(fetched.chunks.iter().map(|chunk| (chunk.partition, chunk.next)));
            }
            // Waits for a place before it begins to clean: so many batches are in memory at most.
            let Ok(place) = sender.reserve().await else { return };
            let cleaning = self.cleaning.clone();
            place.send(AbortOnDrop::spawn(async move { cleaning.prepare(fetched?).await }));
            if ends {
                return;
            }
        }
    }

    async fn fetch(&self, from: &BTreeMap<Partition, Offset>) -> Result<Fetched, LaneError> {
        let began = Instant::now();
        let share = ReadLimit { records: (self.records / from.len()).max(1), bytes: self.bytes / from.len() };
        let mut left = ReadLimit { records: self.records, bytes: self.bytes };
        let mut chunks = Vec::new();
        let mut behind = 0;
        for (partition, from) in from.iter().map(|(partition, from)| (*partition, *from)) {
            let at = TopicPartition::new(self.topic.clone(), partition);
            // Before the read: what arrives after it is not left out by the limits.
            let end = self.log.bounds(&at).await?.end;
            let (limit, is_full) = match self.sharing {
                Sharing::Equal => (share, false),
                Sharing::InTurn => (left, left.records == 0 || left.bytes == 0),
            };
            if end == from || is_full {
                behind += end.since(from);
                continue;
            }
            let records = self.log.read(&at, from, limit).await?;
            let Some(last) = records.last() else { continue };
            let next = last.offset.plus(1);
            behind += end.since(next);
            let record = |record: pinflow_event::Record| LoggedRecord {
                offset: record.offset,
                arrived: record.timestamp,
                value: record.value,
            };
            let records = Records::Logged(records.into_iter().map(record).collect());
            let chunk = Chunk { partition, from, next, records };
            left.records = left.records.saturating_sub(chunk.len());
            left.bytes = left.bytes.saturating_sub(chunk.bytes());
            chunks.push(chunk);
        }
        Ok(Fetched { chunks: Arc::new(chunks), began, behind })
    }
}

impl Cleaning {
    async fn prepare(&self, fetched: Fetched) -> Result<Prepared, LaneError> {
        let Fetched { chunks, began, behind } = fetched;
        let cleaned = self.clean(&chunks).await?;
        Ok(Prepared { chunks, cleaned, began, behind })
    }
}

type Preparing = AbortOnDrop<Result<Prepared, LaneError>>;

/// Batches of a backlog, in order, none of them empty. Reading ends with this.
#[derive(Debug)]
pub(crate) struct Backlog {
    batches: mpsc::Receiver<Preparing>,
    _reading: AbortOnDrop<()>,
}

impl Backlog {
    /// The next batch; `None` once there is nothing more, and after an error.
    pub async fn next(&mut self) -> Option<Result<Prepared, LaneError>> {
        Some(self.batches.recv().await?.join().await)
    }
}

/// A task that ends with its handle.
#[derive(Debug)]
pub(crate) struct AbortOnDrop<T>(JoinHandle<T>);

impl<T: Send + 'static> AbortOnDrop<T> {
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// What came of it.
    pub async fn join(mut self) -> T {
        (&mut self.0).await.expect("the task is not aborted while its handle lives, and does not panic")
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
