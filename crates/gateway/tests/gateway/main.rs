//! The gateway as its clients see it.
#![allow(clippy::unwrap_used)]

mod access;
mod harness;
mod load;
mod random_bodies;
mod reading;
mod transcript;
mod trust;
