//! Invented events: waves of them, with pauses, duplicates and a few that are broken.

use std::collections::BTreeMap;

use pinflow_dashboard::view::{BalanceRow, Counters, GatewayCounters, Lane, StreamProgress};

pub const STREAMS: [&str; 3] = ["order", "visit", "review"];

/// Where every counter stands.
pub struct Flow {
    started_ms: i64,
    last_ms: i64,
    arrived: [u64; 3],
    batches: [Batches; 3],
}

#[derive(Clone, Copy, Default)]
struct Batches {
    processed: u64,
    count: u64,
    busy_ms: u64,
    last_ms: u64,
    last_commit_ms: Option<i64>,
}

impl Flow {
    pub fn new(started_ms: i64) -> Self {
        Self { started_ms, last_ms: started_ms, arrived: [0; 3], batches: [Batches::default(); 3] }
    }

    /// Lets events arrive and micro-batches work up to `now`.
    pub fn advance(&mut self, now: i64) {
        let elapsed = u64::try_from(now - self.last_ms).unwrap_or(0);
        self.last_ms = now;
        let second = (now - self.started_ms) / 1_000;
        for index in 0..STREAMS.len() {
            let lane = index as u64 + 1;
            let pause = second % 70 > 60;
            let wave = 220 + (second * 37 % 90).unsigned_abs() - 40 * lane;
            self.arrived[index] += if pause { 0 } else { wave * elapsed / 1_000 };
            let waiting = self.arrived[index] - self.batches[index].processed;
            let batch = &mut self.batches[index];
            if waiting > 0 && second.unsigned_abs() % lane != 1 {
                batch.last_ms = 40 + 20 * lane + waiting / 12 + (second * 13 % 37).unsigned_abs();
                batch.processed += waiting - waiting / 50;
                batch.count += 1;
                batch.busy_ms += batch.last_ms;
                batch.last_commit_ms = Some(now);
            }
        }
    }

    pub fn counters(&self) -> Counters {
        let records = self.arrived.iter().sum::<u64>() * 2;
        let errors = if records > 1_000 { BTreeMap::from([("40801".to_owned(), 12)]) } else { BTreeMap::new() };
        let gateway = GatewayCounters { requests: records, records, bytes: records * 582, errors };
        let rows = |lane| (0..STREAMS.len()).map(move |index| self.row(lane, index));
        let balance = rows(Lane::Batch).chain(rows(Lane::Stream)).collect();
        let streams = (0..STREAMS.len()).map(|index| self.progress(index)).collect();
        Counters { gateway, balance, streams, queries: records / 40_000 * 9, ..Counters::default() }
    }

    fn row(&self, lane: Lane, index: usize) -> BalanceRow {
        let accepted = self.arrived[index];
        let processed = match lane {
            Lane::Batch => accepted / 5_000 * 5_000,
            Lane::Stream => self.batches[index].processed,
        };
        let dead = if index == 1 { processed / 900 } else { 0 };
        let duplicates = (processed - dead) / 5;
        BalanceRow {
            lane,
            stream: STREAMS[index].to_owned(),
            accepted,
            archived: (lane == Lane::Batch).then_some(accepted - accepted % 100),
            committed: processed - dead - duplicates,
            duplicates,
            filtered: 0,
            dead,
            dropped: 0,
            in_flight: accepted - processed,
            balances: !(lane == Lane::Batch && index == 2 && accepted > 30_000),
        }
    }

    fn progress(&self, index: usize) -> StreamProgress {
        let batch = &self.batches[index];
        let lag_records = self.arrived[index] - batch.processed;
        StreamProgress {
            stream: STREAMS[index].to_owned(),
            input_rows: self.arrived[index],
            processed_rows: batch.processed,
            batches: batch.count,
            batch_ms: batch.busy_ms,
            last_batch_ms: batch.last_commit_ms.map(|_| batch.last_ms),
            freshness_p50_ms: batch.last_commit_ms.map(|_| batch.last_ms + 220),
            freshness_p99_ms: batch.last_commit_ms.map(|_| batch.last_ms + 480),
            distinct_keys: (index != 2).then_some(batch.processed * 4 / 5),
            lag_records,
            lag_ms: (lag_records > 0).then_some(300 + lag_records),
            last_commit_ms: batch.last_commit_ms,
        }
    }
}
