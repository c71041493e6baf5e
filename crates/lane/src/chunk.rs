//! Records on their way through a lane.

use bytes::Bytes;
use pinflow_event::{Offset, Partition, Position, Timestamp};

/// A record as both lanes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// When it arrived, where the lane knows it: the archive keeps no times.
    pub arrived: Option<Timestamp>,
    /// The event; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// A range of a partition: every record from `from` to before `next`.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The partition.
    pub partition: Partition,
    /// The first offset.
    pub from: Offset,
    /// The offset after the last.
    pub next: Offset,
    /// The records, in order.
    pub records: Vec<LaneRecord>,
}

/// The record with number `index` over several chunks, and where it stands.
pub(crate) fn nth(chunks: &[Chunk], index: usize) -> (Position, &LaneRecord) {
    let mut left = index;
    for chunk in chunks {
        if let Some(record) = chunk.records.get(left) {
            return (Position { partition: chunk.partition, offset: record.offset }, record);
        }
        left -= chunk.records.len();
    }
    unreachable!("an index from cleaning these chunks is below their number of records")
}
