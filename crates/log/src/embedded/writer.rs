//! Writes the frames of one partition: append, sync, publish, in that order, and a new segment when one is full.
//!
//! Only the holder of a partition's [`Writer`] does so. After an error nothing more is written; see
//! [`Partition::withdraw`].
//!
//! A segment that gets many small writes has room: zeros behind its frames, which the next frames overwrite. To sync bytes in
//! the middle of a file takes half the time, and half the work, of syncing bytes that make it longer: its length and blocks
//! have not to be journalled. A crash leaves zeros, and recovery cuts them off; a seal and a clean close do so themselves.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use pinflow_event::Offset;

use super::disk::Disk;
use super::frame::{Frame, Header, Kind, NO_TIME};
use super::partition::Partition;
use super::segment::Segment;
use crate::LogError;

/// The most bytes of room that are made at once.
const ROOM_BYTES: u64 = 1 << 20;
/// A segment below this gets none: most partitions of a log get little.
const LEAST_LENGTH_WITH_ROOM: u64 = 64 << 10;

/// The state of writing to a partition.
#[derive(Debug)]
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    path: Arc<Path>,
    /// The active segment, opened when it is needed: a log may have more partitions than a process has files.
    file: Option<File>,
    base: Offset,
    /// Bytes of frames in the active segment, durable or not.
    length: u64,
    /// Bytes of the active segment with the room behind the frames.
    with_room: u64,
    next: Offset,
    durable: Offset,
    /// Frames that were written and are not known to be durable.
    pending: Vec<Header>,
    /// Whether something was written since the last mark.
    unmarked: bool,
    finished: bool,
}

impl Writer {
    /// Goes on at the end of `active`; `marked` says that a mark, or nothing at all, is there.
    pub(crate) fn new(disk: Arc<dyn Disk>, active: &Segment, marked: bool) -> Self {
        Self {
            disk,
            path: Arc::clone(&active.path),
            file: None,
            base: active.base,
            length: active.contents.bytes,
            with_room: active.contents.bytes,
            next: active.contents.end,
            durable: active.contents.end,
            pending: Vec::new(),
            unmarked: !marked,
            finished: false,
        }
    }

    /// Whether the partition is gone.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// From now on nothing is written.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.file = None;
        self.pending.clear();
    }

    /// Opens the active segment where it is not open; whether it had to be opened. Nothing is lost when that fails.
    pub(crate) fn open(&mut self) -> Result<bool, LogError> {
        if self.file.is_some() {
            return Ok(false);
        }
        let mut file = OpenOptions::new().write(true).open(&self.path).map_err(LogError::io("open", &self.path))?;
        file.seek(SeekFrom::Start(self.length)).map_err(LogError::io("open", &self.path))?;
        self.file = Some(file);
        Ok(true)
    }

    /// Gives the file back to the operating system.
    pub(crate) fn release(&mut self) {
        self.file = None;
    }

    fn file(&self) -> &File {
        self.file.as_ref().expect("the segment is opened before it is written")
    }

    /// How many of the frames belong into the active segment. A segment without records takes one of any size.
    fn fitting(&self, frames: &[Frame], segment_bytes: u64) -> usize {
        let mut length = self.length;
        let fitting = frames.iter().take_while(|frame| {
            length += frame.bytes().len() as u64;
            length <= segment_bytes
        });
        let least = usize::from(self.next == self.base);
        fitting.count().max(least)
    }

    fn append(&mut self, frames: &mut [Frame]) -> Result<(), LogError> {
        for frame in frames.iter_mut() {
            frame.place(self.next, self.durable);
            self.next = frame.header.end();
            self.length += frame.bytes().len() as u64;
            self.pending.push(frame.header.clone());
        }
        self.unmarked = true;
        let mut parts: Vec<IoSlice<'_>> = frames.iter().map(|frame| IoSlice::new(frame.bytes())).collect();
        self.disk.append(self.file(), &self.path, &mut parts).map_err(LogError::io("write", &self.path))?;
        self.with_room = self.with_room.max(self.length);
        Ok(())
    }

    /// Makes room where the frames that were written last have used it up and were small: large ones are worth their sync.
    fn make_room(&mut self, written: u64, segment_bytes: u64) -> Result<(), LogError> {
        let room = self.length.min(ROOM_BYTES);
        let (from, to) = (self.length, (self.length + room).min(segment_bytes));
        if self.with_room > from || from < LEAST_LENGTH_WITH_ROOM || written > room / 4 || to <= from {
            return Ok(());
        }
        self.with_room = to;
        self.disk.make_room(self.file(), &self.path, from, to).map_err(LogError::io("write", &self.path))
    }

    /// Cuts off the room.
    fn end_room(&mut self) -> Result<(), LogError> {
        if self.with_room > self.length {
            self.disk.truncate(self.file(), &self.path, self.length).map_err(LogError::io("cut", &self.path))?;
            self.with_room = self.length;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), LogError> {
        self.disk.sync(self.file(), &self.path).map_err(LogError::io("sync", &self.path))
    }
}

