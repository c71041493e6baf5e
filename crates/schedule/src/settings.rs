//! How the scheduler works, apart from what the jobs say themselves.

use std::time::Duration;

/// Settings of a [`crate::Scheduler`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// Tasks of one run that may run side by side; 0 counts as 1.
    pub parallel_tasks: usize,
    /// How late a scheduled run may begin. What is later (the machine slept, say) counts as missed.
    pub grace: Duration,
    /// How often waiting parts look at the clock. It is looked at, and not only slept for, because wall clocks jump.
    pub tick: Duration,
    /// What the random part of run ids comes from. The node passes a random number.
    pub seed: u64,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self { parallel_tasks: 2, grace: Duration::from_secs(60), tick: Duration::from_millis(500), seed: 0 }
    }
}
