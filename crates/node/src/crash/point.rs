//! At which step a process dies.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every step at which a node can be made to die, as `<stage>.<step>`.
pub const STEPS: &[&str] = &[
    "log.create",
    "log.write",
    "log.sync",
    "log.truncate",
    "log.create_folder",
    "log.sync_folder",
    "log.rename",
    "log.remove",
    "log.remove_folder",
    "archive.object",
    "table.file",
    "table.commit",
    "table.merge",
    "table.checkpoint",
    "table.last_checkpoint",
    "table.remove",
    "dead.file",
    "dead.commit",
];

/// The one step that is not all or nothing.
const WRITE: &str = "log.write";

/// A step, and how many times the process gets past it before it dies: `log.sync:before:17` dies before the 17th sync.
#[derive(Debug)]
pub struct CrashPoint {
    step: &'static str,
    moment: Moment,
    number: u64,
    taken: AtomicU64,
}

/// When, within a step, the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nothing of the step happened.
    Before,
    /// Half of the bytes are written.
    Half,
    /// The step is done, and nobody heard of it.
    After,
}

/// A text that names no crash point.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no crash point: write `<step>:before|after:<number>`, or `{WRITE}:half:<number>`; the number counts from 1, the steps are {steps}",
    steps = STEPS.join(", ")
)]
pub struct CrashPointError(String);

impl CrashPoint {
    /// Does a step that is done whole or not at all, unless the process is to die before or after it.
    pub(super) fn around<T>(&self, step: &str, work: impl FnOnce() -> T) -> T {
        let moment = self.reached(step);
        if moment == Some(Moment::Before) {
            self.die();
        }
        let result = work();
        if moment.is_some() {
            self.die();
        }
        result
    }

    /// Counts a step that is about to be done; the moment at which the process is to die in it.
    pub(super) fn reached(&self, step: &str) -> Option<Moment> {
        let here = step == self.step && self.taken.fetch_add(1, Ordering::Relaxed) + 1 == self.number;
        here.then_some(self.moment)
    }

    /// Ends the process as a crash does: nothing is dropped, flushed or answered.
    pub(super) fn die(&self) -> ! {
        tracing::error!(crash_point = %self, "this process aborts now, as it was told to");
        std::process::abort()
    }
}

impl FromStr for CrashPoint {
    type Err = CrashPointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split(':');
            let (step, moment, number) = (parts.next()?, parts.next()?, parts.next()?);
            let step = STEPS.iter().find(|known| **known == step)?;
            let moment = match moment {
                "before" => Moment::Before,
                "half" if *step == WRITE => Moment::Half,
                "after" => Moment::After,
                _ => return None,
            };
            let number = number.parse().ok().filter(|number| *number > 0)?;
            parts.next().is_none().then_some(Self { step, moment, number, taken: AtomicU64::new(0) })
        };
        parse().ok_or_else(|| CrashPointError(text.to_owned()))
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::Half => "half",
            Moment::After => "after",
        };
        write!(f, "{}:{moment}:{}", self.step, self.number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_crash_point_is_read_as_it_is_shown() {
        for text in ["log.sync:before:17", "log.write:half:1", "log.remove_folder:after:3"] {
            assert_eq!(text.parse::<CrashPoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_crash_point_is_refused() {
        for text in
            ["", "log.sync", "log.sync:half:1", "log.sync:before:0", "log.sync:before:1:2", "log.sleep:before:1"]
        {
            let error = text.parse::<CrashPoint>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("log.sync_folder"), "{error}");
        }
    }

    #[test]
    fn it_is_reached_once_at_its_number_of_its_own_step() {
        let point: CrashPoint = "log.sync:after:2".parse().unwrap();
        let reached: Vec<_> =
            ["log.sync", "log.write", "log.write", "log.sync", "log.sync"].map(|step| point.reached(step)).into();
        assert_eq!(reached, [None, None, None, Some(Moment::After), None]);
    }
}
