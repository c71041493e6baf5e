//! Turns the node's counters, sample by sample, into [`Snapshot`]s.

use std::collections::BTreeMap;

use crate::meter::{Meter, ratio};
use crate::snapshot::{GatewayFlow, QueryFlow, Snapshot, StreamFlow, WayFlow};
use crate::view::{BalanceRow, Counters, GatewayCounters, Lane, StreamProgress};

/// Rates are averages over this long: long enough that they can be read, short enough to follow.
const RATE_WINDOW_MS: u64 = 5_000;

/// Averages of micro-batches are taken over this long.
const BATCH_WINDOW_MS: u64 = 60_000;

/// Remembers the last samples of all counters.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    gateway: Meter<4>,
    ways: BTreeMap<(Lane, String), Meter<5>>,
    streams: BTreeMap<String, Meter<4>>,
    queries: Meter<1>,
}

impl Sampler {
    /// The node at `at_ms`, from what its counters show then.
    pub(crate) fn sample(&mut self, at_ms: i64, counters: Counters) -> Snapshot {
        Snapshot {
            at_ms,
            health: counters.health,
            gateway: self.gateway(at_ms, counters.gateway),
            ways: counters.balance.into_iter().map(|row| self.way(at_ms, row)).collect(),
            streams: counters.streams.into_iter().map(|progress| self.stream(at_ms, progress)).collect(),
            queries: self.queries(at_ms, counters.queries),
        }
    }

    fn gateway(&mut self, at_ms: i64, total: GatewayCounters) -> GatewayFlow {
        let errors = total.errors.values().sum();
        self.gateway.observe(at_ms, [total.requests, total.records, total.bytes, errors]);
        let growth = self.gateway.growth(RATE_WINDOW_MS);
        GatewayFlow {
            total,
            requests_per_second: growth.per_second(0),
            records_per_second: growth.per_second(1),
            bytes_per_second: growth.per_second(2),
            errors_per_second: growth.per_second(3),
        }
    }

    fn way(&mut self, at_ms: i64, total: BalanceRow) -> WayFlow {
        let meter = self.ways.entry((total.lane, total.stream.clone())).or_default();
        let archived = total.archived.unwrap_or(0);
        meter.observe(at_ms, [total.accepted, archived, total.processed(), total.committed, total.dead]);
        let growth = meter.growth(RATE_WINDOW_MS);
        WayFlow {
            accepted_per_second: growth.per_second(0),
            archived_per_second: total.archived.and_then(|_| growth.per_second(1)),
            processed_per_second: growth.per_second(2),
            committed_per_second: growth.per_second(3),
            dead_per_second: growth.per_second(4),
            total,
        }
    }

    fn stream(&mut self, at_ms: i64, progress: StreamProgress) -> StreamFlow {
        let meter = self.streams.entry(progress.stream.clone()).or_default();
        meter.observe(at_ms, [progress.input_rows, progress.processed_rows, progress.batches, progress.batch_ms]);
        let [_, rows, batches, busy_ms] = meter.growth(RATE_WINDOW_MS).by;
        let [_, minute_rows, minute_batches, minute_ms] = meter.growth(BATCH_WINDOW_MS).by;
        // A batch that took less than a millisecond still counts: its rate is at least `rows` a millisecond.
        let processed = if batches > 0 { ratio(rows.saturating_mul(1_000), busy_ms.max(1)) } else { None };
        StreamFlow {
            input_rows_per_second: meter.growth(RATE_WINDOW_MS).per_second(0),
            processed_rows_per_second: processed,
            batches: progress.batches,
            last_batch_ms: progress.last_batch_ms,
            average_batch_ms: ratio(minute_ms, minute_batches),
            rows_per_batch: ratio(minute_rows, minute_batches),
            freshness_p50_ms: progress.freshness_p50_ms,
            freshness_p99_ms: progress.freshness_p99_ms,
            distinct_keys: progress.distinct_keys,
            lag_records: progress.lag_records,
            lag_seconds: progress.lag_ms.and_then(|ms| ratio(ms, 1_000)),
            last_commit_ms: progress.last_commit_ms,
            stream: progress.stream,
        }
    }

