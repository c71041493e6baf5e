//! What can go wrong with a table.

use deltalake::DeltaTableError;

/// A failed table operation.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table's place is no place.
    #[error("`{location}` is no place for tables: {reason}")]
    Location {
        /// As configured.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The table has other columns than the rows that are to be appended.
    #[error(
        "table {table} has other columns than the pipeline gives now: {difference}; build it anew with `pinflow run --full` (batch) or \
         `pinflow replay STREAM` (stream), or give the stream another `table` in pipeline.yaml"
    )]
    SchemaChanged {
        /// The table.
        table: String,
        /// What differs.
        difference: String,
    },
    /// The table's position is not where the rows to be appended begin: another writer was here.
    #[error(
        "table {table} is at {found} in `{application}`, but the rows to be appended begin at {expected}: another process writes \
         this table; stop one of them"
    )]
    Position {
        /// The table.
        table: String,
        /// The application id of the position.
        application: String,
        /// Where the rows begin.
        expected: i64,
        /// Where the table is.
        found: i64,
    },
    /// The Delta library failed.
    #[error("cannot {action} table {table}: {source}")]
    Delta {
        /// What was tried.
        action: &'static str,
        /// The table.
        table: String,
        /// Why not.
        source: Box<DeltaTableError>,
    },
    /// The folder of the tables cannot be used.
    #[error(transparent)]
    Store(#[from] pinflow_store::StoreError),
}
