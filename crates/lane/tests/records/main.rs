//! What becomes of records that are not as the pipeline expects them.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod batch;
mod drift;
mod fresh;
mod letters;
mod window;
mod world;