    fn queries(&mut self, at_ms: i64, answered: u64) -> QueryFlow {
        self.queries.observe(at_ms, [answered]);
        QueryFlow { answered, answered_per_second: self.queries.growth(RATE_WINDOW_MS).per_second(0) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn progress(input: u64, processed: u64, batches: u64, batch_ms: u64) -> Counters {
        Counters {
            streams: vec![StreamProgress {
                stream: "click".to_owned(),
                input_rows: input,
                processed_rows: processed,
                batches,
                batch_ms,
                last_batch_ms: Some(7),
                freshness_p50_ms: Some(30),
                freshness_p99_ms: Some(90),
                lag_ms: Some(2_340),
                ..StreamProgress::default()
            }],
            ..Counters::default()
        }
    }

    #[test]
    fn the_first_sample_has_counters_and_no_rates() {
        let snapshot = Sampler::default().sample(0, progress(500, 400, 4, 100));
        let flow = &snapshot.streams[0];
        assert_eq!((flow.batches, flow.last_batch_ms, flow.lag_seconds), (4, Some(7), Some(2.3)));
        assert_eq!((flow.freshness_p50_ms, flow.freshness_p99_ms), (Some(30), Some(90)));
        assert_eq!(flow.input_rows_per_second, None);
        assert_eq!(flow.processed_rows_per_second, None);
        assert_eq!(flow.average_batch_ms, None);
    }

    #[test]
    fn the_processing_rate_is_over_the_time_spent_processing() {
        let mut sampler = Sampler::default();
        sampler.sample(0, progress(0, 0, 0, 0));
        let flow = sampler.sample(1_000, progress(300, 300, 2, 100)).streams.remove(0);
        assert_eq!(flow.input_rows_per_second, Some(300.0));
        assert_eq!(flow.processed_rows_per_second, Some(3_000.0));
        assert_eq!((flow.average_batch_ms, flow.rows_per_batch), (Some(50.0), Some(150.0)));
    }

    #[test]
    fn an_idle_stream_has_no_processing_rate_but_keeps_its_averages_for_a_minute() {
        let mut sampler = Sampler::default();
        sampler.sample(0, progress(0, 0, 0, 0));
        sampler.sample(1_000, progress(300, 300, 2, 100));
        let mut last = None;
        for second in 2..=8 {
            last = sampler.sample(second * 1_000, progress(300, 300, 2, 100)).streams.pop();
        }
        let flow = last.unwrap();
        assert_eq!((flow.input_rows_per_second, flow.processed_rows_per_second), (Some(0.0), None));
        assert_eq!(flow.average_batch_ms, Some(50.0));
    }

    #[test]
    fn a_batch_quicker_than_a_millisecond_has_a_finite_rate() {
        let mut sampler = Sampler::default();
        sampler.sample(0, progress(0, 0, 0, 0));
        let flow = sampler.sample(1_000, progress(3, 3, 1, 0)).streams.remove(0);
        assert_eq!(flow.processed_rows_per_second, Some(3_000.0));
    }

    #[test]
    fn lanes_of_one_stream_do_not_mix() {
        let row = |lane, accepted| BalanceRow {
            lane,
            stream: "click".to_owned(),
            accepted,
            archived: (lane == Lane::Batch).then_some(accepted),
            committed: 0,
            duplicates: 0,
            filtered: 0,
            dead: 0,
            dropped: 0,
            in_flight: accepted,
            balances: true,
        };
        let rows = |batch, stream| Counters {
            balance: vec![row(Lane::Batch, batch), row(Lane::Stream, stream)],
            ..Counters::default()
        };
        let mut sampler = Sampler::default();
        sampler.sample(0, rows(0, 0));
        let ways = sampler.sample(1_000, rows(10, 20)).ways;
        assert_eq!((ways[0].accepted_per_second, ways[0].archived_per_second), (Some(10.0), Some(10.0)));
        assert_eq!((ways[1].accepted_per_second, ways[1].archived_per_second), (Some(20.0), None));
    }
}
