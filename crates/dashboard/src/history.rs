//! The last minutes, so that a page that opens just now has lines to draw.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use crate::snapshot::{Snapshot, StreamFlow};

/// How far back the history goes, in milliseconds.
pub const HISTORY_MS: i64 = 5 * 60 * 1_000;

/// The snapshots of the last minutes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Arc<Snapshot>>);

/// The history by column: much smaller than its snapshots.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Series {
    at_ms: Vec<i64>,
    streams: BTreeMap<String, StreamSeries>,
}

/// A stream's lines; each is as long as [`Series::at_ms`].
#[derive(Debug, Default, PartialEq, Serialize)]
struct StreamSeries {
    input_rows_per_second: Vec<Option<f64>>,
    processed_rows_per_second: Vec<Option<f64>>,
    last_batch_ms: Vec<Option<u64>>,
    average_batch_ms: Vec<Option<f64>>,
    freshness_p50_ms: Vec<Option<u64>>,
    freshness_p99_ms: Vec<Option<u64>>,
    distinct_keys: Vec<Option<u64>>,
}

impl History {
    pub(crate) fn push(&mut self, snapshot: Arc<Snapshot>) {
        if self.0.back().is_some_and(|last| last.at_ms >= snapshot.at_ms) {
            // The clock was set back: a line must not run backwards.
            self.0.clear();
        }
        while self.0.front().is_some_and(|oldest| snapshot.at_ms - oldest.at_ms > HISTORY_MS) {
            self.0.pop_front();
        }
        self.0.push_back(snapshot);
    }

    pub(crate) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.0.back().cloned()
    }

    pub(crate) fn series(&self) -> Series {
        let at_ms = self.0.iter().map(|snapshot| snapshot.at_ms).collect();
        let streams = self.latest().map(|latest| {
            let names = latest.streams.iter().map(|flow| flow.stream.clone());
            names.map(|name| (name.clone(), self.stream(&name))).collect()
        });
        Series { at_ms, streams: streams.unwrap_or_default() }
    }

    fn stream(&self, name: &str) -> StreamSeries {
        let mut series = StreamSeries::default();
        for snapshot in &self.0 {
            let flow = snapshot.streams.iter().find(|flow| flow.stream == name);
            series.push(flow);
        }
        series
    }
}

impl StreamSeries {
    fn push(&mut self, flow: Option<&StreamFlow>) {
        self.input_rows_per_second.push(flow.and_then(|f| f.input_rows_per_second));
        self.processed_rows_per_second.push(flow.and_then(|f| f.processed_rows_per_second));
        self.last_batch_ms.push(flow.and_then(|f| f.last_batch_ms));
        self.average_batch_ms.push(flow.and_then(|f| f.average_batch_ms));
        self.freshness_p50_ms.push(flow.and_then(|f| f.freshness_p50_ms));
        self.freshness_p99_ms.push(flow.and_then(|f| f.freshness_p99_ms));
        self.distinct_keys.push(flow.and_then(|f| f.distinct_keys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Sampler;
    use crate::view::{Counters, StreamProgress};

    fn snapshot(at_ms: i64, streams: &[&str]) -> Arc<Snapshot> {
        let streams = streams.iter().map(|name| StreamProgress {
            stream: (*name).to_owned(),
            distinct_keys: Some(1),
            ..StreamProgress::default()
        });
        Arc::new(Sampler::default().sample(at_ms, Counters { streams: streams.collect(), ..Counters::default() }))
    }

    #[test]
    fn it_holds_five_minutes() {
        let mut history = History::default();
        for second in 0..1_000 {
            history.push(snapshot(second * 1_000, &["a"]));
        }
        let series = history.series();
        assert_eq!(series.at_ms.len(), 301);
        assert_eq!((series.at_ms[0], series.at_ms[300]), (699_000, 999_000));
    }

    #[test]
    fn a_stream_that_came_later_has_gaps_before() {
        let mut history = History::default();
        history.push(snapshot(1_000, &["a"]));
        history.push(snapshot(2_000, &["a", "b"]));
        assert_eq!(history.series().streams["a"].distinct_keys, [Some(1), Some(1)]);
        assert_eq!(history.series().streams["b"].distinct_keys, [None, Some(1)]);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let mut history = History::default();
        history.push(snapshot(5_000, &["a"]));
        history.push(snapshot(3_000, &["a"]));
        assert_eq!(history.series().at_ms, [3_000]);
    }

    #[test]
    fn an_empty_history_is_an_empty_series() {
        assert_eq!(History::default().series(), Series::default());
    }
}
