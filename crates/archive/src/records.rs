//! An object's bytes divided into records, without a copy.

use std::ops::Range;

use bytes::{Buf, Bytes};
use pinflow_event::Offset;

use crate::format::{LENGTH_BYTES, NULL, kind_of};
use crate::{ArchiveObject, ObjectKind, Offsets};

/// The records of one object, in order: each offset with the record's bytes, `None` for a tombstone. The bytes are slices of the
/// one buffer that was read.
///
/// A `.json` object: a record a line, `\n` or `\r\n`; the last line needs none. An empty line between records is a record without
/// bytes, because offsets are counted in lines; blank lines at the end are what an editor left, and a byte order mark at the beginning
/// too: neither holds an offset. Nothing is ever unreadable.
///
/// A Parquet object is read as the frames of a `.raw` one.
///
/// A `.raw` object may be cut off; then the iteration ends before the broken frame and [`ArchivedRecords::damage`] tells where.
#[derive(Clone, Debug)]
pub struct ArchivedRecords {
    kind: ObjectKind,
    size: u64,
    rest: Bytes,
    next: Offset,
    /// Where a manifest tells the offsets: the rest of the run that `next` is in, and those behind it, the nearest last.
    listed: Option<Vec<Range<Offset>>>,
}

impl ArchivedRecords {
    /// The records in `data`, which is the content of `object`.
    pub fn new(object: &ArchiveObject, data: Bytes) -> Self {
        let listed = match &object.offsets {
            Offsets::Following => None,
            Offsets::Listed { runs, .. } => Some(runs.iter().rev().cloned().collect()),
        };
        let mark = mark_length(object.kind, &data);
        let mut rest = data.slice(mark..);
        if object.kind == ObjectKind::Json {
            rest.truncate(end_of_lines(&rest));
        }
        let size = (mark + rest.len()) as u64;
        Self { kind: object.kind, size, rest, next: object.start, listed }
    }

    /// The offset of the record that comes next; after the last one, where the object ends.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// Once the iteration has ended: the byte from which on the object could not be divided into records.
    pub fn damage(&self) -> Option<u64> {
        (!self.rest.is_empty()).then(|| self.position())
    }

    /// The byte that the next record begins with.
    pub(crate) fn position(&self) -> u64 {
        self.size - self.rest.len() as u64
    }

    /// Goes on to `offset` without handing out what comes before; not beyond the end.
    pub fn skip_to(&mut self, offset: Offset) {
        while self.next < offset && self.next().is_some() {}
    }

    /// Goes to the end. Whether the object stops where a record stops: behind a line break, a JSON text, or a whole frame. If not, it was
    /// cut off while it was written.
    pub(crate) fn ends_whole(&mut self) -> bool {
        let line_breaks_off = self.kind == ObjectKind::Json && self.rest.last() != Some(&b'\n');
        match self.by_ref().last() {
            Some((_, value)) if line_breaks_off => value.is_some_and(|line| is_certainly_whole(&line)),
            Some(_) => self.damage().is_none(),
            None => false,
        }
    }
}

/// A record found in bytes: where it stands (`None` is a tombstone), and where the next one begins.
pub(crate) struct Found {
    pub record: Option<Range<usize>>,
    pub end: usize,
}

/// The record that begins at `at` in `data`, if all of it is there. Bytes of it up to `searched` are known to hold no line break.
pub(crate) fn find(kind: ObjectKind, data: &[u8], at: usize, searched: usize) -> Option<Found> {
    match kind {
        ObjectKind::Json => {
            let break_at = searched + memchr::memchr(b'\n', data.get(searched..)?)?;
            Some(Found { record: Some(at..line_end(data, at, break_at)), end: break_at + 1 })
        }
        ObjectKind::Raw | ObjectKind::Parquet => {
            let length = u32::from_be_bytes(*data.get(at..)?.first_chunk::<LENGTH_BYTES>()?);
            let begin = at + LENGTH_BYTES;
            if length == NULL {
                return Some(Found { record: None, end: begin });
            }
            let end = begin + length as usize;
            (end <= data.len()).then_some(Found { record: Some(begin..end), end })
        }
    }
}

/// What is left when an object has ended: the last line needs no line break, a frame does need all of its bytes.
pub(crate) fn find_last(kind: ObjectKind, data: &[u8], at: usize) -> Option<Found> {
    (kind == ObjectKind::Json && at < data.len())
        .then(|| Found { record: Some(at..line_end(data, at, data.len())), end: data.len() })
}

impl Found {
    /// Whether it is a line with nothing in it. At the end of an object such a line is no record.
    pub fn is_blank(&self, kind: ObjectKind, data: &[u8]) -> bool {
        let is_empty = |record: &Range<usize>| data[record.clone()].trim_ascii().is_empty();
        kind == ObjectKind::Json && self.record.as_ref().is_some_and(is_empty)
    }

    /// The same, where the bytes before it have moved by so much to the front.
    pub fn moved(self, by: usize) -> Self {
        let record = self.record.map(|record| record.start - by..record.end - by);
        Self { record, end: self.end - by }
    }
}

/// The bytes of the byte order mark that `data` begins with: no JSON text has one, but some editors write it.
pub(crate) fn mark_length(kind: ObjectKind, data: &[u8]) -> usize {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if kind == ObjectKind::Json && data.starts_with(MARK) { MARK.len() } else { 0 }
}

