//! The gateway as its clients see it.
#![allow(clippy::unwrap_used)]

mod harness;
mod random_bodies;
mod reading;
mod streaming;
mod transcript;
mod trust;
