//! The gateway as its clients see it.
#![allow(clippy::unwrap_used)]

mod access;
mod closed_partitions;
mod consumers;
mod documentation;
mod harness;
mod kinesis_access;
mod kinesis_cbor;
mod kinesis_client;
mod kinesis_resharding;
mod kinesis_subscription;
mod kinesis_validation;
mod load;
mod observation;
mod openapi;
mod random_bodies;
mod random_consumer_requests;
mod reading;
mod streaming;
mod transcript;
mod trust;
