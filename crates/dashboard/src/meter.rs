//! Turns counters into rates over a sliding window.
//!
//! A counter only rises; one that fell was reset, as by a restarted stage, and what it shows now is what it grew by
//! since (Prometheus' rule). The first sample yields no rate, and a pause is averaged over its true length.

use std::collections::VecDeque;

/// Growth older than this is forgotten: the longest window that anything asks for, in milliseconds.
const KEPT_MS: u64 = 60_000;

/// Watches `N` counters that belong together.
#[derive(Debug)]
pub(crate) struct Meter<const N: usize> {
    last: Option<(i64, [u64; N])>,
    steps: VecDeque<Growth<N>>,
}

/// How far the counters grew within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth<const N: usize> {
    /// The time, in milliseconds; 0 where nothing is known yet.
    pub(crate) elapsed_ms: u64,
    /// The growth of each counter.
    pub(crate) by: [u64; N],
}

impl<const N: usize> Default for Meter<N> {
    fn default() -> Self {
        Self { last: None, steps: VecDeque::new() }
    }
}

impl<const N: usize> Meter<N> {
    /// Takes what the counters show at `at_ms`.
    pub(crate) fn observe(&mut self, at_ms: i64, counters: [u64; N]) {
        if let Some((last_ms, last)) = self.last.replace((at_ms, counters)) {
            match u64::try_from(at_ms.saturating_sub(last_ms)) {
                Ok(elapsed_ms) if elapsed_ms > 0 => self.push(elapsed_ms, last, counters),
                // The clock was set back: no time to divide by, so begin anew.
                _ => self.steps.clear(),
            }
        }
    }

    fn push(&mut self, elapsed_ms: u64, last: [u64; N], now: [u64; N]) {
        let mut by = now;
        for (grown, before) in by.iter_mut().zip(last) {
            *grown = grown.checked_sub(before).unwrap_or(*grown);
        }
        self.steps.push_back(Growth { elapsed_ms, by });
        let mut held: u64 = self.steps.iter().map(|step| step.elapsed_ms).sum();
        while let Some(oldest) = self.steps.front()
            && held - oldest.elapsed_ms >= KEPT_MS
        {
            held -= oldest.elapsed_ms;
            self.steps.pop_front();
        }
    }

    /// The growth over the last `window_ms`, or over the latest step where that is longer.
    pub(crate) fn growth(&self, window_ms: u64) -> Growth<N> {
        let mut total = Growth { elapsed_ms: 0, by: [0; N] };
        for step in self.steps.iter().rev() {
            if total.elapsed_ms > 0 && total.elapsed_ms + step.elapsed_ms > window_ms {
                break;
            }
            total.elapsed_ms += step.elapsed_ms;
            for (sum, grown) in total.by.iter_mut().zip(step.by) {
                *sum += grown;
            }
        }
        total
    }
}

impl<const N: usize> Growth<N> {
    /// Counter `index` by the second; `None` before there is a time to divide by.
    pub(crate) fn per_second(&self, index: usize) -> Option<f64> {
        ratio(self.by[index].saturating_mul(1_000), self.elapsed_ms)
    }
}

/// `dividend / divisor` to one decimal, as people read it; `None` for a division by zero.
#[allow(clippy::cast_precision_loss)] // A rate is for the eye.
pub(crate) fn ratio(dividend: u64, divisor: u64) -> Option<f64> {
    (divisor > 0).then(|| (dividend as f64 / divisor as f64 * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(samples: &[(i64, u64)], window_ms: u64) -> Option<f64> {
        let mut meter = Meter::<1>::default();
        for (at_ms, counter) in samples {
            meter.observe(*at_ms, [*counter]);
        }
        meter.growth(window_ms).per_second(0)
    }

    #[test]
    fn there_is_no_rate_before_the_second_sample() {
        assert_eq!(rate(&[], 5_000), None);
        assert_eq!(rate(&[(0, 1_000_000)], 5_000), None);
        assert_eq!(rate(&[(0, 1_000_000), (1_000, 1_000_000)], 5_000), Some(0.0));
    }

    #[test]
    fn a_rate_is_the_growth_over_the_window() {
        let samples = [(0, 0), (1_000, 100), (2_000, 300), (3_000, 600)];
        assert_eq!(rate(&samples, 1_000), Some(300.0));
        assert_eq!(rate(&samples, 2_000), Some(250.0));
        assert_eq!(rate(&samples, 60_000), Some(200.0));
    }

    #[test]
    fn uneven_samples_are_weighed_by_their_time() {
        assert_eq!(rate(&[(0, 0), (500, 100), (2_000, 100)], 5_000), Some(50.0));
        assert_eq!(rate(&[(0, 0), (3_000, 1)], 5_000), Some(0.3));
    }

    #[test]
    fn a_counter_that_fell_was_reset() {
        // 100 before the restart, 40 since it.
        assert_eq!(rate(&[(0, 900), (1_000, 1_000), (2_000, 40)], 2_000), Some(70.0));
        // Also when it has passed its old height within the window.
        assert_eq!(rate(&[(0, 10), (1_000, 0), (2_000, 30)], 2_000), Some(15.0));
    }

    #[test]
    fn a_pause_is_averaged_over_its_true_length() {
        let hour = 3_600_000;
        assert_eq!(rate(&[(0, 0), (1_000, 10), (1_000 + hour, 36_010)], 5_000), Some(10.0));
        // And does not weigh on the samples after it.
        assert_eq!(rate(&[(0, 0), (hour, 0), (hour + 1_000, 50)], 5_000), Some(50.0));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        assert_eq!(rate(&[(10_000, 0), (11_000, 10), (5_000, 20)], 5_000), None);
        assert_eq!(rate(&[(10_000, 0), (11_000, 10), (5_000, 20), (6_000, 27)], 5_000), Some(7.0));
        assert_eq!(rate(&[(10_000, 0), (10_000, 10)], 5_000), None);
    }

    #[test]
    fn growth_beyond_the_longest_window_is_forgotten() {
        let mut meter = Meter::<1>::default();
        for second in 0..10_000 {
            meter.observe(second * 1_000, [0]);
        }
        assert_eq!(meter.steps.len(), 60);
    }

    #[test]
    fn counters_near_their_end_do_not_overflow_a_rate() {
        assert!(rate(&[(0, 0), (1_000, u64::MAX)], 5_000).is_some_and(f64::is_finite));
    }
}
