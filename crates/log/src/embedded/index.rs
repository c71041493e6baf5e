//! The sparse index of a segment: where to begin to read for an offset or a time.
//!
//! It is kept in memory while a segment grows, and in the segment's seal afterwards, so that opening a log does not read
//! what was sealed. In the seal an entry is: base offset (8), position (8), largest timestamp before (8), little-endian.

use pinflow_event::{Offset, Timestamp};

use super::frame::{Header, NO_TIME};

/// Bytes of a segment from one entry to the next, at least. A read takes this much at once.
const INTERVAL_BYTES: u64 = 64 << 10;
const ENTRY_BYTES: usize = 24;

/// A frame that can be found without reading what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    base: Offset,
    position: u64,
    /// The largest timestamp in the segment before this frame.
    max_before: Timestamp,
}

/// Bytes of a segment file, from the beginning of a frame to the end of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// The entries of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Index(Vec<Entry>);

impl Index {
    /// Notes the frame that begins at `position`; frames come in their order.
    pub(crate) fn note(&mut self, header: &Header, position: u64, max_before: Timestamp) {
        if self.0.last().is_none_or(|last| position - last.position >= INTERVAL_BYTES) {
            self.0.push(Entry { base: header.base, position, max_before });
        }
    }

    /// The span that holds `offset`, in a segment of `length` bytes.
    pub(crate) fn span_of(&self, offset: Offset, length: u64) -> Span {
        self.span(self.0.partition_point(|entry| entry.base <= offset), length)
    }

    /// The span that holds the first record at or after `time`, where the segment has one.
    pub(crate) fn span_at(&self, time: Timestamp, length: u64) -> Span {
        self.span(self.0.partition_point(|entry| entry.max_before < time), length)
    }

    /// From the entry before the one numbered `after` to that one. The first entry is the segment's beginning.
    fn span(&self, after: usize, length: u64) -> Span {
        let after = after.max(1);
        let position = |number: usize| self.0.get(number).map(|entry| entry.position);
        Span { start: position(after - 1).unwrap_or(0), end: position(after).unwrap_or(length) }
    }

    /// The entries as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() * ENTRY_BYTES);
        for entry in &self.0 {
            out.extend_from_slice(&entry.base.0.to_le_bytes());
            out.extend_from_slice(&entry.position.to_le_bytes());
            out.extend_from_slice(&entry.max_before.as_millis().to_le_bytes());
        }
        out
    }

    /// The entries that [`Index::encode`] wrote; `None` for other bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (entries, odd) = words.as_chunks::<{ ENTRY_BYTES / 8 }>();
        let entry = |[base, position, time]: &[[u8; 8]; 3]| Entry {
            base: Offset(u64::from_le_bytes(*base)),
            position: u64::from_le_bytes(*position),
            max_before: Timestamp::from_millis(i64::from_le_bytes(*time)),
        };
        (rest.is_empty() && odd.is_empty()).then(|| Self(entries.iter().map(entry).collect()))
    }
}

/// What is known of the records of a segment without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The offset after the last record.
    pub(crate) end: Offset,
    /// The bytes of all frames but the seal.
    pub(crate) bytes: u64,
    pub(crate) max_timestamp: Timestamp,
    pub(crate) index: Index,
}

impl Contents {
    /// A segment without records that begins at `base`.
    pub(crate) fn empty(base: Offset) -> Self {
        Self { end: base, bytes: 0, max_timestamp: NO_TIME, index: Index::default() }
    }

    /// Adds the frame that comes next.
    pub(crate) fn add(&mut self, header: &Header) {
        self.index.note(header, self.bytes, self.max_timestamp);
        self.bytes += header.frame_bytes();
        self.end = header.end();
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Kind;
    use super::*;

    /// Frames of ten records and 40,048 bytes each, ten milliseconds apart.
    fn contents() -> Contents {
        let mut contents = Contents::empty(Offset(100));
        for n in 0..10 {
            contents.add(&Header {
                body_bytes: 40_000,
                body_crc: 0,
                base: contents.end,
                durable: contents.end,
                max_timestamp: Timestamp::from_millis(n * 10),
                records: 10,
                kind: Kind::Records,
                stuffed: false,
            });
        }
        contents
    }

    #[test]
    fn spans_cover_the_segment_without_gaps() {
        let Contents { end, bytes, index, .. } = contents();
        let mut next = 0;
        for offset in 100..end.0 {
            let span = index.span_of(Offset(offset), bytes);
            assert!(span.start <= next && span.end > next, "offset {offset} in {span:?}");
            if offset % 10 == 9 {
                next += 40_048;
            }
        }
        assert_eq!(next, bytes);
        assert_eq!(index.0.len(), 5, "one for about 64 KiB");
    }

    #[test]
    fn finds_the_span_of_a_time() {
        let Contents { bytes, index, .. } = contents();
        assert_eq!(index.span_at(NO_TIME, bytes), Span { start: 0, end: 80_096 });
        assert_eq!(index.span_at(Timestamp::from_millis(-9), bytes).start, 0);
        assert_eq!(index.span_at(Timestamp::from_millis(10), bytes).start, 0);
        assert_eq!(index.span_at(Timestamp::from_millis(11), bytes).start, 80_096);
        assert_eq!(index.span_at(Timestamp::from_millis(90), bytes), Span { start: 320_384, end: bytes });
    }

    #[test]
    fn reads_back_from_its_bytes() {
        let index = contents().index;
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes), Some(index));
        assert_eq!(Index::decode(&bytes[1..]), None);
        assert_eq!(Index::decode(&bytes[8..]), None);
    }
}