/// Where the last line ends that is not blank.
fn end_of_lines(data: &[u8]) -> usize {
    let text = data.trim_ascii_end().len();
    if text == 0 {
        return 0;
    }
    memchr::memchr(b'\n', &data[text..]).map_or(data.len(), |at| text + at + 1)
}

/// Where the text of the line ends that begins at `begin` and is broken at `end`.
fn line_end(data: &[u8], begin: usize, end: usize) -> usize {
    if end > begin && data[end - 1] == b'\r' { end - 1 } else { end }
}

/// A number may be the beginning of a longer one; every other JSON text shows its end.
fn is_certainly_whole(line: &[u8]) -> bool {
    !line.last().is_some_and(u8::is_ascii_digit) && kind_of(Some(line)) == ObjectKind::Json
}

impl Iterator for ArchivedRecords {
    type Item = (Offset, Option<Bytes>);

    fn next(&mut self) -> Option<Self::Item> {
        let found = find(self.kind, &self.rest, 0, 0).or_else(|| find_last(self.kind, &self.rest, 0))?;
        let value = found.record.map(|range| self.rest.slice(range));
        self.rest.advance(found.end);
        let offset = self.next;
        self.next = offset.plus(1);
        if let Some(listed) = &mut self.listed {
            while listed.last().is_some_and(|run| run.end <= self.next) {
                listed.pop();
            }
            // Beyond the last run: more records than the manifest tells go on counting.
            self.next = listed.last().map_or(self.next, |run| run.start.max(self.next));
        }
        Some((offset, value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Packing, format};

    fn records(kind: ObjectKind, data: &[u8]) -> ArchivedRecords {
        let object = ArchiveObject {
            path: Default::default(),
            start: Offset(5),
            kind,
            packing: Packing::Plain,
            size: data.len() as u64,
            offsets: Offsets::Following,
        };
        ArchivedRecords::new(&object, Bytes::copy_from_slice(data))
    }

    fn lines(data: &[u8]) -> Vec<Vec<u8>> {
        records(ObjectKind::Json, data).map(|(_, value)| value.unwrap().to_vec()).collect()
    }

    #[test]
    fn lines_end_as_their_writer_liked() {
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"a"), [b"a"]);
        assert_eq!(lines(b"a\nb\n"), [b"a", b"b"]);
        assert_eq!(lines(b"a\r\nb"), [b"a", b"b"]);
        assert_eq!(lines(b"a\n\nb\r\n"), [b"a".as_slice(), b"", b"b"]);
    }

    #[test]
    fn what_an_editor_adds_holds_no_offset() {
        for data in ["a\nb\n\n", "a\nb\n \r\n\n", "a\nb\n  ", "\u{feff}a\r\nb\n\n"] {
            let mut records = records(ObjectKind::Json, data.as_bytes());
            assert!(records.clone().ends_whole(), "{data:?}");
            let read: Vec<_> = records.by_ref().map(|(_, value)| value.unwrap()).collect();
            assert_eq!(
                (read, records.next_offset(), records.damage()),
                (vec!["a".into(), "b".into()], Offset(7), None)
            );
        }
        assert_eq!(lines(b"\n \n"), Vec::<Vec<u8>>::new());
        assert_eq!(lines("\u{feff}\n".as_bytes()), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn offsets_count_from_the_name() {
        let mut records = records(ObjectKind::Json, b"a\nb\nc\n");
        records.skip_to(Offset(6));
        assert_eq!(records.next().unwrap(), (Offset(6), Some(Bytes::from_static(b"b"))));
        records.skip_to(Offset(100));
        assert_eq!((records.next(), records.next_offset(), records.damage()), (None, Offset(8), None));
    }

    #[test]
    fn frames_give_back_any_bytes() {
        let values: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"\n\xff"), Some(b"{")];
        let mut data = Vec::new();
        values.iter().for_each(|value| format::append(ObjectKind::Raw, *value, &mut data));
        let read: Vec<_> = records(ObjectKind::Raw, &data).map(|(_, value)| value.map(|v| v.to_vec())).collect();
        assert_eq!(read, values.map(|value| value.map(<[u8]>::to_vec)));
    }

    #[test]
    fn a_cut_frame_is_told_and_its_neighbours_are_kept() {
        for cut in [b"\0\0\0\x02ok\0\0".as_slice(), b"\0\0\0\x02ok\0\0\0\x09short"] {
            let mut records = records(ObjectKind::Raw, cut);
            assert_eq!(records.by_ref().count(), 1);
            assert_eq!(records.damage(), Some(6));
        }
    }

    #[test]
    fn a_line_of_100_megabytes_is_not_copied() {
        let mut data = vec![b'x'; 100_000_000];
        data.extend_from_slice(b"\nlast\n");
        let data = Bytes::from(data);
        let object = ArchiveObject {
            path: Default::default(),
            start: Offset(0),
            kind: ObjectKind::Json,
            packing: Packing::Plain,
            size: data.len() as u64,
            offsets: Offsets::Following,
        };
        let (_, first) = ArchivedRecords::new(&object, data.clone()).next().unwrap();
        assert_eq!(first.unwrap().as_ptr(), data.as_ptr());
    }
}
