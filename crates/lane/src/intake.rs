//! What comes before writing: a batch is read off the log and cleaned.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinflow_clean::CleanBatch;
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, ReadLimit};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::chunk::{Chunk, LoggedRecord, Records};
use crate::error::LaneError;
use crate::writer::Cleaning;

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
        let began = Instant::now();
        // An equal share each: a partition with a backlog must not hold up the others.
        let share = ReadLimit { records: (self.records / from.len()).max(1), bytes: self.bytes / from.len() };
        let mut chunks = Vec::new();
        let mut behind = 0;
        for (partition, from) in from {
            let at = TopicPartition::new(self.topic.clone(), partition);
            let records = self.log.read(&at, from, share).await?;
            let Some(last) = records.last() else { continue };
            let next = last.offset.plus(1);
            behind += self.log.bounds(&at).await?.end.since(next);
            let record = |record: pinflow_event::Record| LoggedRecord {
                offset: record.offset,
                arrived: record.timestamp,
                value: record.value,
            };
            let records = Records::Logged(records.into_iter().map(record).collect());
            chunks.push(Chunk { partition, from, next, records });
        }
        let chunks = Arc::new(chunks);
        let cleaned = self.cleaning.clean(&chunks).await?;
        Ok(Prepared { chunks, cleaned, began, behind })
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
