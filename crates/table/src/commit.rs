//! What one commit brings to a table.

use arrow::array::RecordBatch;
use serde_json::Value;

/// How far an application has come with a table: kept in the same commit as the rows, as Delta's `txn` action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Who counts: a lane's partition, or one of its counters.
    pub application: String,
    /// What the table says before this commit; 0 where it says nothing.
    pub from: i64,
    /// What it says afterwards.
    pub to: i64,
}

/// Rows to append, with the progress that they are.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The rows, in the table's schema. There may be none: a batch of duplicates still is progress.
    pub rows: Vec<RecordBatch>,
    /// The progress. Nothing is written where the table is at `to` already.
    pub progress: Vec<Progress>,
    /// What the table's history shows of this commit.
    pub notes: Vec<(String, Value)>,
}
