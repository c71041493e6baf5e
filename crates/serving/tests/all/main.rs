//! Other tools' ways to the tables, on an engine with real Delta tables.
#![allow(clippy::unwrap_used)]

mod fixture;
mod http;
mod postgres;
