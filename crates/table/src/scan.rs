//! Reading the rows of some of a table's files.

use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::DeltaTableError;
use deltalake::datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use pinflow_event::Timestamp;

use crate::error::TableError;
use crate::table::{Table, delta};

impl Table {
    /// The rows, of the columns that are named, of the files that were written from `from` to before `until`, in no order. A merge
    /// of files writes their rows anew: a row is never older than its file says, but may have been there before.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn scan_written(
        &self,
        columns: &[&str],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        let failed = |e: DeltaTableError| delta("read", &self.name, e);
        let snapshot = self.table.snapshot().map_err(failed)?;
        let span = from.as_millis()..until.as_millis();
        let files = snapshot.log_data().iter().filter(|file| span.contains(&file.modification_time()));
        let paths: Vec<String> = files.map(|file| file.path().into_owned()).collect();
        if paths.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let session = SessionContext::new();
        self.table.update_datafusion_session(&session.state()).map_err(failed)?;
        let rows = async {
            let provider = self.table.table_provider().with_file_paths(paths).build().await?;
            session.read_table(Arc::new(provider))?.select_columns(columns)?.execute_stream().await
        };
        let (rows, name) = (rows.await.map_err(|error| failed(error.into()))?, self.name.clone());
        Ok(rows.map_err(move |error| delta("read", &name, DeltaTableError::from(error))).boxed())
    }
}
