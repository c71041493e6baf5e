//! The batch lane: from the archive to the table, when a job runs. A run cleans what has been archived since the last one.

use std::sync::Arc;

use pinflow_archive::{ArchiveReader, ReadSettings};
use pinflow_event::TopicPartition;
use tokio::time::Instant;

use crate::chunk::{Chunk, LaneRecord};
use crate::error::LaneError;
use crate::status::SharedStatus;
use crate::writer::LaneWriter;

/// How much goes into one commit.
const READ: ReadSettings =
    ReadSettings { concurrency: 32, memory_bytes: 64 << 20, batch_records: 100_000, batch_bytes: 64 << 20 };

/// One stream's way from the archive into its table.
#[derive(Debug)]
pub struct BatchLane {
    archive: ArchiveReader,
    writer: LaneWriter,
}

/// What one run of the batch lane did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchRun {
    /// Records read from the archive.
    pub records: u64,
    /// Rows added to the table.
    pub rows: u64,
    /// Records dropped because their key was there already.
    pub duplicates: u64,
    /// Dead letters.
    pub dead: u64,
}

impl BatchLane {
    /// A lane that reads `archive` and writes with `writer`.
    pub fn new(archive: ArchiveReader, writer: LaneWriter) -> Self {
        Self { archive, writer }
    }

    /// What the lane tells about itself.
    pub fn status(&self) -> SharedStatus {
        self.writer.status()
    }

    /// Takes everything that is archived now to the table.
    ///
    /// # Errors
    /// [`LaneError`], also where the archive has a gap: the position never passes what was not handled. What was committed
    /// before stays, and the next run goes on there.
    pub async fn run(&mut self) -> Result<BatchRun, LaneError> {
        let before = self.writer.status().get();
        let topic = self.writer.topic().clone();
        for partition in self.archive.partitions(&topic).await? {
            let from = self.writer.position(partition).await?;
            let mut batches = self.archive.records(&TopicPartition::new(topic.clone(), partition), from, READ).await?;
            while let Some(batch) = batches.next_batch().await.transpose()? {
                let began = Instant::now();
                let (from, next) = (batch.first, batch.end());
                let records =
                    batch.records.into_iter().map(|(offset, value)| LaneRecord { offset, arrived: None, value });
                let chunks = Arc::new(vec![Chunk { partition, from, next, records: records.collect() }]);
                let cleaned = self.writer.cleaning().clean(&chunks).await?;
                self.writer.write(&chunks, cleaned, began).await?;
            }
        }
        let after = self.writer.status().get();
        Ok(BatchRun {
            records: after.records - before.records,
            rows: after.rows - before.rows,
            duplicates: after.duplicates - before.duplicates,
            dead: after.dead - before.dead,
        })
    }
}
