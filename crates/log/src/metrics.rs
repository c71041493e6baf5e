//! What a log counts.

use pinflow_metrics::HistogramSnapshot;

/// What a log has counted since it was opened, and what it holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMetrics {
    /// How long it took to make what was written durable, a group of appends and a partition each.
    pub sync_durations: HistogramSnapshot,
    /// How many appends each group commit stored.
    pub group_sizes: HistogramSnapshot,
    /// Bytes that wait to be stored.
    pub waiting_bytes: u64,
    /// How many may wait before appends are refused.
    pub waiting_bytes_limit: u64,
}
