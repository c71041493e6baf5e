//! The database `pinflow` as PostgreSQL's clients see it: the node's schemas, `pg_catalog` and `information_schema`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::Result;

use super::late_table::LateTable;

/// The node's schemas, and those that the protocol adds.
#[derive(Debug)]
pub(super) struct PostgresCatalog {
    /// The tables as they are committed: their columns are those of the fresh ones, and are found without work.
    listed: Arc<dyn CatalogProvider>,
    /// The tables that are read.
    fresh: Arc<dyn CatalogProvider>,
    added: RwLock<BTreeMap<String, Arc<dyn SchemaProvider>>>,
}

impl PostgresCatalog {
    /// Tables that are planned by `listed` and read from `fresh`.
    pub fn new(listed: Arc<dyn CatalogProvider>, fresh: Arc<dyn CatalogProvider>) -> Self {
        Self { listed, fresh, added: RwLock::default() }
    }
}

impl CatalogProvider for PostgresCatalog {
    fn schema_names(&self) -> Vec<String> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        self.listed.schema_names().into_iter().chain(added.keys().cloned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if let Some(added) = self.added.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(Arc::clone(added));
        }
        Some(Arc::new(LateSchema { listed: self.listed.schema(name)?, fresh: self.fresh.schema(name)? }))
    }

    fn register_schema(&self, name: &str, schema: Arc<dyn SchemaProvider>) -> Result<Option<Arc<dyn SchemaProvider>>> {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        Ok(added.insert(name.to_owned(), schema))
    }
}

/// A schema of tables that are looked up when they are read.
#[derive(Debug)]
struct LateSchema {
    listed: Arc<dyn SchemaProvider>,
    fresh: Arc<dyn SchemaProvider>,
}

#[async_trait]
impl SchemaProvider for LateSchema {
    fn table_names(&self) -> Vec<String> {
        self.listed.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(planned) = self.listed.table(name).await? else { return Ok(None) };
        Ok(Some(Arc::new(LateTable::new(name, planned, Arc::clone(&self.fresh)))))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        self.listed.table_type(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.listed.table_exist(name)
    }
}
