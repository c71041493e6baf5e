//! What a lane tells about itself: counters that only grow, and its last batch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pinflow_clean::UnknownFields;
use pinflow_event::{Offset, Partition, Timestamp};

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
    /// Fields that the schema lacks, since the start of the process.
    pub unknown: UnknownFields,
    /// Keys that are remembered.
    pub distinct_keys: u64,
    /// Batches since the start of the process.
    pub batches: u64,
    /// Records taken in since the start of the process.
    pub records: u64,
    /// Time spent on batches since the start of the process.
    pub busy: Duration,
    /// The last batch.
    pub last_batch: Option<BatchStatus>,
    /// Why the lane stands still, where it does.
    pub trouble: Option<String>,
}

/// How a batch went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchStatus {
    /// Records taken in.
    pub records: u64,
    /// Rows committed.
    pub rows: u64,
    /// From the first record in hand to the commit.
    pub duration: Duration,
    /// When it was committed.
    pub committed: Timestamp,
    /// How long the oldest record waited from its arrival to the commit, where the arrival is known.
    pub freshness: Option<Duration>,
}

/// A status that a lane writes and others read.
#[derive(Clone, Debug, Default)]
pub struct SharedStatus(Arc<Mutex<LaneStatus>>);

impl SharedStatus {
    /// The status now.
    pub fn get(&self) -> LaneStatus {
        self.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut LaneStatus)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, LaneStatus> {
        self.0.lock().expect("nobody panics while changing a status")
    }
}
