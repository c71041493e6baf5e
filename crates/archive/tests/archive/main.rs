//! The archive from outside: what the writer stores, the reader gives back, whatever fails in between.
#![allow(clippy::unwrap_used)]

mod exactly_once;
mod facade;
mod formats;
mod partitioning;
mod reading;
mod support;
mod writing;
