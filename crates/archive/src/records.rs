//! An object's bytes divided into records, without a copy.

use bytes::{Buf, Bytes};
use pinflow_event::Offset;

use crate::format::{LENGTH_BYTES, NULL, kind_of};
use crate::{ArchiveObject, ObjectKind};

/// The records of one object, in order: each offset with the record's bytes, `None` for a tombstone. The bytes are slices of the
/// one buffer that was read.
///
/// A `.json` object: a record a line, `\n` or `\r\n`; the last line needs none. An empty line is a record without bytes, because
/// offsets are counted in lines. Nothing is ever unreadable.
///
/// A `.raw` object may be cut off; then the iteration ends before the broken frame and [`ArchivedRecords::damage`] tells where.
#[derive(Clone, Debug)]
pub struct ArchivedRecords {
    kind: ObjectKind,
    size: u64,
    rest: Bytes,
    next: Offset,
}

impl ArchivedRecords {
    /// The records in `data`, which is the content of `object`.
    pub fn new(object: &ArchiveObject, data: Bytes) -> Self {
        Self { kind: object.kind, size: data.len() as u64, rest: data, next: object.start }
    }

    /// The offset of the record that comes next; after the last one, where the object ends.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// Once the iteration has ended: the byte from which on the object could not be divided into records.
    pub fn damage(&self) -> Option<u64> {
        (!self.rest.is_empty()).then(|| self.size - self.rest.len() as u64)
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

    fn next_line(&mut self) -> Option<Option<Bytes>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut line = match memchr::memchr(b'\n', &self.rest) {
            Some(end) => {
                let line = self.rest.split_to(end);
                self.rest.advance(1);
                line
            }
            None => self.rest.split_to(self.rest.len()),
        };
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(Some(line))
    }

    fn next_frame(&mut self) -> Option<Option<Bytes>> {
        let length = u32::from_be_bytes(*self.rest.first_chunk::<LENGTH_BYTES>()?);
        if length == NULL {
            self.rest.advance(LENGTH_BYTES);
            return Some(None);
        }
        let end = LENGTH_BYTES + length as usize;
        if self.rest.len() < end {
            return None;
        }
        let mut frame = self.rest.split_to(end);
        frame.advance(LENGTH_BYTES);
        Some(Some(frame))
    }
}

/// A number may be the beginning of a longer one; every other JSON text shows its end.
fn is_certainly_whole(line: &[u8]) -> bool {
    !line.last().is_some_and(u8::is_ascii_digit) && kind_of(Some(line)) == ObjectKind::Json
}

impl Iterator for ArchivedRecords {
    type Item = (Offset, Option<Bytes>);

    fn next(&mut self) -> Option<Self::Item> {
        let value = match self.kind {
            ObjectKind::Json => self.next_line(),
            ObjectKind::Raw => self.next_frame(),
        }?;
        let offset = self.next;
        self.next = offset.plus(1);
        Some((offset, value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::format;

    fn records(kind: ObjectKind, data: &[u8]) -> ArchivedRecords {
        let object = ArchiveObject { path: Default::default(), start: Offset(5), kind, size: data.len() as u64 };
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
            size: data.len() as u64,
        };
        let (_, first) = ArchivedRecords::new(&object, data.clone()).next().unwrap();
        assert_eq!(first.unwrap().as_ptr(), data.as_ptr());
    }
}
