//! What can be set about an embedded log.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Disk, LocalDisk};
use crate::DEFAULT_MAX_RECORD_BYTES;

/// How an embedded log is opened. `EmbeddedOptions::new(folder)` has the values that suit most.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Where the files are; made where it is missing. One log at a time may use it.
    pub folder: PathBuf,
    /// Bytes after which a new segment is begun (64 MiB). Retention deletes whole segments.
    pub segment_bytes: u64,
    /// The largest record in bytes of key, value and headers ([`DEFAULT_MAX_RECORD_BYTES`]).
    pub max_record_bytes: usize,
    /// Bytes that may wait to be stored (64 MiB), which bounds the memory that appends take. Beyond it they are refused
    /// with [`LogError::Overloaded`](crate::LogError::Overloaded). One append that is larger goes alone.
    pub max_waiting_bytes: usize,
    /// Threads that write and sync (2). A partition belongs to one of them.
    pub committers: usize,
    /// Whether sealed segments are read at the start, too (`false`). Every read checks what it returns in any case.
    pub verify: bool,
    /// What changes the disk: [`LocalDisk`], or one that fails on purpose.
    pub disk: Arc<dyn Disk>,
}

impl EmbeddedOptions {
    /// The usual options for a log in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            segment_bytes: 64 << 20,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            max_waiting_bytes: 64 << 20,
            committers: 2,
            verify: false,
            disk: Arc::new(LocalDisk),
        }
    }
}
