//! What happens on a connection, so that somebody can tell when nothing does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;

/// What happens on one connection.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests whose replies are not sent to their end.
    in_flight: usize,
    /// Whether there was a request yet.
    used: bool,
    /// Whether requests and their heads come interleaved (HTTP/2), so that bytes do not begin a head.
    multiplexed: bool,
    /// When the last request ended, or the connection began.
    quiet_since: Instant,
    /// When the first byte of the head that is being read came.
    head_since: Option<Instant>,
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing before that time.
    Fine(Instant),
    /// It has been idle for long enough: it may end in order.
    Idle,
    /// Its client is too slow: it ends now.
    Slow,
}

impl Activity {
    /// A connection that begins now.
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            in_flight: 0,
            used: false,
            multiplexed: false,
            quiet_since: Instant::now(),
            head_since: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have come.
    pub(crate) fn received(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.multiplexed && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// A request has come. It is in flight until the guard is dropped.
    pub(crate) fn request(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.used = true;
        state.multiplexed = multiplexed;
        state.head_since = None;
        InFlight(Arc::clone(self))
    }

    /// What is to be done at `now`.
    pub(crate) fn verdict(&self, limits: &Limits, now: Instant) -> Verdict {
        let state = self.state();
        let (deadline, overdue) = match (state.in_flight, state.used, state.head_since) {
            // Bodies and replies have their own limits.
            (1.., ..) => return Verdict::Fine(later(now, limits.header_time)),
            (0, false, _) => (later(state.quiet_since, limits.header_time), Verdict::Slow),
            (0, true, Some(since)) => (later(since, limits.header_time), Verdict::Slow),
            // A head may begin before that, and has to be looked at in time.
            (0, true, None) => (later(state.quiet_since, limits.idle_time), Verdict::Idle),
        };
        if now >= deadline { overdue } else { Verdict::Fine(deadline.min(later(now, limits.header_time))) }
    }
}

/// A limit may be set to hundreds of years.
fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or_else(|| from + Duration::from_secs(365 * 24 * 3600))
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.quiet_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { header_time: Duration::from_secs(1), idle_time: Duration::from_secs(100), ..Limits::default() }
    }

    #[test]
    fn heads_and_pauses_have_their_time() {
        let activity = Activity::begin();
        // What it is in so many seconds if nothing happens until then. The steps here take no time that counts.
        let verdict = |seconds| activity.verdict(&limits(), Instant::now() + Duration::from_secs(seconds));
        assert!(matches!(verdict(0), Verdict::Fine(_)));
        assert_eq!(verdict(1), Verdict::Slow, "no request in time");

        let request = activity.request(false);
        assert!(matches!(verdict(1_000), Verdict::Fine(_)), "an answer may take its time");
        activity.received();
        drop(request);
        assert!(matches!(verdict(50), Verdict::Fine(_)));
        assert_eq!(verdict(100), Verdict::Idle);
        activity.received();
        assert!(matches!(verdict(0), Verdict::Fine(_)));
        assert_eq!(verdict(1), Verdict::Slow, "a head has begun");
        drop(activity.request(true));
        activity.received();
        assert!(matches!(verdict(50), Verdict::Fine(_)), "frames of HTTP/2 begin no head");
    }
}
