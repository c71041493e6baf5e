//! Takes an append apart: one frame a partition, encoded in the task that appends.

use pinflow_event::{NewRecord, Offset, Partition as PartitionNumber, Timestamp};

use super::encoding::encoded_bytes;
use super::frame::{Frame, FrameBuilder, HEADER_BYTES, Kind};
use super::stuffing;
use super::topic::Topic;
use crate::{Appended, LogError};

/// What an append would store, checked and measured, before memory is set aside for it.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Bytes of the frame's body, by partition number; 0 for those that get nothing.
    body_bytes: Vec<usize>,
    /// Bytes of all frames, unless they have to be stuffed.
    pub(crate) bytes: usize,
}

impl Plan {
    /// Refuses the whole append where one record cannot be stored.
    pub(crate) fn new(
        topic: &Topic,
        records: &[(PartitionNumber, NewRecord)],
        max_record_bytes: usize,
    ) -> Result<Self, LogError> {
        let mut body_bytes = vec![0; topic.partitions.len()];
        let too_large = |size, limit| LogError::RecordTooLarge { topic: topic.description.name.clone(), size, limit };
        for (number, record) in records {
            topic.open_partition(*number)?;
            let size = record.size();
            if size > max_record_bytes {
                return Err(too_large(size, max_record_bytes));
            }
            body_bytes[number.0 as usize] += encoded_bytes(record);
        }
        // A frame says its length in 32 bits.
        if let Some(bytes) = body_bytes.iter().find(|bytes| u32::try_from(stuffing::most_bytes(**bytes)).is_err()) {
            return Err(too_large(*bytes, u32::MAX as usize));
        }
        let frames = body_bytes.iter().filter(|bytes| **bytes > 0);
        let bytes = frames.map(|bytes| HEADER_BYTES + bytes).sum();
        Ok(Self { body_bytes, bytes })
    }
}

/// The frames of an append and the records' places in them.
#[derive(Debug)]
pub(crate) struct Batches {
    /// By ascending partition number.
    pub(crate) frames: Vec<(PartitionNumber, Frame)>,
    /// In the order given; the offsets count from the beginning of the frame.
    pub(crate) places: Vec<Appended>,
}

impl Batches {
    /// Bytes of all frames.
    pub(crate) fn bytes(&self) -> usize {
        self.frames.iter().map(|(_, frame)| frame.bytes().len()).sum()
    }
}

impl Batches {
    /// Encodes the records that were planned; `now` is the time of those without one.
    pub(crate) fn encode(plan: &Plan, records: &[(PartitionNumber, NewRecord)], now: Timestamp) -> Self {
        let builder = |bytes: &usize| (*bytes > 0).then(|| FrameBuilder::with_capacity(*bytes));
        let mut builders: Vec<Option<FrameBuilder>> = plan.body_bytes.iter().map(builder).collect();
        let mut places = Vec::with_capacity(records.len());
        for (partition, record) in records {
            let frame = builders[partition.0 as usize].as_mut().expect("every record was planned");
            let timestamp = record.timestamp.unwrap_or(now);
            let offset = Offset(u64::from(frame.records()));
            places.push(Appended { partition: *partition, offset, timestamp });
            frame.push(record, timestamp);
        }
        let numbers = (0..).map(PartitionNumber);
        let frames = numbers.zip(builders).filter_map(|(number, frame)| Some((number, frame?.finish(Kind::Records))));
        Self { frames: frames.collect(), places }
    }
}

/// Turns places in frames into places in the partition, whose frames begin at `bases`, in ascending order of partition.
pub(crate) fn resolve(places: &mut [Appended], bases: &[(PartitionNumber, Offset)]) {
    let [(only, base), ..] = bases else { return };
    if bases.len() == 1 {
        debug_assert!(places.iter().all(|place| place.partition == *only), "one frame is of one partition");
        places.iter_mut().for_each(|place| place.offset = base.plus(place.offset.0));
        return;
    }
    for place in places {
        let found = bases.binary_search_by_key(&place.partition, |(number, _)| *number);
        let (_, base) = bases[found.expect("every record is in a frame")];
        place.offset = base.plus(place.offset.0);
    }
}
