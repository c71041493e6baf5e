//! The batch lane: from the archive to the table, when a job runs. A run cleans what has been archived since the last one.

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use pinflow_archive::{ArchiveReader, ReadSettings, RecordBatches};
use pinflow_event::TopicPartition;
use tokio::time::Instant;

use crate::chunk::Chunk;
use crate::error::LaneError;
use crate::gathering::Gathering;
use crate::intake::AbortOnDrop;
use crate::status::SharedStatus;
use crate::writer::LaneWriter;

/// Batches that are cleaned side by side, or wait for the one before them.
const CLEANED_AT_ONCE: usize = 3;

/// Bytes of records after which a run commits: what a crash makes it do again at most.
const COMMIT_BYTES: usize = 1 << 30;

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

    /// Takes everything that is archived now to the table. Batches are read, cleaned and written side by side.
    ///
    /// # Errors
    /// [`LaneError`], also where the archive has a gap: the position never passes what was not handled. What comes before the
    /// trouble is committed, and the next run goes on there.
    pub async fn run(&mut self) -> Result<BatchRun, LaneError> {
        let before = self.writer.status().get();
        let topic = self.writer.topic().clone();
        for partition in self.archive.partitions(&topic).await? {
            let from = self.writer.position(partition).await?;
            let at = TopicPartition::new(topic.clone(), partition);
            let batches = self.archive.records(&at, from, ReadSettings::default()).await?;
            self.take(batches).await?;
        }
        let after = self.writer.status().get();
        Ok(BatchRun {
            records: after.records - before.records,
            rows: after.rows - before.rows,
            duplicates: after.duplicates - before.duplicates,
            dead: after.dead - before.dead,
        })
    }

    async fn take(&mut self, batches: RecordBatches) -> Result<(), LaneError> {
        let cleaning = self.writer.cleaning();
        let cleaned = batches.into_stream().map(|batch| {
            let cleaning = cleaning.clone();
            async move {
                let chunks = Arc::new(vec![Chunk::archived(batch?)]);
                let cleaned = AbortOnDrop::spawn({
                    let chunks = Arc::clone(&chunks);
                    async move { cleaning.clean(&chunks).await }
                });
                Ok((chunks, cleaned.join().await?))
            }
        });
        let mut cleaned = pin!(cleaned.buffered(CLEANED_AT_ONCE));
        let mut open: Option<Gathering> = None;
        let end: Result<(), LaneError> = loop {
            let (chunks, cleaned) = match cleaned.next().await {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            };
            let mut gathering = match open.take() {
                Some(open) => open,
                None => self.writer.begin(Instant::now())?,
            };
            self.writer.gather(&mut gathering, &chunks, cleaned).await?;
            if gathering.bytes >= COMMIT_BYTES || gathering.is_heavy() {
                self.writer.commit(gathering).await?;
            } else {
                open = Some(gathering);
            }
        };
        // Also before a trouble: the good records do not wait for it to be mended.
        if let Some(gathering) = open {
            self.writer.commit(gathering).await?;
        }
        end
    }
}
