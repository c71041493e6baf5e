//! Waiting for a time of the injected clock.

use std::time::Duration;

use pinflow_event::{Clock, Timestamp};

/// Returns once `clock` shows `time` or later, seen every `tick` at least.
pub(crate) async fn wait_until(clock: &dyn Clock, time: Timestamp, tick: Duration) {
    loop {
        let now = clock.now();
        if now >= time {
            return;
        }
        tokio::time::sleep(time.since(now).min(tick)).await;
    }
}
