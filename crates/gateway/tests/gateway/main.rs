//! The gateway as its clients see it.
#![allow(clippy::unwrap_used)]

mod harness;
mod kinesis_cbor;
mod kinesis_client;
mod kinesis_resharding;
mod kinesis_subscription;
mod kinesis_validation;
mod random_bodies;
mod reading;
mod transcript;
mod trust;
