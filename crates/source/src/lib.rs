//! Where the events come from: the linked tables of a source database, and the emulator that posts their rows.
//!
//! A pipeline folder's `source.yaml` declares the tables and how synthetic rows are made ([`SourceSpec`],
//! [`Generator`]); [`Database`] fills and reads SQLite, MySQL, MariaDB and Postgres; [`Draws`] are linked rows drawn at
//! random; the [`Emulator`] posts them over HTTP on both lanes, as the original system's users do.

mod address;
mod chance;
mod database;
mod draw;
mod emulate;
mod error;
mod generate;
mod load;
mod read;
mod spec;
mod value;

pub use address::Address;
pub use database::Database;
pub use draw::{Draw, Draws, Event, LINKS_LIMIT};
pub use emulate::{Counts, EmulationReport, Emulator, EmulatorOptions, LaneCounts, PostError, Progress, StreamTarget};
pub use error::SourceError;
pub use generate::Generator;
pub use spec::{Column, SourceSpec, Table};
pub use value::{ColumnType, Value};
