//! The scheduler from outside: jobs with a scripted runner on a clock that stands still until it is moved.
#![allow(clippy::unwrap_used)]

mod due;
mod history;
mod runs;
mod support;
