//! A pipeline folder (YAML and SQL files) turned into a checked [`Pipeline`] that cannot be invalid.

mod model;

pub use model::*;
