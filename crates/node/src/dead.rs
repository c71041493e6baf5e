//! Dead letters as the API gives them.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use pinflow_dashboard::view::{DeadLetter, Lane};

/// The rows of `SELECT lane, topic, partition, offset, arrived, reason, raw`.
pub(crate) fn letters(rows: &RecordBatch) -> Vec<DeadLetter> {
    let (lanes, topics) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
    let (partitions, offsets) =
        (rows.column(2).as_primitive::<Int32Type>(), rows.column(3).as_primitive::<Int64Type>());
    let arrived = rows.column(4).as_primitive::<TimestampMicrosecondType>();
    let (reasons, raw) = (rows.column(5).as_string::<i32>(), rows.column(6).as_binary::<i32>());
    (0..rows.num_rows())
        .map(|row| DeadLetter {
            lane: if lanes.value(row) == "batch" { Lane::Batch } else { Lane::Stream },
            topic: topics.value(row).to_owned(),
            partition: partitions.value(row).unsigned_abs(),
            offset: offsets.value(row).unsigned_abs(),
            arrived_ms: arrived.is_valid(row).then(|| arrived.value(row) / 1_000),
            reason: reasons.value(row).to_owned(),
            raw: String::from_utf8_lossy(raw.value(row)).into_owned(),
        })
        .collect()
}
