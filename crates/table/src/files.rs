//! Files of a table that are written before it is known when they will be committed.

use std::num::NonZeroU64;

use arrow::array::RecordBatch;
use deltalake::kernel::Add;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::encoding::file_properties;
use crate::error::TableError;
use crate::table::delta;

/// Batches that may wait to be encoded.
const WAITING: usize = 2;

/// Files being written. Encoding takes a core for a while, so it has a thread of its own: whoever else runs on the async threads does not
/// wait for it.
#[derive(Debug)]
pub struct TableFiles {
    table: String,
    sender: mpsc::Sender<RecordBatch>,
    encoding: JoinHandle<Result<Vec<Add>, DeltaTableError>>,
}

/// Whole files that no commit has yet.
#[derive(Debug, Default)]
pub struct WrittenFiles {
    pub(crate) adds: Vec<Add>,
}

impl WrittenFiles {
    /// Adds further files.
    pub fn join(&mut self, further: WrittenFiles) {
        self.adds.extend(further.adds);
    }
}

impl TableFiles {
    pub(crate) fn begin(name: &str, table: &DeltaTable, target: NonZeroU64) -> Result<Self, TableError> {
        let writer = RecordBatchWriter::for_table(table).map_err(|e| delta("write to", name, e))?;
        let writer = writer.with_target_file_size(target.get());
        let (sender, batches) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        let encoding = tokio::task::spawn_blocking(move || encode(&runtime, writer, batches));
        Ok(Self { table: name.to_owned(), sender, encoding })
    }

    /// Adds rows. A failure shows in [`TableFiles::finish`].
    pub async fn write(&self, rows: RecordBatch) {
        if rows.num_rows() > 0 {
            // It has given up only where it failed.
            let _ = self.sender.send(rows).await;
        }
    }

    /// Closes the files.
    ///
    /// # Errors
    /// [`TableError::Delta`] where any of it failed; then nothing is left that could be committed.
    pub async fn finish(self) -> Result<WrittenFiles, TableError> {
        let Self { table, sender, encoding } = self;
        drop(sender);
        let adds = encoding.await.expect("writing files does not panic").map_err(|e| delta("write to", &table, e))?;
        Ok(WrittenFiles { adds })
    }
}

fn encode(
    runtime: &Handle,
    writer: RecordBatchWriter,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<Vec<Add>, DeltaTableError> {
    let Some(first) = batches.blocking_recv() else { return Ok(Vec::new()) };
    let mut writer = writer.with_writer_properties(file_properties(&first)?);
    runtime.block_on(writer.write(first))?;
    while let Some(batch) = batches.blocking_recv() {
        runtime.block_on(writer.write(batch))?;
    }
    runtime.block_on(writer.flush())
}
