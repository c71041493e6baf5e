//! `system.batches`: the last batches of every lane, a thousand of each at most, since the node started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use pinflow_lane::{BatchStatus, Freshness, SharedStatus};
use pinflow_pipeline::Lane;

use crate::system_tables;

/// A batch, with the one before it where that is still known.
struct Row<'a> {
    lane: Lane,
    stream: &'a str,
    batch: BatchStatus,
    before: Option<BatchStatus>,
}

/// The table. Rates are records a second: those of a batch over the time since the one before began (what arrived meanwhile), and over
/// its own duration (what the lane can do).
pub(crate) fn table(statuses: &BTreeMap<(Lane, String), SharedStatus>) -> RecordBatch {
    let mut rows = Vec::new();
    for ((lane, stream), status) in statuses {
        let mut before = None;
        for batch in status.batches() {
            rows.push(Row { lane: *lane, stream, batch, before });
            before = Some(batch);
        }
    }
    let count = |of: fn(&BatchStatus) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| of(&row.batch).cast_signed())))
    };
    let number =
        |of: fn(&Row<'_>) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float64Array>()) };
    let committed = rows.iter().map(|row| row.batch.committed.as_micros());
    system_tables::table(vec![
        ("lane", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.lane.as_str())))),
        ("stream", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.stream)))),
        ("batch", count(|batch| batch.number)),
        ("committed", Arc::new(TimestampMicrosecondArray::from_iter_values(committed).with_timezone("UTC"))),
        ("records", count(|batch| batch.records)),
        ("rows", count(|batch| batch.rows)),
        ("duplicates", count(|batch| batch.duplicates)),
        ("filtered", count(|batch| batch.filtered)),
        ("dead", count(|batch| batch.dead)),
        ("nulled", count(|batch| batch.nulled)),
        ("distinct_keys", count(|batch| batch.distinct_keys)),
        ("duration_ms", number(|row| Some(millis(row.batch.duration)))),
        ("input_rate", number(|row| rate(row.batch.records, row.batch.began().since(row.before?.began())))),
        ("processing_rate", number(|row| rate(row.batch.records, row.batch.duration))),
        ("lag_records", count(|batch| batch.behind)),
        ("lag_seconds", number(|row| freshness(row, |waits| waits.longest).map(|wait| wait.as_secs_f64()))),
        ("freshness_p50_ms", number(|row| freshness(row, |waits| waits.p50).map(millis))),
        ("freshness_p99_ms", number(|row| freshness(row, |waits| waits.p99).map(millis))),
    ])
}

fn freshness(row: &Row<'_>, of: fn(&Freshness) -> Duration) -> Option<Duration> {
    row.batch.freshness.as_ref().map(of)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Records a second; `None` where no time passed.
#[allow(clippy::cast_precision_loss)] // A rate is for the eye.
fn rate(records: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| records as f64 / time.as_secs_f64())
}
