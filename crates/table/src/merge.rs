//! Merging: many small files become a few, in two halves.
//!
//! The rows are rewritten beside the table's commits, for as long as that takes, into files that no reader sees. The exchange is then
//! committed by the table itself, between two of its own commits: nobody races with it, so one attempt is enough.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use deltalake::datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, Add, Remove};
use deltalake::protocol::DeltaOperation;
use deltalake::{DeltaTable, DeltaTableError};
use futures::StreamExt;

use crate::error::TableError;
use crate::files::TableFiles;
use crate::table::delta;
use crate::upkeep::without_cleaning;

/// Files with the rows of others, which they are to replace.
#[derive(Debug)]
pub(crate) struct Rewritten {
    step: NonZeroU64,
    adds: Vec<Add>,
    removes: Vec<Remove>,
}

/// Rewrites the files of up to half of `step` bytes into files of about `step` bytes. `None` where that would not make them fewer.
pub(crate) async fn rewrite(name: &str, table: &DeltaTable, step: NonZeroU64) -> Result<Option<Rewritten>, TableError> {
    let failed = |source| delta("compact", name, source);
    let mut rewritten = Rewritten { step, adds: Vec::new(), removes: Vec::new() };
    for bin in bins(table, step).map_err(failed)? {
        rewritten.adds.extend(rewrite_bin(name, table, &bin).await?);
        rewritten.removes.extend(bin);
    }
    Ok((!rewritten.removes.is_empty()).then_some(rewritten))
}

/// Groups of at least two small files, each of about `step` bytes together.
fn bins(table: &DeltaTable, step: NonZeroU64) -> Result<Vec<Vec<Remove>>, DeltaTableError> {
    let mut bins = Vec::new();
    let (mut bin, mut bytes) = (Vec::new(), 0);
    for file in table.snapshot()?.log_data().iter() {
        let size = file.size().unsigned_abs();
        if size > step.get() / 2 {
            continue;
        }
        if bytes + size > step.get() {
            bins.push(std::mem::take(&mut bin));
            bytes = 0;
        }
        bytes += size;
        bin.push(file.remove_action(false));
    }
    bins.push(bin);
    bins.retain(|bin| bin.len() > 1);
    Ok(bins)
}

/// Writes the rows of a bin into one file.
async fn rewrite_bin(name: &str, table: &DeltaTable, bin: &[Remove]) -> Result<Vec<Add>, TableError> {
    let failed = |source| delta("compact", name, source);
    let columns: Schema = table
        .snapshot()
        .map_err(failed)?
        .schema()
        .as_ref()
        .try_into_arrow()
        .map_err(|error| failed(DeltaTableError::from(error)))?;
    let columns = Arc::new(columns);
    let files = TableFiles::begin(name, table, NonZeroU64::MAX)?;
    let provider = table.table_provider().with_file_paths(bin.iter().map(|file| file.path.as_str()));
    let provider = provider.build().await.map_err(|error| failed(error.into()))?;
    // One reader: whoever commits meanwhile has the other cores.
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let rows = session.read_table(Arc::new(provider)).map_err(|error| failed(error.into()))?;
    let mut rows = rows.execute_stream().await.map_err(|error| failed(error.into()))?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| failed(error.into()))?;
        files.write(in_columns(&columns, &batch).map_err(|error| failed(error.into()))?).await;
    }
    let written = files.finish().await?;
    Ok(written.adds.into_iter().map(|add| Add { data_change: false, ..add }).collect())
}

/// The reader may give texts in another layout than they are written in.
fn in_columns(columns: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |name: &str, kind| cast(batch.column(batch.schema_ref().index_of(name)?), kind);
    let values = columns.fields().iter().map(|field| column(field.name(), field.data_type()));
    RecordBatch::try_new(Arc::clone(columns), values.collect::<Result<_, _>>()?)
}

/// Commits the exchange, unless the table does not have all of the old files any more: then their rows were deleted or replaced
/// meanwhile, and the new files are left to go as those of a broken write.
pub(crate) async fn exchange(name: &str, table: &mut DeltaTable, rewritten: Rewritten) -> Result<(), TableError> {
    let failed = |source| delta("compact", name, source);
    let Rewritten { step, adds, removes } = rewritten;
    let snapshot = table.snapshot().map_err(failed)?;
    let files: HashSet<String> = snapshot.log_data().iter().map(|file| file.path().into_owned()).collect();
    if !removes.iter().all(|file| files.contains(&file.path)) {
        tracing::debug!(table = name, "files that were to be merged are gone from the table");
        return Ok(());
    }
    let (added, removed) = (adds.len(), removes.len());
    let actions = removes.into_iter().map(Action::Remove).chain(adds.into_iter().map(Action::Add)).collect();
    let target_size = i64::try_from(step.get()).unwrap_or(i64::MAX);
    let finished = CommitBuilder::from(without_cleaning())
        .with_actions(actions)
        .build(Some(snapshot), table.log_store(), DeltaOperation::Optimize { predicate: None, target_size })
        .await
        .map_err(failed)?;
    table.state = Some(finished.snapshot());
    tracing::debug!(table = name, step, removed, added, "merged files");
    Ok(())
}
