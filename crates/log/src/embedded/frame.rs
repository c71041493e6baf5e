//! The frame: what one append gives one partition, stored all or none.
//!
//! A segment file is a row of frames and nothing else. Integers are little-endian.
//!
//! ```text
//!  byte  size
//!     0     4  magic `PFL1`; the digit is the version of this format
//!     4     4  CRC-32 of bytes 8 to 48
//!     8     4  length of the body in bytes
//!    12     4  CRC-32 of the body
//!    16     8  base offset: the offset of the first record
//!    24     8  durable offset: the partition's end that was known to be on disk when this frame was written
//!    32     8  largest timestamp of the records, in milliseconds since 1970
//!    40     4  number of records
//!    44     1  kind: 0 records, 1 mark, 2 seal
//!    45     1  1 where the body is stuffed (see `stuffing`), else 0
//!    46     1  mask: bytes 8 to 44 are on disk combined with it by exclusive or
//!    47     1  zero
//!    48        body: the records (see `encoding`), nothing (mark), or the index (seal, see `index`) and the seal's own
//!              length in four bytes, so that it is found from the end of the file
//! ```
//!
//! - The magic stands nowhere but at the beginning of frames, whatever clients send: bodies are stuffed where they would hold
//!   it, and the mask is the first that keeps it out of the header. Recovery relies on that.
//! - The header has a checksum of its own, so that the committer can fill in the offset without touching the body,
//!   whose checksum was made in the task that appends.
//! - The durable offset tells a torn tail from damage. A frame that cannot be read at offset n is a torn tail as long as
//!   no whole frame behind it says that n was durable; where one does, acknowledged records are lost.
//! - A mark is written when the log closes: it says that everything before it is durable.
//! - A seal ends a segment that is followed by another one.

use pinflow_event::{NewRecord, Offset, Timestamp};

use super::{encoding, stuffing};

/// The bytes of a header.
pub(crate) const HEADER_BYTES: usize = 48;

/// The first bytes of every frame.
pub(crate) const MAGIC: [u8; 4] = *b"PFL1";

const MASK_AT: usize = 46;

/// Before every time: the largest timestamp of no records.
pub(crate) const NO_TIME: Timestamp = Timestamp::from_millis(i64::MIN);

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Records = 0,
    Mark = 1,
    Seal = 2,
}

/// The header of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) body_bytes: u32,
    pub(crate) body_crc: u32,
    pub(crate) base: Offset,
    pub(crate) durable: Offset,
    pub(crate) max_timestamp: Timestamp,
    pub(crate) records: u32,
    pub(crate) kind: Kind,
    /// Whether the body is to be put back with [`stuffing::unstuff`].
    pub(crate) stuffed: bool,
}

