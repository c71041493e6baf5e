//! What committers count while they store.

use pinflow_metrics::Histogram;

/// Counted by all committers of a log together.
#[derive(Debug)]
pub(crate) struct CommitCounts {
    /// How long each commit of a partition took: its sync, before all.
    pub(crate) sync_durations: Histogram,
    /// Appends that were stored together.
    pub(crate) group_sizes: Histogram,
}

impl Default for CommitCounts {
    fn default() -> Self {
        Self { sync_durations: Histogram::of_durations(), group_sizes: Histogram::of_sizes() }
    }
}
