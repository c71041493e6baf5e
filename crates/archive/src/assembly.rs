//! Puts the records of objects together to batches of a sensible size, on a thread of its own.
//!
//! A batch has one buffer, which objects are read into directly: small ones one behind the other, large ones piece by piece. A record is
//! a range of it, so nothing is copied but the record that a batch ends within.

use std::io::{self, Read};

use bytes::Bytes;
use pinflow_event::{Offset, TopicPartition};
use tokio::sync::mpsc;

use crate::batches::{ArchivedBatch, EmptyObjects, Span};
use crate::fetch::{Content, Fetch};
use crate::listing::ObjectListing;
use crate::records::{Found, find, find_last, mark_length};
use crate::{ArchiveError, ArchiveObject, ArchivedRecords, ObjectKind, Offsets, ReadSettings};

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
    empty: EmptyObjects,
    sender: mpsc::Sender<Result<ArchivedBatch, ArchiveError>>,
}

/// How far the reading of an object is.
struct Place {
    kind: ObjectKind,
    /// Where the record begins that comes next.
    begin: usize,
    /// How much was searched for its end.
    searched: usize,
    /// Its offset.
    offset: Offset,
    /// Blank lines before it. They are records if another one follows: at the end of an object nobody meant them.
    blank: u64,
    /// Bytes of the object before `begin`.
    unpacked: u64,
}

impl Place {
    fn new(object: &ArchiveObject, begin: usize) -> Self {
        Self { kind: object.kind, begin, searched: begin, offset: object.start, blank: 0, unpacked: 0 }
    }

    fn skip(&mut self, bytes: usize) {
        (self.begin, self.searched, self.unpacked) = (self.begin + bytes, self.searched + bytes, bytes as u64);
    }
}

/// Nobody wants more.
pub(crate) struct Unwanted;

impl Assembly {
    pub fn new(
        at: TopicPartition,
        from: Offset,
        settings: ReadSettings,
        empty: EmptyObjects,
        sender: mpsc::Sender<Result<ArchivedBatch, ArchiveError>>,
    ) -> Self {
        let batch = ArchivedBatch::new(at.partition, from);
        Self { at, settings, next: from, covered: None, batch, data: Vec::new(), empty, sender }
    }

    /// Reads all objects of the listing.
    pub fn run(mut self, listing: ObjectListing, mut fetch: Fetch) -> Result<(), Unwanted> {
        let mut faults = listing.faults.into_iter().peekable();
        let same_group = |a: &ArchiveObject, b: &ArchiveObject| a.is_listed() && a.offsets.group() == b.offsets.group();
        for unit in listing.objects.chunk_by(same_group) {
            // What comes before a fault does not wait for it to be mended.
            while let Some((_, fault)) = faults.next_if(|(offset, _)| *offset <= unit[0].group_start()) {
                self.tell(fault)?;
            }
            match unit {
                [object] if !object.is_listed() => {
                    self.begin(object)?;
                    match fetch.open(object) {
                        Ok(content) => self.read(object, content)?,
                        Err(error) => self.tell(error)?,
                    }
                }
                group => self.read_group(group, &mut fetch)?,
            }
        }
        faults.try_for_each(|(_, fault)| self.tell(fault))?;
        self.send()
    }

    /// Puts the records of a group's objects back into the order of their offsets.
    fn read_group(&mut self, group: &[ArchiveObject], fetch: &mut Fetch) -> Result<(), Unwanted> {
        let mut records: Vec<(Offset, Option<Bytes>)> = Vec::new();
        let mut faults: Vec<(Offset, ArchiveError)> = Vec::new();
        for object in group {
            faults.extend(read_listed(object, fetch, &mut records));
        }
        records.sort_unstable_by_key(|(offset, _)| *offset);
        faults.sort_by_key(|(offset, _)| std::cmp::Reverse(*offset));
        let mut is_explained = false;
        for (offset, value) in records {
            // A fault is told before the records behind it.
            while let Some((_, fault)) = faults.pop_if(|(at, _)| *at <= offset) {
                is_explained = true;
                self.tell(fault)?;
            }
            if offset < self.next {
                continue;
            }
            self.pass_to(offset, &group[0], &mut is_explained)?;
            let begin = self.data.len();
            self.data.extend_from_slice(value.as_deref().unwrap_or_default());
            let end = self.data.len();
            self.take(value.map(|_| begin..end), end, offset)?;
        }
        for (_, fault) in faults.into_iter().rev() {
            is_explained = true;
            self.tell(fault)?;
        }
        let end = group[0].offsets.group().map_or(self.next, |group| group.end);
        self.covered = self.covered.max(Some(end));
        self.pass_to(end, &group[0], &mut is_explained)
    }

    /// Goes on to `offset` of a group. Where that passes records of it, an object has vanished, or was told to be damaged.
    fn pass_to(&mut self, offset: Offset, object: &ArchiveObject, is_explained: &mut bool) -> Result<(), Unwanted> {
        if offset <= self.next {
            return Ok(());
        }
        if *is_explained {
            self.send()?;
        } else {
            self.tell(self.missing(offset, object))?;
        }
        *is_explained = true;
        self.next = offset;
        Ok(())
    }

