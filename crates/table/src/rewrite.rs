//! Changing rows that are there: the files that hold them are written anew, and exchanged in one commit.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use deltalake::DeltaTableError;
use deltalake::datafusion::logical_expr::Expr;
use deltalake::datafusion::prelude::SessionContext;
use deltalake::kernel::Action;
use deltalake::protocol::DeltaOperation;
use futures::TryStreamExt;

use crate::commit::Commit;
use crate::error::TableError;
use crate::files::WrittenFiles;
use crate::scan::large_rows;
use crate::table::{Table, delta};

/// The column that names a row's file while files are looked for.
const FILE: &str = "__pinflow_file";

impl Table {
    /// Replaces every row of the files that hold one for which `condition` holds by what `change` makes of its batch. The commit's own
    /// rows are not looked at. Nothing is written where no row is meant.
    ///
    /// # Errors
    /// [`TableError::Delta`]; then [`Table::reload`] tells whether the rows were replaced.
    pub async fn rewrite(
        &mut self,
        condition: Expr,
        commit: &Commit,
        mut change: impl FnMut(RecordBatch) -> Result<RecordBatch, ArrowError>,
    ) -> Result<(), TableError> {
        // A merge under way would conflict: it moves the rows that are to change.
        self.rest_all_the_same().await;
        let failed = |name: &str, error| delta("rewrite", name, error);
        let old = self.files_with(condition).await.map_err(|error| failed(&self.name, error))?;
        if old.is_empty() {
            return Ok(());
        }
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut rows = self.scan_files(large_rows(), &columns, old.iter().cloned().collect()).await?;
        let files = self.begin_files()?;
        while let Some(batch) = rows.try_next().await? {
            let changed = in_types_of(&self.schema, &batch).and_then(&mut change);
            files.write(changed.map_err(|error| failed(&self.name, error.into()))?).await;
        }
        let WrittenFiles { adds } = files.finish().await?;
        let snapshot = self.table.snapshot().map_err(|error| failed(&self.name, error))?;
        let mut actions: Vec<Action> = adds.into_iter().map(Action::Add).collect();
        let removed = snapshot.log_data();
        let removed = removed.iter().filter(|file| old.contains(file.path().as_ref()));
        actions.extend(removed.map(|file| Action::Remove(file.remove_action(true))));
        self.write_commit(actions, DeltaOperation::Update { predicate: None }, commit).await
    }

    /// The paths of the files with rows for which `condition` holds.
    async fn files_with(&self, condition: Expr) -> Result<HashSet<String>, DeltaTableError> {
        let session = SessionContext::new();
        self.table.update_datafusion_session(&session.state())?;
        let provider = self.table.table_provider().with_file_column(FILE).build().await?;
        let rows = session.read_table(Arc::new(provider))?.filter(condition)?.select_columns(&[FILE])?.distinct()?;
        let mut names: HashSet<String> = HashSet::new();
        for batch in rows.collect().await? {
            // Whole addresses. What comes behind the folder is never used twice.
            let addresses = cast(batch.column(0), &DataType::Utf8)?;
            names.extend(addresses.as_string::<i32>().iter().flatten().map(|address| name_of(address).to_owned()));
        }
        let paths = self.table.snapshot()?.log_data();
        let paths = paths.iter().map(|file| file.path().into_owned());
        Ok(paths.filter(|path| names.contains(name_of(path))).collect())
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Readers may give the same texts in another layout than the table is written in.
fn in_types_of(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<ArrayRef>, _>>()?)
}
