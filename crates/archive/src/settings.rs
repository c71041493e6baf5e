//! How large objects get, how soon they are written, and how much is read at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When an object is closed and stored, and how failures are met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveSettings {
    /// Somebody else writes the objects, as the S3 sink connector: they are read, and nothing is written from the log.
    pub read_only: bool,
    /// Records an object holds at most, exactly (the connector's `flush.size`); 0 counts as 1.
    pub flush_records: u64,
    /// Bytes an object holds at most; a record that alone is larger gets an object of its own.
    pub flush_bytes: usize,
    /// How long a record waits at most before its object is stored, however small.
    pub flush_interval: Duration,
    /// How often new topics and partitions are looked for.
    pub discover_interval: Duration,
    /// The pause after a first failure; it doubles with every further one.
    pub retry_pause: Duration,
    /// The longest pause.
    pub retry_pause_max: Duration,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            read_only: false,
            flush_records: 10_000,
            flush_bytes: 8 * 1024 * 1024,
            flush_interval: Duration::from_secs(10),
            discover_interval: Duration::from_secs(2),
            retry_pause: Duration::from_millis(500),
            retry_pause_max: Duration::from_secs(60),
        }
    }
}

/// How much the reader fetches ahead, and how large its batches are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSettings {
    /// Batches that may wait for the consumer.
    pub ahead: usize,
    /// Objects that are fetched at once from a store that is no local folder.
    pub concurrency: usize,
    /// Bytes of such objects that may be under way at once; one that is larger is fetched alone.
    pub memory_bytes: u64,
    /// Records a batch holds at most; 0 counts as 1. Small objects are put together, large ones divided.
    pub batch_records: usize,
    /// Bytes after which a batch is closed.
    pub batch_bytes: usize,
}

impl Default for ReadSettings {
    /// Batches that fit the caches of a processor core.
    fn default() -> Self {
        Self { ahead: 2, concurrency: 32, memory_bytes: 64 << 20, batch_records: 16_384, batch_bytes: 4 << 20 }
    }
}