    fn begin(&mut self, object: &ArchiveObject) -> Result<(), Unwanted> {
        let ArchiveObject { path, start, .. } = object;
        if *start > self.next {
            self.tell(self.missing(*start, object))?;
            self.next = *start;
        }
        if let Some(end) = self.covered.filter(|end| end > start) {
            self.tell(ArchiveError::Repeated { path: path.clone(), end })?;
        }
        Ok(())
    }

    /// That the offsets from the next one to before `to` are in no object, which `object` shows.
    fn missing(&self, to: Offset, object: &ArchiveObject) -> ArchiveError {
        let empty = self.empty.last_at(self.next);
        ArchiveError::Missing { at: self.at.clone(), from: self.next, to, path: object.path.clone(), empty }
    }

    fn read(&mut self, object: &ArchiveObject, mut content: Content) -> Result<(), Unwanted> {
        let mut place = Place::new(object, self.data.len());
        let mut is_begun = false;
        let failure = loop {
            let read = (&mut content).take(READ_BYTES).read_to_end(&mut self.data);
            if !std::mem::replace(&mut is_begun, true) {
                place.skip(mark_length(object.kind, &self.data[place.begin..]));
            }
            // What a failing read got before is in the buffer.
            while let Some(found) = find(object.kind, &self.data, place.begin, place.searched) {
                self.pass(found, &mut place)?;
            }
            if self.batch.spans.is_empty() {
                // Records that were handed out by an earlier run are not kept.
                self.data.drain(..place.begin);
                place.begin = 0;
            } else if place.begin > self.settings.batch_bytes {
                // Blank lines without an end.
                self.send_until(place.begin)?;
                place.begin = 0;
            }
            place.searched = self.data.len();
            match read {
                // Nothing but its end keeps a read from being whole.
                Ok(bytes) if (bytes as u64) < READ_BYTES => break None,
                Ok(_) if self.data.len() - place.begin > RECORD_BYTES => {
                    break Some(io::Error::other("a record has no end within 1 GiB"));
                }
                Ok(_) => {}
                Err(error) => break Some(error),
            }
        };
        if failure.is_none()
            && let Some(found) = find_last(object.kind, &self.data, place.begin)
        {
            self.pass(found, &mut place)?;
        }
        let Place { begin, offset, unpacked: byte, .. } = place;
        self.covered = self.covered.max(Some(offset));
        let reason = match failure {
            Some(error) => error.to_string(),
            None if begin < self.data.len() => "it ends within a record".to_owned(),
            None if offset == object.start => {
                self.empty.add(offset, object.path.clone());
                return Ok(());
            }
            None => return Ok(()),
        };
        self.data.truncate(begin);
        self.tell(ArchiveError::Damaged { path: object.path.clone(), byte, offset, reason })
    }

    /// Goes on behind the line or frame that comes next.
    fn pass(&mut self, found: Found, place: &mut Place) -> Result<(), Unwanted> {
        place.unpacked += (found.end - place.begin) as u64;
        if found.is_blank(place.kind, &self.data) {
            place.begin = found.end;
            place.blank += 1;
        } else {
            let found_at = place.begin;
            for _ in 0..std::mem::take(&mut place.blank) {
                place.begin = self.take(Some(place.begin..place.begin), place.begin, place.offset)?;
                place.offset = place.offset.plus(1);
            }
            let found = found.moved(found_at - place.begin);
            place.begin = self.take(found.record, found.end, place.offset)?;
            place.offset = place.offset.plus(1);
        }
        place.searched = place.begin;
        Ok(())
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

/// Adds the records of an object whose offsets a manifest tells. Returns what is wrong with it, and from which offset on.
fn read_listed(
    object: &ArchiveObject,
    fetch: &mut Fetch,
    records: &mut Vec<(Offset, Option<Bytes>)>,
) -> Option<(Offset, ArchiveError)> {
    let mut content = match fetch.open(object) {
        Ok(content) => content,
        Err(error) => return Some((object.start, error)),
    };
    let mut data = Vec::new();
    let failure = content.read_to_end(&mut data).err();
    if failure.is_some() && object.kind == ObjectKind::Json {
        // What stands behind the last line break may be half a record.
        data.truncate(memchr::memrchr(b'\n', &data).map_or(0, |at| at + 1));
    }
    let Offsets::Listed { runs, .. } = &object.offsets else { return None };
    let listed: u64 = runs.iter().map(|run| run.end.since(run.start)).sum();
    let mut found = ArchivedRecords::new(object, data.into());
    let before = records.len();
    records.extend(found.by_ref().take(usize::try_from(listed).unwrap_or(usize::MAX)));
    let (byte, offset) = (found.position(), found.next_offset());
    let is_short = ((records.len() - before) as u64) < listed;
    let reason = match failure {
        Some(error) => error.to_string(),
        None if is_short && found.damage().is_some() => "it ends within a record".to_owned(),
        None if is_short => "it has fewer records than its manifest says".to_owned(),
        None if found.damage().is_some() => "it has more records than its manifest says".to_owned(),
        None => return None,
    };
    Some((offset, ArchiveError::Damaged { path: object.path.clone(), byte, reason, offset }))
}
