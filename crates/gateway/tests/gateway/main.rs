//! The gateway as its clients see it.
#![allow(clippy::unwrap_used)]

mod harness;
mod observation;
mod openapi;
mod random_bodies;
mod reading;
mod transcript;
mod trust;
