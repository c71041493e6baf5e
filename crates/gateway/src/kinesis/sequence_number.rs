//! Sequence numbers in the layout that AWS uses: decimal numbers of 56 digits that grow with the offset within a shard.
//!
//! From the highest bit, in hex digits: `2`, 9 of the second that the shard was made, 1 of the shard's number, 16 of the index,
//! 2 zero, 9 of the second of the record, 8 of the shard's number, `2`. The index is the offset plus 1: the shard's own
//! starting number has index 0 and stands before every record, its ending number has the largest index.

use std::fmt;

use num_bigint::BigUint;
use pinflow_event::{Offset, Partition, Timestamp};

/// Bits below the index.
const TAIL_BITS: u32 = 80;
/// Seconds have 36 bits.
const SECONDS: u64 = (1 << 36) - 1;
/// The version of the layout, at both ends.
const VERSION: u128 = 2;
/// The index of a closed shard's end, and the largest that Kinesis takes.
const LAST_INDEX: u64 = i64::MAX.cast_unsigned();
/// The first second that Kinesis takes for no time of a shard.
const NO_TIME: u64 = 16_025_175_000;

/// Where a record stands in a shard, or where the shard starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SequenceNumber {
    shard_created: u64,
    shard: Partition,
    index: u64,
    time: u64,
}

impl SequenceNumber {
    /// The number of a record with that offset and time, in a shard that was made at `created`.
    pub(super) fn of_record(created: Timestamp, shard: Partition, offset: Offset, time: Timestamp) -> Self {
        Self { shard_created: seconds(created), shard, index: offset.0.saturating_add(1), time: seconds(time) }
    }

    /// The number that a shard starts with, smaller than that of every record in it.
    pub(super) fn of_shard(created: Timestamp, shard: Partition) -> Self {
        Self { shard_created: seconds(created), shard, index: 0, time: seconds(created) }
    }

    /// The number to read on after, so that the record at `next` is the first.
    pub(super) fn before(created: Timestamp, shard: Partition, next: Offset, time: Timestamp) -> Self {
        Self { shard_created: seconds(created), shard, index: next.0, time: seconds(time) }
    }

    /// The number that a shard ends with once it is closed, larger than that of every record in it.
    pub(super) fn of_end(created: Timestamp, shard: Partition, closed: Timestamp) -> Self {
        Self { shard_created: seconds(created), shard, index: LAST_INDEX, time: seconds(closed) }
    }

    /// The offset of the record; the first one for the number of the shard's start.
    pub(super) fn offset(&self) -> Offset {
        Offset(self.index.saturating_sub(1))
    }

    /// The first offset after this number.
    pub(super) fn next_offset(&self) -> Offset {
        Offset(self.index)
    }

    /// Whether it is of that shard.
    pub(super) fn belongs_to(&self, created: Timestamp, shard: Partition) -> bool {
        self.shard_created == seconds(created) && self.shard == shard
    }

    /// The second that it is of.
    pub(super) fn time(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.time).expect("seconds have 36 bits") * 1_000)
    }

    /// Reads a number back; `None` for one that this layout does not give.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number: BigUint = text.parse().ok()?;
        let head = u128::try_from(&number >> TAIL_BITS).ok()?;
        let tail = u128::try_from(&number & ((BigUint::from(1_u8) << TAIL_BITS) - 1_u8)).ok()?;
        let parsed = Self {
            shard_created: u64::try_from(head >> 68).ok()? & SECONDS,
            shard: Partition(u32::try_from((tail >> 4) & u128::from(u32::MAX)).ok()?),
            index: u64::try_from(head & u128::from(u64::MAX)).ok()?,
            time: u64::try_from(tail >> 36).ok()? & SECONDS,
        };
        // Whatever else the text says is not of this layout.
        (parsed.to_string() == text).then_some(parsed)
    }
}

/// What Kinesis reads from a number of any stream, also of the two older layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ForeignNumber {
    /// The shard that it encodes.
    pub(super) shard: Partition,
}

impl ForeignNumber {
    /// Reads a number that [`SequenceNumber::parse`] may not know; `None` for one that no stream gives.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut number: BigUint = text.parse().ok()?;
        let oldest = BigUint::from(1_u8) << 124_u8;
        if number < oldest {
            number += oldest;
        }
        let digits = number.to_str_radix(16);
        let field = |start: usize, end: usize| u64::from_str_radix(digits.get(start..end)?, 16).ok();
        let version = if number.bits() <= 129 {
            Some(0)
        } else {
            field(46, 47).filter(|_| digits.len() == 47 && digits.starts_with('2'))
        };
        let shard = match version {
            Some(0) => field(28, 32).filter(|_| digits.len() == 32)?,
            Some(1) => field(38, 46)?,
            Some(2) if field(11, 27)? <= LAST_INDEX => field(38, 46)?,
            _ => return None,
        };
        let shard = u32::try_from(shard).ok().filter(|shard| *shard <= i32::MAX.cast_unsigned())?;
        let timely = version == Some(1) || field(1, 10)? < NO_TIME;
        timely.then_some(Self { shard: Partition(shard) })
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shard = u128::from(self.shard.0);
        let head = VERSION << 104 | u128::from(self.shard_created) << 68 | (shard & 0xf) << 64 | u128::from(self.index);
        let tail = u128::from(self.time) << 36 | shard << 4 | VERSION;
        let [low, middle, high] =
            decimal([head >> 48, (head & 0xffff_ffff_ffff) << 16 | tail >> 64, tail & u128::from(u64::MAX)]);
        write!(f, "{high}{middle:019}{low:019}")
    }
}

