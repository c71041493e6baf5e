//! Records on their way through a lane.

use bytes::Bytes;
use pinflow_archive::ArchivedBatch;
use pinflow_event::{Offset, Partition, Position, Timestamp};

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
    pub records: Records,
}

/// The records of a chunk, as the lane's source hands them out.
#[derive(Clone, Debug)]
pub enum Records {
    /// From the log.
    Logged(Vec<LoggedRecord>),
    /// From the archive, which keeps no times.
    Archived(ArchivedBatch),
}

/// A record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// When it arrived.
    pub arrived: Timestamp,
    /// The event; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// A record as both lanes see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordView<'a> {
    /// Where it stands.
    pub position: Position,
    /// When it arrived, where the lane knows it.
    pub arrived: Option<Timestamp>,
    /// The event; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl Chunk {
    /// What was read from the archive.
    pub(crate) fn archived(batch: ArchivedBatch) -> Self {
        let (partition, from, next) = (batch.partition, batch.first, batch.end());
        Self { partition, from, next, records: Records::Archived(batch) }
    }

    /// How many records these are.
    pub(crate) fn len(&self) -> usize {
        match &self.records {
            Records::Logged(records) => records.len(),
            Records::Archived(batch) => batch.len(),
        }
    }

    /// About how many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        match &self.records {
            Records::Logged(records) => records.iter().filter_map(|r| r.value.as_ref()).map(Bytes::len).sum(),
            Records::Archived(batch) => batch.bytes(),
        }
    }

    /// When the records arrived, where that is known.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Timestamp> {
        let logged = match &self.records {
            Records::Logged(records) => &records[..],
            Records::Archived(_) => &[],
        };
        logged.iter().map(|record| record.arrived)
    }

    /// Adds the events to a list.
    pub(crate) fn append_values<'a>(&'a self, values: &mut Vec<Option<&'a [u8]>>) {
        match &self.records {
            Records::Logged(records) => values.extend(records.iter().map(|record| record.value.as_deref())),
            Records::Archived(batch) => values.extend(batch.values()),
        }
    }

    fn view(&self, index: usize) -> RecordView<'_> {
        let (offset, arrived, value) = match &self.records {
            Records::Logged(records) => {
                let LoggedRecord { offset, arrived, value } = &records[index];
                (*offset, Some(*arrived), value.as_deref())
            }
            Records::Archived(batch) => (batch.first.plus(index as u64), None, batch.value(index)),
        };
        RecordView { position: Position { partition: self.partition, offset }, arrived, value }
    }
}

/// The record with number `index` over several chunks.
pub(crate) fn nth(chunks: &[Chunk], index: usize) -> RecordView<'_> {
    let mut left = index;
    for chunk in chunks {
        if left < chunk.len() {
            return chunk.view(left);
        }
        left -= chunk.len();
    }
    unreachable!("an index from cleaning these chunks is below their number of records")
}
