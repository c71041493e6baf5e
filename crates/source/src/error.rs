//! What can go wrong with a source or an emulation.

use std::path::PathBuf;

/// Why a source cannot be declared, reached, filled or read, or why an emulation cannot begin. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// `source.yaml` is wrong.
    #[error("{}:{line}: {problem}\nhint: {hint}", file.display())]
    Spec {
        /// The file, relative to the pipeline folder.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, naming the thing.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A database address or a credentials file is wrong.
    #[error("{problem}\nhint: {hint}")]
    Address {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The database cannot be reached.
    #[error("cannot connect to {address}: {cause}\nhint: check that it runs, its address and the user's password")]
    Connect {
        /// The address without its password.
        address: String,
        /// The database's or the network's reason.
        cause: sqlx::Error,
    },
    /// The SQLite file is not there.
    #[error("there is no source database at {address}\nhint: make one with `pinflow source load {address}`")]
    NoSuchFile {
        /// The address.
        address: String,
    },
    /// A statement failed.
    #[error("cannot {action} the table `{table}` of {address}: {cause}")]
    Table {
        /// What was tried, as in `read`.
        action: &'static str,
        /// The table.
        table: String,
        /// The address without its password.
        address: String,
        /// The database's reason.
        cause: sqlx::Error,
    },
    /// The tables to be filled hold rows already.
    #[error("the table `{table}` of {address} has rows already\nhint: name an empty database, or drop the table")]
    NotEmpty {
        /// The table.
        table: String,
        /// The address without its password.
        address: String,
    },
    /// `source.yaml` does not say how to make a table's rows.
    #[error("no columns are declared for the table `{table}`, so its rows cannot be generated\nhint: add `columns` in {}", file.display())]
    NoColumns {
        /// The table.
        table: String,
        /// The pipeline's `source.yaml`.
        file: PathBuf,
    },
    /// The first table has no row to draw.
    #[error(
        "the table `{table}` of {address} has no row with a link\nhint: fill it, or make rows with `pinflow source load {address}`"
    )]
    NoRows {
        /// The table.
        table: String,
        /// The address without its password.
        address: String,
    },
    /// A link is not a whole number.
    #[error(
        "the link `{column}` of the table `{table}` holds `{value}`, which is no whole number\nhint: link the tables by another column"
    )]
    BadLink {
        /// The table.
        table: String,
        /// Its link column.
        column: String,
        /// The value as JSON.
        value: String,
    },
    /// The emulator is told something that cannot be.
    #[error("{problem}\nhint: {hint}")]
    Emulator {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
}