/// A number of three words of 64 bits, the highest first, as three numbers of 19 decimal digits, the lowest first. It has 57
/// digits at most.
fn decimal(mut words: [u128; 3]) -> [u128; 3] {
    const NINETEEN_DIGITS: u128 = 10_u128.pow(19);
    [(); 3].map(|()| {
        let mut rest = 0;
        for word in &mut words {
            let dividend = rest << 64 | *word;
            (*word, rest) = (dividend / NINETEEN_DIGITS, dividend % NINETEEN_DIGITS);
        }
        rest
    })
}

/// Whole seconds, within what the layout holds.
fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis() / 1_000).unwrap_or(0).min(SECONDS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CREATED: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn number(shard: u32, offset: u64, millis: i64) -> SequenceNumber {
        SequenceNumber::of_record(CREATED, Partition(shard), Offset(offset), Timestamp::from_millis(millis))
    }

    #[test]
    fn numbers_have_the_layout_of_aws() {
        // Written by hand: 2, seconds, shard nibble, index, 00, seconds, shard, 2.
        let hex = b"2065 53f10 0 3 0000000000000008 00 065 53f101 00000013 2";
        let hex: Vec<u8> = hex.iter().copied().filter(|b| *b != b' ').collect();
        let expected = BigUint::parse_bytes(&hex, 16).unwrap().to_string();
        assert_eq!(number(0x13, 7, 1_700_000_001_000).to_string(), expected);
    }

    #[test]
    fn numbers_can_be_read_back() {
        for shard in [0, 1, 15, 16, 999, u32::MAX] {
            for offset in [0, 1, 255, 1 << 40, u64::MAX - 1] {
                for millis in [i64::MIN, -1, 0, 1_700_000_000_999, i64::MAX] {
                    let number = number(shard, offset, millis);
                    let text = number.to_string();
                    assert_eq!(text.len(), 56);
                    assert_eq!(SequenceNumber::parse(&text), Some(number));
                    assert_eq!(number.offset(), Offset(offset));
                    assert!(number.belongs_to(CREATED, Partition(shard)));
                    assert!(!number.belongs_to(Timestamp::from_millis(0), Partition(shard)));
                }
            }
        }
    }

    #[test]
    fn numbers_grow_with_the_offset_whatever_the_time() {
        let start = SequenceNumber::of_shard(CREATED, Partition(3)).to_string();
        let numbers: Vec<String> = [(0, 9_000), (1, 1), (2, i64::MAX), (3, -5)]
            .map(|(offset, millis)| number(3, offset, millis).to_string())
            .into();
        assert!(start < numbers[0]);
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    #[test]
    fn a_closed_shard_ends_after_its_records() {
        let end = SequenceNumber::of_end(CREATED, Partition(3), Timestamp::from_millis(1_700_000_009_000));
        assert!(number(3, 1 << 62, i64::MAX).to_string() < end.to_string());
        assert_eq!(SequenceNumber::parse(&end.to_string()), Some(end));
        assert_eq!(end.time(), Timestamp::from_millis(1_700_000_009_000));
    }

    #[test]
    fn numbers_of_other_streams_tell_their_shard() {
        let hex = |digits: &str| BigUint::parse_bytes(digits.as_bytes(), 16).unwrap().to_string();
        for (text, shard) in [
            ("0".to_owned(), Some(0)),
            ("5".to_owned(), Some(5)),
            ("425352958651173072921826052383309826".to_owned(), Some(2)),
            (number(7, 9, 1).to_string(), Some(7)),
            ("49590338271490256608559692538361571095921575989136588898".to_owned(), Some(6)),
            (hex("13bb2cc3d80000000000000000000000"), None),
            (hex("20000000000800000000000000000000000000000000002"), None),
            (hex("20000000000000000000000000000000000000800000002"), None),
            (hex("20000000000000000000000000000000000000000000003"), None),
            ("9".repeat(60), None),
        ] {
            assert_eq!(ForeignNumber::parse(&text).map(|number| number.shard.0), shard, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        let good = number(0, 0, 0).to_string();
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "x",
            "49590338271490256608559692538361571095921575989136588898",
            &good[1..],
            &format!("0{good}"),
            &"9".repeat(200),
        ] {
            let parsed = SequenceNumber::parse(text);
            assert!(parsed.is_none_or(|n| n.to_string() == text), "{text}: {parsed:?}");
        }
        assert_eq!(SequenceNumber::parse("0"), None);
        assert_eq!(SequenceNumber::parse(&"9".repeat(56)), None);
    }
}
