//! A partition's records in batches of a sensible size, whatever the size of its objects.
//!
//! Invariant: offsets ascend without repetition. What is missing, repeated or damaged is told before any record behind it is handed out.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, stream};
use object_store::path::Path;
use pinflow_event::{Offset, Partition, TopicPartition};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::assembly::Assembly;
use crate::fetch::Fetch;
use crate::listing::ObjectListing;
use crate::{ArchiveError, ReadSettings};

/// Archived records with contiguous offsets; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct ArchivedBatch {
    /// Their partition.
    pub partition: Partition,
    /// The offset of the first one.
    pub first: Offset,
    pub(crate) data: Vec<u8>,
    pub(crate) spans: Vec<Span>,
}

/// Where a record stands in its batch. There are many of them, so they are small.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    begin: u32,
    /// Before `begin` for a tombstone.
    end: u32,
}

impl Span {
    pub fn new(record: Option<Range<usize>>) -> Self {
        let bound = |at: usize| u32::try_from(at).expect("a batch is cut long before 4 GiB");
        match record {
            Some(range) => Self { begin: bound(range.start), end: bound(range.end) },
            None => Self { begin: 1, end: 0 },
        }
    }
}

impl ArchivedBatch {
    pub(crate) fn new(partition: Partition, first: Offset) -> Self {
        Self { partition, first, data: Vec::new(), spans: Vec::new() }
    }

    /// How many records these are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes that their objects hold of them.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// The offset after the last record.
    pub fn end(&self) -> Offset {
        self.first.plus(self.spans.len() as u64)
    }

    /// The bytes of the record with number `index` from 0; `None` is a tombstone.
    ///
    /// # Panics
    /// Where there is no such record.
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        let Span { begin, end } = self.spans[index];
        (begin <= end).then(|| &self.data[begin as usize..end as usize])
    }

    /// Lets go of the records behind the first `records`.
    pub fn truncate(&mut self, records: u64) {
        self.spans.truncate(usize::try_from(records).unwrap_or(usize::MAX));
    }

    /// All records, in order.
    pub fn values(&self) -> impl Iterator<Item = Option<&[u8]>> {
        (0..self.len()).map(|index| self.value(index))
    }
}

impl fmt::Debug for ArchivedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchivedBatch")
            .field("partition", &self.partition)
            .field("first", &self.first)
            .field("records", &self.len())
            .finish()
    }
}

/// Objects in which there was no record. An object that holds nothing may be one that was cut off.
#[derive(Clone, Debug, Default)]
pub struct EmptyObjects(Arc<Mutex<Vec<(Offset, Path)>>>);

impl EmptyObjects {
    /// Those that were met so far, in order.
    pub fn paths(&self) -> Vec<Path> {
        self.lock().iter().map(|(_, path)| path.clone()).collect()
    }

    pub(crate) fn add(&self, start: Offset, path: Path) {
        self.lock().push((start, path));
    }

    /// The last one, where it begins with this offset.
    pub(crate) fn last_at(&self, offset: Offset) -> Option<Path> {
        self.lock().last().filter(|(start, _)| *start == offset).map(|(_, path)| path.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Offset, Path)>> {
        // An entry is added whole: the list is sound even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records from an offset on. See [`ArchiveReader::records`](crate::ArchiveReader::records).
#[derive(Debug)]
pub struct RecordBatches {
    next: Offset,
    empty: EmptyObjects,
    batches: mpsc::Receiver<Result<ArchivedBatch, ArchiveError>>,
    /// Ends by itself once the batches are dropped.
    reading: Option<JoinHandle<()>>,
}

impl RecordBatches {
    /// Begins to read, on a thread of its own.
    pub(crate) fn spawn(
        at: TopicPartition,
        from: Offset,
        listing: ObjectListing,
        fetch: Fetch,
        settings: ReadSettings,
    ) -> Self {
        let (sender, batches) = mpsc::channel(settings.ahead.max(1));
        let empty = EmptyObjects::default();
        let assembly = Assembly::new(at, from, settings, empty.clone(), sender);
        let reading = tokio::task::spawn_blocking(move || {
            // Whoever has dropped the batches wants no outcome either.
            let _ = assembly.run(listing, fetch);
        });
        Self { next: from, empty, batches, reading: Some(reading) }
    }

    /// The offset that the next record is expected to have.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The objects without a record, as they are met.
    pub fn empty_objects(&self) -> EmptyObjects {
        self.empty.clone()
    }

    /// The next batch; `None` at the end. After an error the following call goes on behind the trouble, so whoever must have every
    /// record stops at the first one.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Repeated`] (the repeated records are not handed out again),
    /// [`ArchiveError::Damaged`], [`ArchiveError::UnknownKind`], [`ArchiveError::Folder`], [`ArchiveError::Store`].
    pub async fn next_batch(&mut self) -> Option<Result<ArchivedBatch, ArchiveError>> {
        let next = self.batches.recv().await;
        match &next {
            Some(Ok(batch)) => self.next = batch.end(),
            Some(Err(ArchiveError::Missing { to, .. })) => self.next = *to,
            Some(Err(_)) => {}
            None => {
                if let Some(reading) = self.reading.take() {
                    // A fault of the program must not look like the end of the archive.
                    reading.await.expect("reading the archive does not panic");
                }
            }
        }
        next
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<ArchivedBatch, ArchiveError>> + Send {
        stream::unfold(self, |mut batches| async move { batches.next_batch().await.map(|batch| (batch, batches)) })
    }
}
