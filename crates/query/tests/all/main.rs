//! The engine on real Delta tables in a temporary folder.
#![allow(clippy::unwrap_used)]

mod answers;
mod cases;
mod first_rows;
mod fixture;
mod golden;
mod incremental;
mod limits;
mod other_dialects;
mod raw;
mod reconcile;
mod refusals;
mod tables;
mod time_travel;
