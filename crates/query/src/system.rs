//! `system.*`: what the node says of itself, as tables.

use std::fmt;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

/// The tables that a node offers as `system.<name>`, each made anew when a query names it.
#[async_trait]
pub trait SystemTables: Send + Sync + fmt::Debug {
    /// Their names.
    fn names(&self) -> Vec<String>;

    /// The rows of one of them at this moment.
    ///
    /// # Errors
    /// In words, where they cannot be found out.
    async fn table(&self, name: &str) -> Result<RecordBatch, String>;
}
