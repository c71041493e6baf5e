//! The program as a user calls it: the real binary, on folders of its own.
#![allow(clippy::unwrap_used)]

mod configuration;
mod demo;
mod folder;
mod help;
mod pipeline;
mod program;
mod serve;
