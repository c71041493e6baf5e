//! Puts the records of objects together to batches of a sensible size, on a thread of its own.
//!
//! A batch has one buffer, which objects are read into directly: small ones one behind the other, large ones piece by piece. A record is
//! a range of it, so nothing is copied but the record that a batch ends within.

use std::io::{self, Read};

use pinflow_event::{Offset, TopicPartition};
use tokio::sync::mpsc;

use crate::batches::{ArchivedBatch, Span};
use crate::fetch::{Content, Fetch};
use crate::reader::ObjectListing;
use crate::records::{find, find_last};
use crate::{ArchiveError, ArchiveObject, ReadSettings};

/// How much is read from an object at a time.
const READ_BYTES: u64 = 256 << 10;
/// No record is larger: the log refuses it long before.
const RECORD_BYTES: usize = 1 << 30;

/// Reads objects and sends what comes of them.
pub(crate) struct Assembly {
    at: TopicPartition,
    settings: ReadSettings,
    /// The offset of the next record.
    next: Offset,
    /// Where the objects so far end; `None` before the first.
    covered: Option<Offset>,
    /// Records behind the last batch that was sent. `data` goes on with the beginning of the next one.
    batch: ArchivedBatch,
    data: Vec<u8>,
    sender: mpsc::Sender<Result<ArchivedBatch, ArchiveError>>,
}

/// Nobody wants more.
pub(crate) struct Unwanted;

impl Assembly {
    pub fn new(
        at: TopicPartition,
        from: Offset,
        settings: ReadSettings,
        sender: mpsc::Sender<Result<ArchivedBatch, ArchiveError>>,
    ) -> Self {
        let batch = ArchivedBatch::new(at.partition, from);
        Self { at, settings, next: from, covered: None, batch, data: Vec::new(), sender }
    }

    /// Reads all objects of the listing.
    pub fn run(mut self, listing: ObjectListing, mut fetch: Fetch) -> Result<(), Unwanted> {
        for fault in listing.faults {
            self.tell(fault)?;
        }
        for object in listing.objects {
            self.begin(&object)?;
            match fetch.open(&object) {
                Ok(content) => self.read(&object, content)?,
                Err(error) => self.tell(error)?,
            }
        }
        self.send()
    }

    fn begin(&mut self, object: &ArchiveObject) -> Result<(), Unwanted> {
        let ArchiveObject { path, start, .. } = object;
        if *start > self.next {
            let (at, from) = (self.at.clone(), self.next);
            self.tell(ArchiveError::Missing { at, from, to: *start, path: path.clone() })?;
            self.next = *start;
        }
        if let Some(end) = self.covered.filter(|end| end > start) {
            self.tell(ArchiveError::Repeated { path: path.clone(), end })?;
        }
        Ok(())
    }

    fn read(&mut self, object: &ArchiveObject, mut content: Content) -> Result<(), Unwanted> {
        // Where the record begins that comes next, how much of it was searched for its end, and its offset.
        let (mut begin, mut searched, mut offset) = (self.data.len(), self.data.len(), object.start);
        let mut unpacked = 0;
        let failure = loop {
            let read = (&mut content).take(READ_BYTES).read_to_end(&mut self.data);
            // What a failing read got before is in the buffer.
            while let Some(found) = find(object.kind, &self.data, begin, searched) {
                unpacked += (found.end - begin) as u64;
                begin = self.take(found.record, found.end, offset)?;
                (searched, offset) = (begin, offset.plus(1));
            }
            if self.batch.spans.is_empty() {
                // Records that were handed out by an earlier run are not kept.
                self.data.drain(..begin);
                begin = 0;
            }
            searched = self.data.len();
            match read {
                Ok(0) => break None,
                Ok(_) if self.data.len() - begin > RECORD_BYTES => {
                    break Some(io::Error::other("a record has no end within 1 GiB"));
                }
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        };
        if failure.is_none()
            && let Some(found) = find_last(object.kind, &self.data, begin)
        {
            begin = self.take(found.record, found.end, offset)?;
            offset = offset.plus(1);
        }
        self.covered = self.covered.max(Some(offset));
        let reason = match failure {
            Some(error) => error.to_string(),
            None if begin < self.data.len() => "it ends within a record".to_owned(),
            None => return Ok(()),
        };
        self.data.truncate(begin);
        self.tell(ArchiveError::Damaged { path: object.path.clone(), byte: unpacked, offset, reason })
    }

    /// Adds the record at `offset` to the batch, unless it was handed out before. Returns where the next one begins.
    fn take(&mut self, record: Option<std::ops::Range<usize>>, end: usize, offset: Offset) -> Result<usize, Unwanted> {
        if offset < self.next {
            return Ok(end);
        }
        self.batch.spans.push(Span::new(record));
        self.next = offset.plus(1);
        if self.batch.spans.len() >= self.settings.batch_records.max(1) || end > self.settings.batch_bytes {
            self.send_until(end)?;
            return Ok(0);
        }
        Ok(end)
    }

    /// Sends the records so far, then the fault.
    fn tell(&mut self, fault: ArchiveError) -> Result<(), Unwanted> {
        self.send()?;
        self.sender.blocking_send(Err(fault)).map_err(|_| Unwanted)
    }

    fn send(&mut self) -> Result<(), Unwanted> {
        self.send_until(self.data.len())
    }

    /// Sends the records so far, whose bytes go to `end`; what is behind begins the next batch.
    fn send_until(&mut self, end: usize) -> Result<(), Unwanted> {
        let mut rest =
            Vec::with_capacity(self.data.capacity().min(self.settings.batch_bytes + 2 * READ_BYTES as usize));
        rest.extend_from_slice(&self.data[end..]);
        self.data.truncate(end);
        let mut batch = std::mem::replace(&mut self.batch, ArchivedBatch::new(self.at.partition, self.next));
        batch.data = std::mem::replace(&mut self.data, rest);
        if batch.spans.is_empty() {
            return Ok(());
        }
        batch.first = Offset(self.next.0 - batch.spans.len() as u64);
        self.sender.blocking_send(Ok(batch)).map_err(|_| Unwanted)
    }
}
