//! How much a query may take, and what holds it to that.

use std::path::PathBuf;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::QueryError;

/// The bounds of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Bytes of memory that all queries of the engine share; sorts, joins and aggregates spill before they exceed it.
    pub memory_bytes: usize,
    /// Bytes that may be spilled to disk at a time.
    pub spill_bytes: u64,
    /// Where to spill: a folder of the engine's own below it. `None` is the system's folder for temporary files.
    pub spill_folder: Option<PathBuf>,
    /// The longest that one query may run.
    pub time: Duration,
    /// The most rows that an answer may have.
    pub rows: usize,
}

impl Default for QueryLimits {
    /// 1 GiB of memory, 10 GiB on disk, one minute, a million rows.
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            spill_bytes: 10 << 30,
            spill_folder: None,
            time: Duration::from_secs(60),
            rows: 1_000_000,
        }
    }
}

/// Later than any answer: for limits of time that reach beyond what a clock can say.
const NO_END: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// Rows of a running query, up to its limits. Dropping it ends the query.
pub(crate) struct Bounded {
    rows: SendableRecordBatchStream,
    limits: QueryLimits,
    left: usize,
    deadline: Instant,
    cancellation: CancellationToken,
}

impl Bounded {
    /// The rows of a query that began at `began`.
    pub fn new(
        rows: SendableRecordBatchStream,
        limits: QueryLimits,
        began: Instant,
        cancellation: CancellationToken,
    ) -> Self {
        let deadline = began.checked_add(limits.time).unwrap_or_else(|| began + NO_END);
        Self { rows, left: limits.rows, limits, deadline, cancellation }
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// [`QueryError::RowLimit`] instead of cutting the answer; [`QueryError::TimeLimit`], [`QueryError::Cancelled`]; what keeps the
    /// query from going on.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        let next = self.rows.next();
        let next = tokio::select! {
            biased;
            () = self.cancellation.cancelled() => return Err(QueryError::Cancelled),
            next = tokio::time::timeout_at(self.deadline, next) => next,
        };
        let next = next.map_err(|_| QueryError::TimeLimit { limit: self.limits.time })?;
        let batch = next.transpose().map_err(|cause| QueryError::from_datafusion(&cause, self.limits.memory_bytes))?;
        let Some(batch) = batch else { return Ok(None) };
        self.left = self.left.checked_sub(batch.num_rows()).ok_or(QueryError::RowLimit { limit: self.limits.rows })?;
        Ok(Some(batch))
    }
}
