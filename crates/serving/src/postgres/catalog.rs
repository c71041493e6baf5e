//! The database `pinflow` as PostgreSQL's clients see it: the node's schemas, `pg_catalog` and `information_schema`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::{CatalogProvider, SchemaProvider};
use datafusion::error::Result;

/// The node's schemas, and those that the protocol adds.
#[derive(Debug)]
pub(super) struct PostgresCatalog {
    tables: Arc<dyn CatalogProvider>,
    added: RwLock<BTreeMap<String, Arc<dyn SchemaProvider>>>,
}

impl PostgresCatalog {
    pub fn new(tables: Arc<dyn CatalogProvider>) -> Self {
        Self { tables, added: RwLock::default() }
    }
}

impl CatalogProvider for PostgresCatalog {
    fn schema_names(&self) -> Vec<String> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        self.tables.schema_names().into_iter().chain(added.keys().cloned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        added.get(name).cloned().or_else(|| self.tables.schema(name))
    }

    fn register_schema(&self, name: &str, schema: Arc<dyn SchemaProvider>) -> Result<Option<Arc<dyn SchemaProvider>>> {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        Ok(added.insert(name.to_owned(), schema))
    }
}
