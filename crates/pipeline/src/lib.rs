//! A pipeline folder (YAML and SQL files) turned into a checked [`Pipeline`] that cannot be invalid.
//!
//! Everything that is wrong with a folder is reported at once, each with its file, line and a hint. What needs a SQL
//! planner (do the columns exist, does the `SELECT` keep to a row) is checked by the crates that plan SQL. Nothing here
//! reads the environment: the caller passes it in [`Overrides`]. The format is described in `docs/pipeline.md`.

mod built_in;
mod context;
mod duration;
mod error;
mod fields;
mod folder;
mod job;
mod load;
mod model;
mod name;
mod nearest;
mod order;
mod pattern;
mod query;
mod schedule;
mod sql;
mod stream;
mod test_case;
mod uniqueness;
mod unknown_fields;
mod variables;
mod yaml;

pub use built_in::{built_in, write_built_in};
pub use error::{PipelineError, Problem, Problems};
pub use load::load;
pub use model::*;
pub use variables::Overrides;
