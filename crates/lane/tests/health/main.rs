//! A stream lane through good times and bad ones: when it works and when it rests, what it tells, stores that fail, and a day of trickle.

#![allow(clippy::unwrap_used)]

mod backpressure;
mod batches;
mod counting_log;
mod faulty_store;
mod replay;
mod trickle;
mod trigger;
mod trouble;
mod world;
