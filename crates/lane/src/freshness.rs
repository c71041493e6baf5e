//! How long records wait from their arrival in the log until they can be read in the table.

use std::time::Duration;

use pinflow_event::Timestamp;

use crate::chunk::Chunk;

/// When the records of a commit arrived: those that follow one another and arrived together are one entry.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Vec<(Timestamp, u64)>);

/// How long the records of a batch waited: the percentiles are waits of records, by the nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Half of the records did not wait longer.
    pub p50: Duration,
    /// 99 of 100 records did not wait longer.
    pub p99: Duration,
    /// The oldest record's wait.
    pub longest: Duration,
}

impl Arrivals {
    /// Adds the records of a chunk, where it knows when they arrived.
    pub fn add(&mut self, chunk: &Chunk) {
        for arrived in chunk.arrivals() {
            match self.0.last_mut() {
                Some((last, records)) if *last == arrived => *records += 1,
                _ => self.0.push((arrived, 1)),
            }
        }
    }

    /// Each wait until `now`, with the number of records that waited so long.
    pub fn waits(&self, now: Timestamp) -> impl Iterator<Item = (Duration, u64)> {
        self.0.iter().map(move |(arrived, records)| (now.since(*arrived), *records))
    }

    /// What the waits until `now` come to; `None` where no arrival is known.
    pub fn freshness(&self, now: Timestamp) -> Option<Freshness> {
        let mut waits: Vec<(Duration, u64)> = self.waits(now).collect();
        waits.sort_unstable();
        let longest = waits.last()?.0;
        let records: u64 = waits.iter().map(|(_, records)| records).sum();
        let percentile = |percent: u64| {
            let rank = (records * percent).div_ceil(100);
            let mut met = 0;
            let at_rank = waits.iter().find(|(_, records)| {
                met += records;
                met >= rank
            });
            at_rank.map_or(longest, |(wait, _)| *wait)
        };
        Some(Freshness { p50: percentile(50), p99: percentile(99), longest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freshness(waits: &[(u64, u64)]) -> Option<Freshness> {
        let now = Timestamp::from_millis(1_000_000);
        let arrivals = waits.iter().map(|(millis, records)| (now.minus(Duration::from_millis(*millis)), *records));
        Arrivals(arrivals.collect()).freshness(now)
    }

    #[test]
    fn percentiles_count_records() {
        let millis = |p50, p99, longest| {
            let [p50, p99, longest] = [p50, p99, longest].map(Duration::from_millis);
            Some(Freshness { p50, p99, longest })
        };
        assert_eq!(freshness(&[]), None);
        assert_eq!(freshness(&[(7, 1)]), millis(7, 7, 7));
        assert_eq!(freshness(&[(900, 1), (10, 99)]), millis(10, 10, 900));
        assert_eq!(freshness(&[(900, 2), (10, 98)]), millis(10, 900, 900));
        assert_eq!(freshness(&[(30, 1), (20, 1), (10, 2)]), millis(10, 30, 30));
    }
}
