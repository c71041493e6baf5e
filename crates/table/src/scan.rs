//! Reading a table in other ways than as a whole, in large batches.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use deltalake::DeltaTableError;
use deltalake::datafusion::logical_expr::Expr;
use deltalake::datafusion::prelude::{SessionConfig, SessionContext, ident, lit};
use deltalake::delta_datafusion::TableProviderBuilder;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use pinflow_event::Timestamp;

use crate::error::TableError;
use crate::table::{Table, delta};

/// Rows that are read at once where each may be large.
const LARGE_ROWS: usize = 8;

impl Table {
    /// As [`Table::scan`], in small batches: for rows that may have megabytes each.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn scan_large_rows(
        &self,
        columns: &[&str],
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        let session = large_rows();
        let name = self.name.clone();
        let (_, rows) = self
            .table
            .scan_table()
            .with_session_state(Arc::new(session.state()))
            .with_columns(columns.iter().copied())
            .await
            .map_err(|e| delta("read", &self.name, e))?;
        Ok(rows.map_err(move |error| delta("read", &name, DeltaTableError::from(error))).boxed())
    }

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
        let files = snapshot.log_data();
        let files = files.iter().filter(|file| span.contains(&file.modification_time()));
        let paths: Vec<String> = files.map(|file| file.path().into_owned()).collect();
        if paths.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        self.scan_files(SessionContext::new(), columns, paths).await
    }

    /// A column of the rows, in no order: at least of those whose value lies in the range of `values`. Files that have none of them, by
    /// their statistics, are not read.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn scan_near(
        &self,
        column: &str,
        values: &[ArrayRef],
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        let range = range(values).map_err(|error| delta("read", &self.name, DeltaTableError::from(error)))?;
        let near = range.map(|(least, largest)| ident(column).between(lit(least), lit(largest)));
        self.read(SessionContext::new(), self.table.table_provider(), near, &[column]).await
    }

    /// The rows of some files, in no order.
    pub(crate) async fn scan_files(
        &self,
        session: SessionContext,
        columns: &[&str],
        paths: Vec<String>,
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        self.read(session, self.table.table_provider().with_file_paths(paths), None, columns).await
    }

    async fn read(
        &self,
        session: SessionContext,
        provider: TableProviderBuilder,
        condition: Option<Expr>,
        columns: &[&str],
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        let failed = |e: DeltaTableError| delta("read", &self.name, e);
        self.table.update_datafusion_session(&session.state()).map_err(failed)?;
        let rows = async {
            let rows = session.read_table(Arc::new(provider.build().await?))?;
            let rows = match condition {
                Some(condition) => rows.filter(condition)?,
                None => rows,
            };
            rows.select_columns(columns)?.execute_stream().await
        };
        let (rows, name) = (rows.await.map_err(|error| failed(error.into()))?, self.name.clone());
        Ok(rows.map_err(move |error| delta("read", &name, DeltaTableError::from(error))).boxed())
    }
}

/// Reads few rows at a time, of one file after the other: each may have megabytes.
pub(crate) fn large_rows() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_batch_size(LARGE_ROWS).with_target_partitions(1))
}

/// The least and the largest of the whole numbers of several columns; `None` for texts, of which statistics may hold the beginning alone.
fn range(columns: &[ArrayRef]) -> Result<Option<(i64, i64)>, ArrowError> {
    let mut range: Option<(i64, i64)> = None;
    for column in columns {
        if !column.data_type().is_integer() {
            return Ok(None);
        }
        let numbers = cast(column, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        if let (Some(least), Some(largest)) = (min(numbers), max(numbers)) {
            range = Some(range.map_or((least, largest), |(from, to)| (from.min(least), to.max(largest))));
        }
    }
    Ok(range)
}
