//! The engine on real Delta tables in a temporary folder.
#![allow(clippy::unwrap_used)]

mod answers;
mod fixture;
mod golden;
mod limits;
mod raw;
mod reconcile;
mod refusals;
mod tables;
