//! What a watcher sees of the archive of a partition.

use pinflow_event::{Offset, Partition, Timestamp, TopicName};
use serde::Serialize;

/// The state of one partition's archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The first offset that is in no object yet; `None` until the objects were listed.
    pub next_offset: Option<Offset>,
    /// Objects stored, ever.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last object was stored, since the start.
    pub last_stored: Option<Timestamp>,
    /// How often in a row it failed; 0 while all is well.
    pub failures: u32,
    /// Why it failed last. Emptied by the next success.
    pub last_error: Option<String>,
    /// When it failed last.
    pub last_failed: Option<Timestamp>,
}
