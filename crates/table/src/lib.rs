//! Delta tables: rows, and the position that they bring a lane to, in one commit.
//!
//! Tables are written for the widest reach: reader version 1, writer version 2, microsecond UTC timestamps. Only this
//! crate advances a committed position. One process writes a table; any number read it.

mod commit;
mod dead;
mod encoding;
mod error;
mod files;
mod location;
mod old_versions;
mod table;
mod upkeep;

pub use commit::{Commit, Progress};
pub use dead::{DeadLetter, dead_letter_rows, dead_letter_schema, dead_letters_from};
pub use error::TableError;
pub use files::{TableFiles, WrittenFiles};
pub use location::{TableLocation, TableRoot};
pub use table::Table;
pub use upkeep::Upkeep;
