//! Where tables stand: `<root>/<schema>/<table>`, the schema being the one that SQL shows.

use std::path::Path;
use std::sync::Arc;

use deltalake::logstore::object_store::ObjectStore;
use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake::{DeltaTable, DeltaTableError};
use pinflow_store::DurableLocalStore;
use url::Url;

use crate::table::delta;
use crate::{TableError, Upkeep};

/// The place below which all tables of a node stand.
#[derive(Clone, Debug)]
pub struct TableRoot {
    url: Url,
    store: Arc<dyn ObjectStore>,
    upkeep: Upkeep,
}

/// The place of one table.
#[derive(Clone, Debug)]
pub struct TableLocation {
    url: Url,
    store: Arc<dyn ObjectStore>,
    upkeep: Upkeep,
}

impl TableRoot {
    /// A local folder, made where it is missing. What is written below it survives a power cut.
    ///
    /// # Errors
    /// [`TableError::Location`] where the path is not absolute; [`TableError::Store`].
    pub fn local(folder: &Path, upkeep: Upkeep) -> Result<Self, TableError> {
        let store = Arc::new(DurableLocalStore::open_absolute(folder)?);
        Self::through(store, folder, upkeep)
    }

    /// A local folder, reached through a store that names its objects by their whole path from the root of the file system.
    /// How durable the tables are is the store's business.
    ///
    /// # Errors
    /// [`TableError::Location`] where the path is not absolute.
    pub fn through(store: Arc<dyn ObjectStore>, folder: &Path, upkeep: Upkeep) -> Result<Self, TableError> {
        let url = Url::from_directory_path(folder).map_err(|()| TableError::Location {
            location: folder.display().to_string(),
            reason: "the path is not absolute".to_owned(),
        })?;
        Ok(Self { url, store, upkeep })
    }

    /// The place of one table. Both names are `[A-Za-z0-9_-]+`.
    ///
    /// # Errors
    /// [`TableError::Location`] for a name that would leave the root.
    pub fn table(&self, schema: &str, table: &str) -> Result<TableLocation, TableError> {
        for name in [schema, table] {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
                return Err(TableError::Location {
                    location: format!("{schema}/{table}"),
                    reason: format!("`{name}` may hold ASCII letters, digits, `_` and `-` only"),
                });
            }
        }
        let url = self.url.join(&format!("{schema}/{table}/")).map_err(|error| TableError::Location {
            location: format!("{schema}/{table}"),
            reason: error.to_string(),
        })?;
        Ok(TableLocation { url, store: Arc::clone(&self.store), upkeep: self.upkeep })
    }
}

impl TableLocation {
    /// Its URL, for those who read it with other libraries.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn upkeep(&self) -> Upkeep {
        self.upkeep
    }

    pub(crate) fn log_store(&self) -> Result<LogStoreRef, DeltaTableError> {
        logstore_with(Arc::clone(&self.store), &self.url, StorageConfig::default())
    }

    /// The table as the Delta library knows it, at its newest version; without a version where there is none yet.
    pub(crate) async fn load(&self) -> Result<DeltaTable, DeltaTableError> {
        let mut table = DeltaTable::new(self.log_store()?);
        // The library calls a local folder that is missing an error of the place, not a table that is not there yet.
        if self.url.to_file_path().is_ok_and(|folder| !folder.exists()) {
            return Ok(table);
        }
        match table.load().await {
            Ok(()) | Err(DeltaTableError::NotATable(_)) => Ok(table),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a table.
    ///
    /// # Errors
    /// [`TableError::Delta`] where it cannot be said.
    pub async fn exists(&self) -> Result<bool, TableError> {
        let table = self.load().await.map_err(|e| delta("open", &self.name(), e))?;
        Ok(table.version().is_some())
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The table as it was at a version.
    pub(crate) async fn load_version(&self, version: u64) -> Result<DeltaTable, DeltaTableError> {
        let mut table = DeltaTable::new(self.log_store()?);
        table.load_version(version).await?;
        Ok(table)
    }

    /// The last two parts of the place: schema and table.
    pub(crate) fn name(&self) -> String {
        let parts: Vec<&str> = self.url.path().trim_end_matches('/').rsplitn(3, '/').collect();
        match parts.as_slice() {
            [table, schema, ..] => format!("`{schema}.{table}`"),
            _ => format!("`{}`", self.url),
        }
    }
}
