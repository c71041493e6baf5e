//! Changing rows that are there: all of a table's rows are written anew, and replaced in one commit.
//!
//! That fits small tables, as those of dead letters are.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use deltalake::DeltaTableError;
use deltalake::kernel::Action;
use deltalake::protocol::DeltaOperation;
use futures::TryStreamExt;

use crate::commit::Commit;
use crate::error::TableError;
use crate::files::WrittenFiles;
use crate::table::{Table, delta};

impl Table {
    /// Replaces every row by what `change` makes of its batch. The commit's own rows are not looked at.
    ///
    /// # Errors
    /// [`TableError::Delta`]; then [`Table::reload`] tells whether the rows were replaced.
    pub async fn rewrite(
        &mut self,
        commit: &Commit,
        mut change: impl FnMut(RecordBatch) -> Result<RecordBatch, ArrowError>,
    ) -> Result<(), TableError> {
        // A merge under way would conflict: it moves the rows that are to change.
        self.rest_all_the_same().await;
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut rows = self.scan_large_rows(&columns).await?;
        let files = self.begin_files()?;
        while let Some(batch) = rows.try_next().await? {
            let changed = in_types_of(&self.schema, &batch).and_then(&mut change);
            files.write(changed.map_err(|error| delta("rewrite", &self.name, DeltaTableError::from(error)))?).await;
        }
        let WrittenFiles { adds } = files.finish().await?;
        let snapshot = self.table.snapshot().map_err(|e| delta("rewrite", &self.name, e))?;
        let mut actions: Vec<Action> = adds.into_iter().map(Action::Add).collect();
        actions.extend(snapshot.log_data().iter().map(|file| Action::Remove(file.remove_action(true))));
        self.write_commit(actions, DeltaOperation::Update { predicate: None }, commit).await
    }
}

/// Readers may give the same texts in another layout than the table is written in.
fn in_types_of(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<ArrayRef>, _>>()?)
}
