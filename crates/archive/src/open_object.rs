//! The object that is being gathered, before it is stored.

use pinflow_event::Offset;
use tokio::time::Instant;

use crate::{ArchiveSettings, ObjectKind, format};

/// A contiguous run of records of one kind.
#[derive(Debug)]
pub(crate) struct OpenObject {
    pub(crate) start: Offset,
    pub(crate) kind: ObjectKind,
    pub(crate) records: u64,
    pub(crate) content: Vec<u8>,
    pub(crate) opened: Instant,
}

impl OpenObject {
    /// An object that begins with the record at `start`.
    pub(crate) fn new(start: Offset, kind: ObjectKind) -> Self {
        Self { start, kind, records: 0, content: Vec::new(), opened: Instant::now() }
    }

    /// The offset after its last record.
    pub(crate) fn end(&self) -> Offset {
        self.start.plus(self.records)
    }

    /// Whether a further record may join; if not, the object is complete.
    pub(crate) fn takes(&self, kind: ObjectKind, value: Option<&[u8]>, settings: &ArchiveSettings) -> bool {
        let size = self.content.len() + format::encoded_size(kind, value);
        self.kind == kind && !self.is_full(settings) && size <= settings.flush_bytes
    }

    /// Whether it is complete whatever comes next.
    pub(crate) fn is_full(&self, settings: &ArchiveSettings) -> bool {
        self.records >= settings.flush_records.max(1) || self.content.len() >= settings.flush_bytes
    }

    /// Adds the record at [`OpenObject::end`].
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        format::append(self.kind, value, &mut self.content);
        self.records += 1;
    }
}
