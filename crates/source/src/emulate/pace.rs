//! An even pace: so many a second on average, whatever the timer's resolution.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How far behind its schedule an emulation catches up; what is beyond is let go, so that a long stall is not followed
/// by a flood.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Lets one pass at every tick of a schedule.
#[derive(Debug)]
pub(super) struct Pace {
    schedule: Option<Schedule>,
    began: Option<Instant>,
}

impl Pace {
    /// `rate` a second; `None` never waits.
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self { schedule: rate.map(Schedule::new), began: None }
    }

    /// Returns when the next may pass. The first passes at once.
    pub(super) async fn wait(&mut self) {
        let Some(schedule) = &mut self.schedule else {
            return;
        };
        let began = *self.began.get_or_insert_with(Instant::now);
        sleep_until(began + schedule.due).await;
        schedule.passed(began.elapsed());
    }
}

/// When the next may pass, counted from the first. It is kept as an absolute time: a timer that fires late makes the
/// next one pass the sooner.
#[derive(Debug)]
struct Schedule {
    interval: Duration,
    due: Duration,
}

impl Schedule {
    fn new(rate: f64) -> Self {
        // A rate so small that its interval is no duration: a century makes no difference.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let interval = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(century).min(century);
        Self { interval, due: Duration::ZERO }
    }

    /// One passed at `now`.
    fn passed(&mut self, now: Duration) {
        self.due = (self.due + self.interval).max(now.saturating_sub(CATCH_UP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pass from `from` until `until`, with a timer that fires at whole milliseconds.
    fn passed(schedule: &mut Schedule, from: Duration, until: Duration) -> f64 {
        let mut now = from;
        let mut passed = 0.0;
        loop {
            if schedule.due > now {
                now = Duration::from_millis(schedule.due.as_nanos().div_ceil(1_000_000) as u64);
            }
            if now >= until {
                return passed;
            }
            schedule.passed(now);
            passed += 1.0;
        }
    }

    #[test]
    fn the_rate_is_kept_below_and_above_the_timers_resolution() {
        for rate in [0.5, 10.0, 333.0, 20_000.0] {
            let passed = passed(&mut Schedule::new(rate), Duration::ZERO, Duration::from_secs(20));
            assert!((passed - rate * 20.0).abs() <= 1.0 + rate * 0.002, "{passed} at {rate} a second");
        }
    }

    #[test]
    fn a_stall_is_caught_up_for_a_second_at_most() {
        let mut schedule = Schedule::new(100.0);
        let stalled = Duration::from_secs(60);
        schedule.passed(stalled);
        let passed = passed(&mut schedule, stalled, Duration::from_secs(61));
        assert!((195.0..=205.0).contains(&passed), "{passed}");
    }

    #[test]
    fn a_rate_next_to_nothing_is_no_error() {
        let mut schedule = Schedule::new(f64::MIN_POSITIVE);
        schedule.passed(Duration::ZERO);
        assert!(schedule.due > Duration::from_secs(1_000_000));
    }
}
