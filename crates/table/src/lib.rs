//! Delta tables: rows, and the position that they bring a lane to, in one commit.
//!
//! Tables are written for the widest reach: reader version 1, writer version 2, microsecond UTC timestamps. Only this
//! crate advances a committed position. One process writes a table; any number read it.

mod columns;
mod commit;
mod dead;
mod encoding;
mod error;
mod files;
mod history;
mod location;
mod merge;
mod old_versions;
mod rewrite;
mod scan;
mod shadow;

mod table;
mod upkeep;

pub use columns::missing_columns;
pub use commit::{Commit, Progress};
pub use dead::{
    Condition, DeadLetter, change_dead_letters, dead_letter_rows, dead_letter_schema, dead_letters_from,
    dead_letters_in, dead_letters_marked, dead_letters_within,
};
pub use error::TableError;
pub use files::{TableFiles, WrittenFiles};
pub use history::PastCommit;
pub use location::{TableLocation, TableRoot};
pub use table::{OtherColumns, Table};
pub use upkeep::Upkeep;
