//! What is asked of a replay, and what it says: plain data, in the shape of its JSON.

use std::collections::BTreeMap;

use pinflow_event::{Offset, Timestamp};
use pinflow_lane::Point;
use pinflow_pipeline::Lane;
use pinflow_query::{Difference, QueryError, Reconciliation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::NodeError;

/// Which lane is to be built anew, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRequest {
    /// The lane.
    pub lane: Lane,
    /// Where to begin; `None` is the first record.
    pub from: Option<Point>,
    /// Up to where the difference is shown; `None` is where the live table is. The rest is cleaned before the swap.
    pub to: Option<Point>,
}

/// Reads a point: an offset as in `1000`, or a time as in `2026-05-01`, `2026-05-01T10:00:00Z`. A time without a zone is UTC.
///
/// # Errors
/// [`NodeError::Point`].
pub fn point(text: &str) -> Result<Point, NodeError> {
    if let Ok(offset) = text.parse() {
        return Ok(Point::Offset(Offset(offset)));
    }
    let zoned = || chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis());
    let plain = |form| chrono::NaiveDateTime::parse_from_str(text, form).ok();
    let plain = || plain("%Y-%m-%d %H:%M:%S").or_else(|| plain("%Y-%m-%dT%H:%M:%S"));
    let day = || text.parse::<chrono::NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let millis = zoned().or_else(|| plain().or_else(day).map(|time| time.and_utc().timestamp_millis()));
    millis
        .map(|millis| Point::Time(Timestamp::from_millis(millis)))
        .ok_or_else(|| NodeError::Point { text: text.to_owned() })
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    /// Records are being cleaned, then compared.
    Building,
    /// The table is built and compared, and can be swapped in.
    Ready,
    /// It is taking the live table's place.
    Swapping,
    /// It has taken the live table's place.
    Swapped,
    /// It failed, or was given up; the live table is as it was.
    Failed,
}

/// A replay of one lane of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayView {
    /// The stream.
    pub stream: String,
    /// The lane.
    pub lane: String,
    /// How it stands.
    pub state: ReplayState,
    /// The version of the live table that it goes on from; `None` where it began with the first record.
    pub from_version: Option<u64>,
    /// The offset that cleaning begins with, by partition.
    pub from_offsets: BTreeMap<u32, u64>,
    /// The version of the live table that it is compared with.
    pub to_version: u64,
    /// The offsets that version goes to, by partition.
    pub to_offsets: BTreeMap<u32, u64>,
    /// Records cleaned so far.
    pub records: u64,
    /// Records up to the version that it is compared with.
    pub records_in_all: u64,
    /// How its rows differ from those of that version, once it is ready.
    pub difference: Option<ReplayDifference>,
    /// Why it failed.
    pub error: Option<String>,
}

impl ReplayView {
    pub(crate) fn new(stream: &str, lane: Lane) -> Self {
        Self {
            stream: stream.to_owned(),
            lane: lane.to_string(),
            state: ReplayState::Building,
            from_version: None,
            from_offsets: BTreeMap::new(),
            to_version: 0,
            to_offsets: BTreeMap::new(),
            records: 0,
            records_in_all: 0,
            difference: None,
            error: None,
        }
    }
}

/// How the rows that a replay built differ from those of the live table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayDifference {
    /// Rows of the live table.
    pub rows_before: Option<u64>,
    /// Rows of the new one.
    pub rows_after: u64,
    /// Rows that are alike in every column.
    pub same: Option<u64>,
    /// Rows that the new table alone has.
    pub added: Option<u64>,
    /// Rows that the live table alone has.
    pub missing: Option<u64>,
    /// Rows whose key both have, with other values.
    pub changed: Option<u64>,
    /// A few rows of each kind.
    pub samples: Vec<ReplaySample>,
    /// Why the tables could not be compared.
    pub note: Option<String>,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplaySample {
    /// `added`, `missing` or `changed`.
    pub what: String,
    /// The row in the live table.
    pub before: Option<Map<String, Value>>,
    /// The row in the new one.
    pub after: Option<Map<String, Value>>,
    /// The columns that differ, of a changed row.
    pub columns: Vec<String>,
}

impl From<Reconciliation> for ReplayDifference {
    /// The live table was compared as the batch lane, the new one as the stream lane.
    fn from(compared: Reconciliation) -> Self {
        let samples = compared.samples.into_iter().map(|sample| ReplaySample {
            what: match sample.difference {
                Difference::MissingInBatch => "added",
                Difference::MissingInStream => "missing",
                Difference::Different => "changed",
            }
            .to_owned(),
            before: sample.batch,
            after: sample.stream,
            columns: sample.columns,
        });
        Self {
            rows_before: Some(compared.batch_rows),
            rows_after: compared.stream_rows,
            same: Some(compared.matching),
            added: Some(compared.missing_in_batch),
            missing: Some(compared.missing_in_stream),
            changed: Some(compared.different),
            samples: samples.collect(),
            note: None,
        }
    }
}

impl ReplayDifference {
    /// That the tables could not be compared.
    pub(crate) fn unknown(why: &QueryError, rows_after: u64) -> Self {
        let note = match why {
            QueryError::Incomparable { .. } => "the new table has other columns than the live one".to_owned(),
            error => format!("the rows were not compared: {error}"),
        };
        Self {
            rows_before: None,
            rows_after,
            same: None,
            added: None,
            missing: None,
            changed: None,
            samples: Vec::new(),
            note: Some(note),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_point_is_an_offset_or_a_time() {
        assert_eq!(point("1000").unwrap(), Point::Offset(Offset(1_000)));
        let noon = Point::Time(Timestamp::from_millis(1_767_268_800_000));
        for text in ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00", "2026-01-01 12:00:00", "2026-01-01T12:00:00"]
        {
            assert_eq!(point(text).unwrap(), noon, "{text}");
        }
        assert_eq!(point("2026-01-01").unwrap(), Point::Time(Timestamp::from_millis(1_767_225_600_000)));
        for wrong in ["", "-1", "yesterday", "2026-13-01", "12:00"] {
            assert!(matches!(point(wrong), Err(NodeError::Point { .. })), "{wrong}");
        }
    }
}
