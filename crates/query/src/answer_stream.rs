//! An answer while it comes in: for whoever passes it on, and need not hold it.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tokio::time::Instant;

use crate::answer::{Answer, plain_batch};
use crate::error::QueryError;
use crate::limits::Bounded;

/// The rows of an answer in plain arrow types, in the query's order. Dropping it ends the query.
pub struct AnswerStream {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Bounded,
    pub(crate) started: Instant,
}

impl AnswerStream {
    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows, at least one; `None` after the last.
    ///
    /// # Errors
    /// [`QueryError::RowLimit`], [`QueryError::TimeLimit`], [`QueryError::MemoryLimit`], [`QueryError::Cancelled`],
    /// [`QueryError::Execution`]. What came before is not the whole answer then.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        while let Some(batch) = self.rows.next().await? {
            if batch.num_rows() > 0 {
                let plain = plain_batch(&batch, &self.schema);
                return plain.map(Some).map_err(|cause| QueryError::Execution { message: cause.to_string() });
            }
        }
        Ok(None)
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`AnswerStream::next`].
    pub async fn collect(mut self) -> Result<Answer, QueryError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(Answer { schema: self.schema, batches, elapsed: self.started.elapsed() })
    }
}

impl std::fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}
