//! What a node says, as its HTTP API writes it. A node on the folder itself says the same, through the same shapes.

use pinflow_dashboard::view::{Column, RunState};
use serde::Deserialize;
use serde_json::Value;

use crate::output::Rows;

/// What does not change while a node runs.
#[derive(Clone, Debug, Deserialize)]
pub struct Overview {
    pub pipeline: String,
    pub version: String,
    pub urls: Vec<String>,
    pub data_folder: String,
}

/// Whether the node does all its work.
#[derive(Clone, Debug, Deserialize)]
pub struct Health {
    pub state: String,
    pub reasons: Vec<String>,
}

/// Where the events of a stream stand on a lane.
#[derive(Clone, Debug, Deserialize)]
pub struct BalanceRow {
    pub lane: String,
    pub stream: String,
    pub accepted: u64,
    pub archived: Option<u64>,
    pub committed: u64,
    pub duplicates: u64,
    pub filtered: u64,
    pub dead: u64,
    pub dropped: u64,
    pub in_flight: u64,
    pub balances: bool,
}

/// A run of a job.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    pub id: String,
    pub job: String,
    pub trigger: String,
    pub state: RunState,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    pub tasks: Vec<TaskRun>,
}

impl Run {
    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state, RunState::Waiting | RunState::Running | RunState::Retrying)
    }
}

/// A task of a run.
#[derive(Clone, Debug, Deserialize)]
pub struct TaskRun {
    pub name: String,
    pub state: RunState,
    pub attempts: u32,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub note: Option<String>,
    pub error: Option<String>,
}

/// The latest answer of a query of the pipeline.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    pub name: String,
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    pub total_rows: u64,
    pub run_id: Option<String>,
    pub elapsed_ms: Option<u64>,
}

impl Answer {
    /// Its rows.
    pub fn into_rows(self) -> Rows {
        rows(self.columns, self.rows)
    }
}

/// What a query gave.
#[derive(Clone, Debug, Deserialize)]
pub struct QueryResult {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    pub elapsed_ms: u64,
}

impl QueryResult {
    /// Its rows.
    pub fn into_rows(self) -> Rows {
        rows(self.columns, self.rows)
    }
}

/// A record that a lane could not clean.
#[derive(Clone, Debug, Deserialize)]
pub struct DeadLetter {
    pub lane: String,
    pub topic: String,
    pub partition: u32,
    pub offset: u64,
    pub arrived_ms: Option<i64>,
    pub rejected_ms: i64,
    pub reason: String,
    pub place: Option<String>,
    pub bytes: u64,
    pub raw: String,
    pub raw_base64: Option<String>,
}

/// Whether both lanes hold the same rows of a stream.
#[derive(Clone, Debug, Deserialize)]
pub struct Reconciliation {
    pub stream: String,
    pub equal: bool,
    pub batch_rows: u64,
    pub stream_rows: u64,
    pub only_in_batch: u64,
    pub only_in_stream: u64,
    pub different: u64,
    pub samples: Vec<ReconcileSample>,
    pub note: Option<String>,
}

/// A row that one lane lacks, or that differs.
#[derive(Clone, Debug, Deserialize)]
pub struct ReconcileSample {
    pub difference: String,
    pub batch: Option<serde_json::Map<String, Value>>,
    pub stream: Option<serde_json::Map<String, Value>>,
    pub columns: Vec<String>,
}

fn rows(columns: Vec<Column>, rows: Vec<Vec<Value>>) -> Rows {
    let (columns, types) = columns.into_iter().map(|column| (column.name, unit(column.kind))).unzip();
    Rows { columns, types, rows }
}

/// Times are shown without their zone.
fn unit(kind: String) -> String {
    if kind == "timestamp" { "timestamp, UTC".to_owned() } else { kind }
}
