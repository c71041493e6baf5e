//! How much a query may take.

use std::path::PathBuf;
use std::time::Duration;

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
    /// 512 MiB of memory, 10 GiB on disk, one minute, a million rows.
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            spill_bytes: 10 << 30,
            spill_folder: None,
            time: Duration::from_secs(60),
            rows: 1_000_000,
        }
    }
}