impl Header {
    /// Reads a header, or says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, &'static str> {
        if bytes[..3] != MAGIC[..3] {
            return Err("no frame begins here");
        }
        if bytes[3] != MAGIC[3] {
            return Err("the frame has a version that this release does not know");
        }
        if u32_at(bytes, 4) != crc32fast::hash(&bytes[8..]) {
            return Err("the frame's header does not match its checksum");
        }
        let kind = match bytes[44] {
            0 => Kind::Records,
            1 => Kind::Mark,
            2 => Kind::Seal,
            _ => return Err("the frame is of a kind that this release does not know"),
        };
        let mut plain = *bytes;
        mask_fields(&mut plain, bytes[MASK_AT]);
        let bytes = &plain;
        Ok(Self {
            body_bytes: u32_at(bytes, 8),
            body_crc: u32_at(bytes, 12),
            base: Offset(u64_at(bytes, 16)),
            durable: Offset(u64_at(bytes, 24)),
            max_timestamp: Timestamp::from_millis(u64_at(bytes, 32).cast_signed()),
            records: u32_at(bytes, 40),
            kind,
            stuffed: bytes[45] == 1,
        })
    }

    /// The offset after the frame's last record.
    pub(crate) fn end(&self) -> Offset {
        self.base.plus(u64::from(self.records))
    }

    /// The bytes of header and body.
    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    /// Says what is wrong with the body, if anything is.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), &'static str> {
        if crc32fast::hash(body) == self.body_crc {
            Ok(())
        } else {
            Err("the frame's body does not match its checksum")
        }
    }

    fn write(&self, into: &mut [u8; HEADER_BYTES]) {
        for mask in 0..=u8::MAX {
            self.write_masked(into, mask);
            // A header has room for 37 magics at most, and each stands in the way of one mask.
            if !stuffing::holds_magic(&into[1..]) {
                return;
            }
        }
    }

    fn write_masked(&self, into: &mut [u8; HEADER_BYTES], mask: u8) {
        into[..4].copy_from_slice(&MAGIC);
        into[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        into[12..16].copy_from_slice(&self.body_crc.to_le_bytes());
        into[16..24].copy_from_slice(&self.base.0.to_le_bytes());
        into[24..32].copy_from_slice(&self.durable.0.to_le_bytes());
        into[32..40].copy_from_slice(&self.max_timestamp.as_millis().to_le_bytes());
        into[40..44].copy_from_slice(&self.records.to_le_bytes());
        into[44..48].copy_from_slice(&[self.kind as u8, u8::from(self.stuffed), mask, 0]);
        mask_fields(into, mask);
        let crc = crc32fast::hash(&into[8..HEADER_BYTES]);
        into[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

/// Combines the fields that clients have a hand in with the mask, or takes it off again.
fn mask_fields(header: &mut [u8; HEADER_BYTES], mask: u8) {
    if mask != 0 {
        header[8..44].iter_mut().for_each(|byte| *byte ^= mask);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A whole frame in memory. It has no offset before [`Frame::place`].
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    bytes: Vec<u8>,
}

impl Frame {
    /// A frame without records at offset `at`, all before which is durable.
    pub(crate) fn of(kind: Kind, at: Offset, max_timestamp: Timestamp, body: &[u8]) -> Self {
        let mut frame = FrameBuilder::with_capacity(body.len());
        frame.bytes.extend_from_slice(body);
        frame.max_timestamp = max_timestamp;
        frame.finish(kind).placed(at, at)
    }

    /// Gives the frame its offset.
    pub(crate) fn place(&mut self, base: Offset, durable: Offset) {
        self.header.base = base;
        self.header.durable = durable;
        self.header.write(self.bytes.first_chunk_mut().expect("a frame begins with its header"));
    }

    fn placed(mut self, base: Offset, durable: Offset) -> Self {
        self.place(base, durable);
        self
    }

    /// The bytes to be written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Collects the records of a frame, encoded.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    bytes: Vec<u8>,
    records: u32,
    max_timestamp: Timestamp,
}

impl FrameBuilder {
    /// Room for a body of so many bytes.
    pub(crate) fn with_capacity(body_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body_bytes);
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes, records: 0, max_timestamp: NO_TIME }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &NewRecord, timestamp: Timestamp) {
        encoding::encode(record, timestamp, &mut self.bytes);
        self.records += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// How many records it has.
    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    /// The frame, still without an offset.
    pub(crate) fn finish(mut self, kind: Kind) -> Frame {
        let stuffed = stuffing::stuff(&mut self.bytes, HEADER_BYTES);
        if kind == Kind::Seal {
            let frame_bytes = u32::try_from(self.bytes.len() + 4).expect("an index is far below 4 GiB");
            self.bytes.extend_from_slice(&frame_bytes.to_le_bytes());
        }
        let body = &self.bytes[HEADER_BYTES..];
        let header = Header {
            body_bytes: u32::try_from(body.len()).expect("the appender bounds a frame's body"),
            body_crc: crc32fast::hash(body),
            base: Offset::ZERO,
            durable: Offset::ZERO,
            max_timestamp: self.max_timestamp,
            records: self.records,
            kind,
            stuffed,
        };
        Frame { header, bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn frame() -> Frame {
        let mut builder = FrameBuilder::with_capacity(64);
        builder.push(&NewRecord::from_value("a"), Timestamp::from_millis(7));
        builder.push(&NewRecord::from_value("b"), Timestamp::from_millis(-5));
        builder.finish(Kind::Records).placed(Offset(40), Offset(39))
    }

    fn header_of(frame: &Frame) -> [u8; HEADER_BYTES] {
        frame.bytes()[..HEADER_BYTES].try_into().unwrap()
    }

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let frame = frame();
        let header = Header::parse(&header_of(&frame)).unwrap();
        assert_eq!(header, frame.header);
        assert_eq!((header.base, header.durable, header.end()), (Offset(40), Offset(39), Offset(42)));
        assert_eq!(header.max_timestamp, Timestamp::from_millis(7));
        assert_eq!(header.frame_bytes(), frame.bytes().len() as u64);
        header.check_body(&frame.bytes()[HEADER_BYTES..]).unwrap();
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let frame = frame();
        for bit in 0..frame.bytes().len() * 8 {
            let mut bytes = frame.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let header = Header::parse(bytes[..HEADER_BYTES].try_into().unwrap());
            let whole = header.and_then(|header| header.check_body(&bytes[HEADER_BYTES..]));
            assert!(whole.is_err(), "bit {bit} was flipped unnoticed");
        }
    }

    #[test]
    fn no_field_brings_the_magic_into_a_header() {
        let magic = u64::from(u32::from_le_bytes(MAGIC));
        let masked = |mask: u64| magic ^ (mask * 0x0101_0101);
        for shift in [0, 8, 16, 24, 32] {
            for fields in [[magic; 3], [magic, masked(1), masked(2)], [masked(3) << 32 | magic, masked(1), 7]] {
                let [time, base, durable] = fields.map(|field| field << shift);
                let mut frame = frame();
                frame.header.max_timestamp = Timestamp::from_millis(time.cast_signed());
                frame.header.records = u32::from_le_bytes(MAGIC);
                frame.place(Offset(base), Offset(durable));
                assert!(!stuffing::holds_magic(&header_of(&frame)[1..]), "{shift} {fields:?}");
                assert_eq!(Header::parse(&header_of(&frame)).unwrap(), frame.header);
            }
        }
    }

    #[test]
    fn a_value_with_the_magic_is_stuffed() {
        let mut builder = FrameBuilder::with_capacity(64);
        builder.push(&NewRecord::from_value(MAGIC.repeat(3)), Timestamp::from_millis(7));
        let frame = builder.finish(Kind::Records).placed(Offset(40), Offset(39));
        assert!(!stuffing::holds_magic(&frame.bytes()[1..]));
        let header = Header::parse(&header_of(&frame)).unwrap();
        assert!(header.stuffed);
        header.check_body(&frame.bytes()[HEADER_BYTES..]).unwrap();
    }

    #[test]
    fn the_layout_stays_as_documented() {
        let bytes = Frame::of(Kind::Mark, Offset(3), NO_TIME, &[]).bytes;
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(&bytes[..4], b"PFL1");
        assert_eq!(bytes[8..16], [0; 8]);
        assert_eq!(bytes[16..32], [3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[44..], [1, 0, 0, 0]);
    }
}
