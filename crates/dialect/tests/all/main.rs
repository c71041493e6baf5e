//! The dialect against real Spark, and its own promises.
#![allow(clippy::unwrap_used)]

mod answers;
mod session;
