//! Whole pipelines on a node in this process, driven over HTTP as users do. One binary: each that links DataFusion is large.

#![allow(clippy::unwrap_used)]

mod access;
mod dead_letters;
mod foreign_archive;
mod fresh;
mod golden;
mod lane_trouble;
mod observation;
mod other_pipeline;
mod replay;
mod restart;
mod serving;
mod support;
