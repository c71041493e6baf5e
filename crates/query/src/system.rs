//! `system.*`: what the node says of itself, as tables.

use std::fmt;

use arrow::record_batch::RecordBatch;

/// The tables that a node offers as `system.<name>`, each made anew when a query names it.
pub trait SystemTables: Send + Sync + fmt::Debug {
    /// Their names.
    fn names(&self) -> Vec<String>;

    /// The rows of one table at this moment; `None` for a name that is not among [`SystemTables::names`].
    fn table(&self, name: &str) -> Option<RecordBatch>;
}