impl Partition {
    /// Writes `frames` and gives them their offsets. They are durable after [`Partition::commit`] alone.
    pub(crate) fn write(&self, writer: &mut Writer, frames: &mut [Frame], segment_bytes: u64) -> Result<(), LogError> {
        let before = writer.length;
        let mut rest = frames;
        while !rest.is_empty() {
            let fitting = writer.fitting(rest, segment_bytes);
            if fitting == 0 {
                self.commit(writer)?;
                self.roll(writer)?;
                continue;
            }
            let (now, later) = rest.split_at_mut(fitting);
            writer.append(now)?;
            rest = later;
        }
        // After a new segment was begun the length is smaller, and too small for room.
        writer.make_room(writer.length.saturating_sub(before), segment_bytes)
    }

    /// Makes what was written durable, then visible.
    pub(crate) fn commit(&self, writer: &mut Writer) -> Result<(), LogError> {
        if writer.pending.is_empty() {
            return Ok(());
        }
        writer.sync()?;
        self.active(|segment| writer.pending.drain(..).for_each(|header| segment.contents.add(&header)));
        writer.durable = writer.next;
        self.tail.advance(writer.next);
        Ok(())
    }

    /// Begins a new segment. Everything written is committed, and the active segment has records.
    pub(crate) fn roll(&self, writer: &mut Writer) -> Result<(), LogError> {
        let (mut seal, next) = self.active(|old| (old.seal(), Segment::empty(&self.folder, old.contents.end)));
        let file = self.disk.create(&next.path).map_err(LogError::io("create", &next.path))?;
        self.disk.sync_folder(&self.folder).map_err(LogError::io("sync", &self.folder))?;
        // The seal says that a segment follows, so that segment has to be there first; and nothing is written into it
        // before the seal is durable, so that an unsealed segment is followed by an empty one at most.
        writer.end_room()?;
        writer.append(std::slice::from_mut(&mut seal))?;
        writer.sync()?;
        writer.pending.clear();
        (writer.path, writer.file) = (Arc::clone(&next.path), Some(file));
        (writer.base, writer.length, writer.with_room) = (next.base, 0, 0);
        self.segments.write().expect("nothing panics while it holds the segments").push(next);
        Ok(())
    }

    /// Says on disk that everything before is durable, for a clean close.
    pub(crate) fn mark(&self, writer: &mut Writer) -> Result<(), LogError> {
        if writer.finished || !writer.unmarked {
            return Ok(());
        }
        writer.open()?;
        writer.end_room()?;
        let mut mark = Frame::of(Kind::Mark, writer.next, NO_TIME, &[]);
        writer.append(std::slice::from_mut(&mut mark))?;
        self.commit(writer)?;
        writer.unmarked = false;
        writer.release();
        Ok(())
    }

    /// Takes back what was written and not committed, as far as the disk still obeys: bytes that a failed sync left
    /// in the page cache would look whole to the next start without being on disk. The writer is finished then.
    pub(crate) fn withdraw(&self, writer: &mut Writer) {
        if writer.pending.is_empty() {
            return;
        }
        let durable = self.active(|segment| segment.contents.bytes);
        if let Some(file) = &writer.file
            && let Err(error) = self.disk.truncate(file, &writer.path, durable)
        {
            tracing::warn!(segment = %writer.path.display(), %error, "could not take back what was not stored");
        }
        // The offsets that were given out are gone, so nothing may follow them.
        writer.finish();
    }
}
