//! A histogram of fixed buckets, each an atomic counter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds for durations in nanoseconds, from 50 µs to 30 s: a fast request lies among the first, a client's patience ends
/// with the last.
const DURATIONS: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Upper bounds for how many things were done at once.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096];

/// How often values of which size came. A snapshot that is taken while others record may miss the last of them.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One a bound, and one for what is beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// For durations, to be filled by [`Histogram::record_duration`].
    pub fn of_durations() -> Self {
        Self::new(DURATIONS)
    }

    /// For how many things were done at once.
    pub fn of_sizes() -> Self {
        Self::new(SIZES)
    }

    fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a duration.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a duration as often as it came.
    pub fn record_durations(&self, duration: Duration, times: u64) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|bound| *bound < nanos);
        self.counts[bucket].fetch_add(times, Ordering::Relaxed);
        self.sum.fetch_add(nanos.saturating_mul(times), Ordering::Relaxed);
    }

    /// What has been counted up to now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// What a [`Histogram`] had counted at a moment. The default has no buckets: nothing is counted at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// The upper bounds of the buckets, included; durations are nanoseconds.
    pub bounds: &'static [u64],
    /// How many values lie in each bucket alone, and last how many are beyond all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

impl HistogramSnapshot {
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::of_sizes();
        for value in [0, 1, 2, 3, 4, 4_096, 4_097, u64::from(u32::MAX)] {
            histogram.record(value);
        }
        let seen = histogram.snapshot();
        assert_eq!(seen.counts, [2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((seen.count(), seen.sum), (8, 10 + 4_096 + 4_097 + u64::from(u32::MAX)));
    }

    #[test]
    fn durations_are_nanoseconds() {
        let histogram = Histogram::of_durations();
        histogram.record_duration(Duration::from_micros(50));
        histogram.record_duration(Duration::from_secs(31));
        let seen = histogram.snapshot();
        assert_eq!((seen.counts[0], *seen.counts.last().unwrap(), seen.sum), (1, 1, 31_000_050_000));
        assert!(seen.bounds.is_sorted());
    }

    #[test]
    fn what_came_often_counts_as_often() {
        let histogram = Histogram::of_durations();
        histogram.record_durations(Duration::from_micros(60), 3);
        histogram.record_duration(Duration::from_micros(60));
        let seen = histogram.snapshot();
        assert_eq!((seen.counts[1], seen.count(), seen.sum), (4, 4, 240_000));
    }

    #[test]
    fn many_threads_lose_nothing() {
        let histogram = Histogram::of_sizes();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|value| histogram.record(value % 5)));
            }
        });
        assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum), (40_000, 80_000));
    }
}
