//! Dying on purpose: the crash harness names a step of the node's work on its storage, and the process aborts there.
//!
//! A stage joins by wrapping its storage as [`CrashingDisk`] wraps the log's and [`CrashingStore`] those of the archive and the
//! tables, and by naming its steps in [`STEPS`].

mod disk;
mod point;
mod store;

pub(crate) use disk::CrashingDisk;
use point::Moment;
pub use point::{CrashPoint, CrashPointError, STEPS};
pub(crate) use store::CrashingStore;
