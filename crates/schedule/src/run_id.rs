//! Names of runs: they sort by the time of their start, and are safe as file names and in URLs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::DateTime;
use pinflow_event::Timestamp;
use serde::{Deserialize, Serialize};

/// The id of a run, as in `20261122T235546123Z-9f86d081`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// An id that a client gave. It need not name a run.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes ids. Two that are made in the same millisecond differ in the random part.
#[derive(Debug)]
pub(crate) struct RunIds(AtomicU64);

impl RunIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self, now: Timestamp) -> RunId {
        let time = DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default();
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        RunId(format!("{}-{:08x}", time.format("%Y%m%dT%H%M%S%3fZ"), mixed(state) >> 32))
    }
}

/// The output function of SplitMix64.
fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ_within_a_millisecond() {
        let ids = RunIds::new(7);
        let at = |millis| ids.next(Timestamp::from_millis(millis));
        let (first, second, later) = (at(1_795_391_746_123), at(1_795_391_746_123), at(1_795_391_746_124));
        assert_ne!(first, second);
        assert!(first < later && second < later);
        assert_eq!(first.as_str().split('-').next(), Some("20261122T235546123Z"));
    }

    #[test]
    fn the_seed_decides_the_random_part() {
        let id = |seed| RunIds::new(seed).next(Timestamp::default());
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }
}
