//! Tables that are built beside the live ones, and an archive that changes behind the batch lane's back.

#![allow(clippy::unwrap_used)]

mod archive_changes;
mod bad_input;
mod batch;
mod replay;
mod world;
