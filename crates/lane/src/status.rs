//! What a lane tells about itself: counters that only grow, and its last batches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pinflow_clean::UnknownFields;
use pinflow_event::{Offset, Partition, Timestamp};
use pinflow_metrics::{Histogram, HistogramSnapshot};

use crate::freshness::{Arrivals, Freshness};

/// Batches of a lane that are remembered.
const REMEMBERED: usize = 1_000;

/// How a lane of a stream stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneStatus {
    /// The committed position, by partition: the offset after the last record that is accounted for.
    pub position: BTreeMap<Partition, Offset>,
    /// Rows in the table.
    pub rows: u64,
    /// Records dropped because their key was there already, ever.
    pub duplicates: u64,
    /// Records left out by the SELECT's `WHERE`, ever.
    pub filtered: u64,
    /// Dead letters that are there.
    pub dead: u64,
    /// Dead letters that somebody dropped, ever.
    pub dropped: u64,
    /// Values of the wrong type that were taken as null, since the start of the process.
    pub nulled: u64,
    /// Fields that the schema lacks, since the start of the process.
    pub unknown: UnknownFields,
    /// Keys that the lane knows: those of its table, or of its window.
    pub distinct_keys: u64,
    /// Batches since the start of the process.
    pub batches: u64,
    /// Records taken in since the start of the process.
    pub records: u64,
    /// Time spent on batches since the start of the process.
    pub busy: Duration,
    /// The last batch.
    pub last_batch: Option<BatchStatus>,
    /// When the oldest record of the batch that is being worked on arrived; the batch is tried again where it failed.
    pub in_hand: Option<Timestamp>,
    /// Records that the log held behind that batch when it was read.
    pub behind: u64,
    /// Why the lane stands still, where it does.
    pub trouble: Option<String>,
}

/// How a batch went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchStatus {
    /// Its number since the start of the process, from 1 on.
    pub number: u64,
    /// Records taken in.
    pub records: u64,
    /// Rows committed.
    pub rows: u64,
    /// Records dropped because their key was there already.
    pub duplicates: u64,
    /// Records left out by the SELECT's `WHERE`.
    pub filtered: u64,
    /// Dead letters.
    pub dead: u64,
    /// Values of the wrong type that were taken as null.
    pub nulled: u64,
    /// Keys that the lane knows after it.
    pub distinct_keys: u64,
    /// From the first record in hand to the commit.
    pub duration: Duration,
    /// When it was committed.
    pub committed: Timestamp,
    /// Records that the log held behind the batch when it was read.
    pub behind: u64,
    /// How long its records waited from their arrival to the commit, where the arrival is known.
    pub freshness: Option<Freshness>,
}

impl BatchStatus {
    /// When the first record was in hand.
    pub fn began(&self) -> Timestamp {
        self.committed.minus(self.duration)
    }
}

/// A status that a lane writes and others read.
#[derive(Clone, Debug, Default)]
pub struct SharedStatus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    now: Mutex<LaneStatus>,
    batches: Mutex<VecDeque<BatchStatus>>,
    durations: Histogram,
    waits: Histogram,
}

impl Default for Shared {
    fn default() -> Self {
        let (now, batches) = (Mutex::default(), Mutex::default());
        Self { now, batches, durations: Histogram::of_durations(), waits: Histogram::of_durations() }
    }
}

impl SharedStatus {
    /// The status now.
    pub fn get(&self) -> LaneStatus {
        self.lock().clone()
    }

    /// The last batches, a thousand at most, the oldest first.
    pub fn batches(&self) -> Vec<BatchStatus> {
        self.lock_batches().iter().copied().collect()
    }

    /// How long batches took since the start of the process.
    pub fn durations(&self) -> HistogramSnapshot {
        self.0.durations.snapshot()
    }

    /// How long records waited from their arrival to the commit since the start of the process, each record counted.
    pub fn freshness(&self) -> HistogramSnapshot {
        self.0.waits.snapshot()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut LaneStatus)) {
        change(&mut self.lock());
    }

    /// Counts a batch that was committed: what it adds to the lane's numbers, how far the lane is now, how long its records
    /// waited. Its own number, freshness and what was behind it are found out here.
    pub(crate) fn committed(
        &self,
        batch: BatchStatus,
        ranges: &BTreeMap<Partition, (Offset, Offset)>,
        arrivals: &Arrivals,
        unknown: &UnknownFields,
    ) {
        for (wait, records) in arrivals.waits(batch.committed) {
            self.0.waits.record_durations(wait, records);
        }
        self.0.durations.record_duration(batch.duration);
        let mut batch = BatchStatus { freshness: arrivals.freshness(batch.committed), ..batch };
        self.update(|status| {
            status.position.extend(ranges.iter().map(|(partition, (_, next))| (*partition, *next)));
            status.batches += 1;
            status.records += batch.records;
            status.rows += batch.rows;
            status.duplicates += batch.duplicates;
            status.filtered += batch.filtered;
            status.dead += batch.dead;
            status.nulled += batch.nulled;
            status.distinct_keys = batch.distinct_keys;
            status.busy += batch.duration;
            batch.number = status.batches;
            batch.behind = status.behind;
            status.in_hand = None;
            status.last_batch = Some(batch);
            status.unknown.absorb(unknown);
        });
        let mut batches = self.lock_batches();
        if batches.len() == REMEMBERED {
            batches.pop_front();
        }
        batches.push_back(batch);
    }

    fn lock(&self) -> MutexGuard<'_, LaneStatus> {
        self.0.now.lock().expect("nobody panics while changing a status")
    }

    fn lock_batches(&self) -> MutexGuard<'_, VecDeque<BatchStatus>> {
        self.0.batches.lock().expect("nobody panics while changing the list of batches")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_long_ago_are_forgotten_but_counted() {
        let status = SharedStatus::default();
        let batch = BatchStatus {
            number: 0,
            records: 3,
            rows: 1,
            duplicates: 1,
            filtered: 0,
            dead: 1,
            nulled: 2,
            distinct_keys: 1,
            duration: Duration::from_millis(5),
            committed: Timestamp::from_millis(1_000),
            behind: 0,
            freshness: None,
        };
        for _ in 0..REMEMBERED + 5 {
            status.committed(batch, &BTreeMap::new(), &Arrivals::default(), &UnknownFields::default());
        }
        let batches = status.batches();
        assert_eq!((batches.len(), batches[0].number, status.get().records), (1_000, 6, 3_015));
        assert_eq!((status.durations().count(), status.freshness().count()), (1_005, 0));
        assert_eq!(status.get().nulled, 2_010);
        assert_eq!(batch.began(), Timestamp::from_millis(995));
    }
}
