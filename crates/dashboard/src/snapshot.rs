//! What the page shows now: the node's counters with the rates computed from them.
//!
//! A rate is `None` until there are two samples; rates are averages over the last five seconds.

use serde::Serialize;

use crate::view::{BalanceRow, GatewayCounters, Health};

/// The node at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Whether all stages work.
    pub health: Health,
    /// What the gateway takes.
    pub gateway: GatewayFlow,
    /// Where the events stand, a row for each lane and stream.
    pub ways: Vec<WayFlow>,
    /// How the stream lane gets on, a stream each.
    pub streams: Vec<StreamFlow>,
    /// Questions answered.
    pub queries: QueryFlow,
}

/// The gateway's counters and rates.
#[derive(Clone, Debug, Serialize)]
pub struct GatewayFlow {
    /// The counters.
    #[serde(flatten)]
    pub total: GatewayCounters,
    /// Requests a second.
    pub requests_per_second: Option<f64>,
    /// Acknowledged records a second.
    pub records_per_second: Option<f64>,
    /// Bytes of acknowledged records a second.
    pub bytes_per_second: Option<f64>,
    /// Refused requests a second.
    pub errors_per_second: Option<f64>,
}

/// The counters and rates of a stream on a lane.
#[derive(Clone, Debug, Serialize)]
pub struct WayFlow {
    /// The counters.
    #[serde(flatten)]
    pub total: BalanceRow,
    /// Acknowledged records a second.
    pub accepted_per_second: Option<f64>,
    /// Archived records a second; `None` on a lane without an archive too.
    pub archived_per_second: Option<f64>,
    /// Records a second that the lane is done with, however it ended.
    pub processed_per_second: Option<f64>,
    /// Rows a second that reach the table.
    pub committed_per_second: Option<f64>,
    /// Dead letters a second.
    pub dead_per_second: Option<f64>,
}

/// How the stream lane gets on with a stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamFlow {
    /// The stream.
    pub stream: String,
    /// Records a second that arrive.
    pub input_rows_per_second: Option<f64>,
    /// Records a second that micro-batches work through **while they work**, as Spark reports it: above the input
    /// rate there is room to spare. `None` where no micro-batch finished within the window.
    pub processed_rows_per_second: Option<f64>,
    /// Micro-batches since the node started.
    pub batches: u64,
    /// How long the latest micro-batch took.
    pub last_batch_ms: Option<u64>,
    /// The average micro-batch of the last minute.
    pub average_batch_ms: Option<f64>,
    /// Records in the average micro-batch of the last minute.
    pub rows_per_batch: Option<f64>,
    /// How long half of the records of the latest micro-batch waited, at most, from their arrival to its commit.
    pub freshness_p50_ms: Option<u64>,
    /// How long 99 of 100 of them waited at most.
    pub freshness_p99_ms: Option<u64>,
    /// Distinct keys in the table.
    pub distinct_keys: Option<u64>,
    /// Records that wait.
    pub lag_records: u64,
    /// The age of the oldest record that waits, in seconds.
    pub lag_seconds: Option<f64>,
    /// When the lane last committed.
    pub last_commit_ms: Option<i64>,
}

/// Questions answered.
#[derive(Clone, Debug, Serialize)]
pub struct QueryFlow {
    /// All of them, since the node started.
    pub answered: u64,
    /// Answers a second.
    pub answered_per_second: Option<f64>,
}
