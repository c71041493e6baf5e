//! A partition's records in batches of a sensible size, whatever the size of its objects.
//!
//! Invariant: offsets ascend without repetition. What is missing, repeated or damaged is told before any record behind it is handed out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use pinflow_event::{Offset, Partition, TopicPartition};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::reader::ObjectListing;
use crate::{ArchiveError, ArchiveObject, ArchiveReader, ArchivedRecords, ReadSettings};

/// Memory is counted in pieces of this many bytes, so that the count fits a semaphore.
const PERMIT_BYTES: usize = 1024;

/// Archived records with contiguous offsets; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedBatch {
    /// Their partition.
    pub partition: Partition,
    /// The offset of the first one.
    pub first: Offset,
    /// Each offset with the record's bytes; `None` is a tombstone.
    pub records: Vec<(Offset, Option<Bytes>)>,
}

impl ArchivedBatch {
    /// The offset after the last record.
    pub fn end(&self) -> Offset {
        self.first.plus(self.records.len() as u64)
    }
}

/// An object that was read, and the memory that is set aside for it.
struct Fetched {
    object: ArchiveObject,
    records: ArchivedRecords,
    _memory: OwnedSemaphorePermit,
}

/// Records from an offset on. See [`ArchiveReader::records`].
pub struct RecordBatches {
    at: TopicPartition,
    settings: ReadSettings,
    next: Offset,
    /// Where the objects so far end; `None` before the first.
    covered: Option<Offset>,
    faults: VecDeque<ArchiveError>,
    fetched: BoxStream<'static, Result<Fetched, ArchiveError>>,
    current: Option<Fetched>,
}

impl fmt::Debug for RecordBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatches").field("at", &self.at).field("next", &self.next).finish_non_exhaustive()
    }
}

impl RecordBatches {
    pub(crate) fn new(
        reader: ArchiveReader,
        at: TopicPartition,
        from: Offset,
        listing: ObjectListing,
        settings: ReadSettings,
    ) -> Self {
        let fetched = fetch_in_order(reader, listing.objects, &settings);
        Self { at, settings, next: from, covered: None, faults: listing.faults.into(), fetched, current: None }
    }

    /// The offset that the next record is expected to have.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The next batch; `None` at the end. After an error the following call goes on behind the trouble, so whoever must have every
    /// record stops at the first one.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Repeated`] (the repeated records are not handed out again),
    /// [`ArchiveError::Damaged`], [`ArchiveError::UnknownKind`], [`ArchiveError::Store`].
    pub async fn next_batch(&mut self) -> Option<Result<ArchivedBatch, ArchiveError>> {
        let mut batch = ArchivedBatch { partition: self.at.partition, first: self.next, records: Vec::new() };
        let mut bytes = 0;
        while self.faults.is_empty()
            && batch.records.len() < self.settings.batch_records.max(1)
            && bytes <= self.settings.batch_bytes
        {
            let Some(current) = &mut self.current else {
                match self.fetched.next().await {
                    Some(Ok(fetched)) => self.begin(fetched),
                    Some(Err(error)) => self.faults.push_back(error),
                    None => break,
                }
                continue;
            };
            match current.records.next() {
                Some((offset, value)) => {
                    bytes += value.as_ref().map_or(0, Bytes::len);
                    self.next = offset.plus(1);
                    batch.records.push((offset, value));
                }
                None => self.end_object(),
            }
        }
        if !batch.records.is_empty() {
            return Some(Ok(batch));
        }
        self.faults.pop_front().map(Err)
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<ArchivedBatch, ArchiveError>> + Send {
        stream::unfold(self, |mut batches| async move { batches.next_batch().await.map(|batch| (batch, batches)) })
    }

    fn begin(&mut self, mut fetched: Fetched) {
        let ArchiveObject { path, start, .. } = &fetched.object;
        if *start > self.next {
            self.faults.push_back(ArchiveError::Missing {
                at: self.at.clone(),
                from: self.next,
                to: *start,
                path: path.clone(),
            });
            self.next = *start;
        }
        if let Some(end) = self.covered.filter(|end| end > start) {
            self.faults.push_back(ArchiveError::Repeated { path: path.clone(), end });
        }
        fetched.records.skip_to(self.next);
        self.current = Some(fetched);
    }

    fn end_object(&mut self) {
        let Some(Fetched { object, records, .. }) = self.current.take() else { return };
        self.covered = self.covered.max(Some(records.next_offset()));
        if let Some(byte) = records.damage() {
            self.faults.push_back(ArchiveError::Damaged { path: object.path, byte, offset: records.next_offset() });
        }
    }
}

/// Fetches objects side by side and hands them out in order. Memory is claimed in order too: an object never waits for one behind it.
fn fetch_in_order(
    reader: ArchiveReader,
    objects: Vec<ArchiveObject>,
    settings: &ReadSettings,
) -> BoxStream<'static, Result<Fetched, ArchiveError>> {
    let total = u32::try_from(settings.memory_bytes / PERMIT_BYTES).unwrap_or(u32::MAX).max(1);
    let memory = Arc::new(Semaphore::new(total as usize));
    stream::iter(objects)
        .then(move |object| {
            let wanted = u32::try_from(object.size.div_ceil(PERMIT_BYTES as u64)).unwrap_or(u32::MAX).clamp(1, total);
            let claim = memory.clone().acquire_many_owned(wanted);
            async move { (object, claim.await.expect("the semaphore is never closed")) }
        })
        .map(move |(object, memory)| {
            let reader = reader.clone();
            async move {
                let records = reader.read(&object).await?;
                Ok(Fetched { object, records, _memory: memory })
            }
        })
        .buffered(settings.concurrency.max(1))
        .boxed()
}
