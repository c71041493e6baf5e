//! Reads a partition: by offset and by time, from files that are opened for the one read.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use pinflow_event::{Offset, Record, Timestamp};

use super::encoding::Decoder;
use super::frame::{Header, Kind};
use super::index::Span;
use super::partition::Partition;
use super::segment::{Frames, Segment};
use crate::{LogError, ReadLimit};

/// Bytes that a read may take from the end of a partition without moving to a thread that may block: they were written
/// just now and come from memory.
const TAIL_BYTES: u64 = 512 << 10;

/// What a read has found.
struct Found {
    records: Vec<Record>,
    bytes: usize,
    limit: ReadLimit,
    next: Offset,
    full: bool,
}

impl Found {
    fn take(&mut self, record: Record) {
        let bytes = self.bytes.saturating_add(record.size());
        self.full = !self.records.is_empty() && bytes > self.limit.bytes;
        if !self.full {
            self.next = record.offset.plus(1);
            self.bytes = bytes;
            self.records.push(record);
            self.full = self.records.len() >= self.limit.records;
        }
    }
}

impl Partition {
    /// Whether a read from `from` on is served from what was written last.
    pub(crate) fn is_at_tail(&self, from: Offset) -> bool {
        let segments = self.segments.read().expect("nothing panics while it holds the segments");
        segments.last().is_some_and(|active| {
            let length = active.contents.bytes;
            from >= active.base && length - active.contents.index.span_of(from, length).start <= TAIL_BYTES
        })
    }

    /// Records from `from` on within `limit`.
    pub(crate) fn read(&self, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, LogError> {
        let mut found = Found { records: Vec::new(), bytes: 0, limit, next: from, full: limit.records == 0 };
        let mut open: Option<(Arc<Path>, File)> = None;
        while !found.full {
            let (path, span) = match self.span_from(found.next) {
                Ok(Some(place)) => place,
                Err(error) if found.records.is_empty() => return Err(error),
                // Retention has overtaken the read: what was found is good.
                Ok(None) | Err(_) => break,
            };
            let (path, file) = match open.take() {
                Some((opened, file)) if opened == path => (opened, file),
                _ => match self.open_if_there(&path)? {
                    Some(file) => (path, file),
                    None => continue,
                },
            };
            read_span(&file, &path, span, &mut found)?;
            open = Some((path, file));
        }
        Ok(found.records)
    }

    /// The earliest offset of a record at or after `time`; the end where there is none.
    pub(crate) fn offset_at(&self, time: Timestamp) -> Result<Offset, LogError> {
        let place = {
            let segments = self.segments.read().expect("nothing panics while it holds the segments");
            let has_records = |segment: &&Segment| segment.contents.end > segment.base;
            let found = segments.iter().filter(has_records).find(|segment| segment.contents.max_timestamp >= time);
            found.map(|segment| {
                let contents = &segment.contents;
                (Arc::clone(&segment.path), contents.index.span_at(time, contents.bytes))
            })
        };
        let Some((path, span)) = place else { return Ok(self.bounds().end) };
        // Where retention takes the segment away meanwhile, the next one is asked.
        let Some(file) = self.open_if_there(&path)? else { return self.offset_at(time) };
        let mut frames = Frames::read(&file, &path, span)?;
        while let Some(header) = frames.next_header()? {
            if header.kind != Kind::Records || header.max_timestamp < time {
                frames.skip_body(&header);
                continue;
            }
            let mut decoder = Decoder::new(frames.body(&header)?, header.base);
            while let Some(record) = decoder.next().map_err(|why| frames.corrupt(why))? {
                if record.timestamp >= time {
                    return Ok(record.offset);
                }
            }
        }
        Err(frames.corrupt("the record with the segment's largest timestamp is not there"))
    }

    /// The file and span that hold `offset`; `None` at the end.
    fn span_from(&self, offset: Offset) -> Result<Option<(Arc<Path>, Span)>, LogError> {
        let segments = self.segments.read().expect("nothing panics while it holds the segments");
        let (Some(first), Some(active)) = (segments.first(), segments.last()) else { return Ok(None) };
        let (earliest, end) = (first.base, active.contents.end);
        if offset < earliest || offset > end {
            return Err(LogError::OffsetOutOfRange { at: self.at.clone(), offset, earliest, end });
        }
        if offset == end {
            return Ok(None);
        }
        let after = segments.partition_point(|segment| segment.base <= offset);
        let Segment { path, contents, .. } = &segments[after - 1];
        Ok(Some((Arc::clone(path), contents.index.span_of(offset, contents.bytes))))
    }

    /// Opens a segment; `None` where retention took it away meanwhile.
    fn open_if_there(&self, path: &Path) -> Result<Option<File>, LogError> {
        match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound && !self.has_segment(path) => Ok(None),
            Err(error) => Err(LogError::io("open", path)(error)),
        }
    }

    fn has_segment(&self, path: &Path) -> bool {
        let segments = self.segments.read().expect("nothing panics while it holds the segments");
        segments.iter().any(|segment| *segment.path == *path)
    }
}

fn read_span(file: &File, path: &Path, span: Span, found: &mut Found) -> Result<(), LogError> {
    let begun_at = found.next;
    let mut frames = Frames::read(file, path, span)?;
    while let Some(header) = frames.next_header()? {
        if header.kind != Kind::Records || header.end() <= found.next {
            frames.skip_body(&header);
            continue;
        }
        read_frame(&mut frames, &header, found)?;
        if found.full {
            return Ok(());
        }
    }
    if found.next == begun_at { Err(frames.corrupt("the record that belongs here is not there")) } else { Ok(()) }
}

fn read_frame(frames: &mut Frames<'_>, header: &Header, found: &mut Found) -> Result<(), LogError> {
    if header.base > found.next {
        return Err(frames.corrupt("the offsets of the frames have a gap"));
    }
    let mut decoder = Decoder::new(frames.body(header)?, header.base);
    decoder.skip_to(found.next).map_err(|why| frames.corrupt(why))?;
    while !found.full {
        match decoder.next().map_err(|why| frames.corrupt(why))? {
            Some(record) => found.take(record),
            None => return Ok(()),
        }
    }
    Ok(())
}
