//! One Delta table as queries see it: opened when a query names it first, kept open, brought up to date for each query.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use deltalake::logstore::object_store::ObjectStoreExt;
use deltalake::logstore::object_store::path::Path;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use pinflow_table::TableLocation;
use tokio::sync::Mutex;
use url::Url;

use crate::error::QueryError;
use crate::time_travel::Version;

/// A table that may not exist yet.
#[derive(Debug)]
pub(crate) struct LazyTable {
    /// As in SQL: `batch.pin`.
    name: String,
    location: Url,
    /// Its columns, where they are known before anything is written: then it reads as empty.
    columns: Option<SchemaRef>,
    /// What makes the table, for the message where it is missing and its columns are unknown.
    made_by: String,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    table: DeltaTable,
    /// Made for the version that the table has now.
    provider: Arc<dyn TableProvider>,
}

impl LazyTable {
    pub fn new(name: String, location: Url, columns: Option<SchemaRef>, made_by: String) -> Self {
        Self { name, location, columns, made_by, open: Mutex::new(None) }
    }

    /// The table at its newest version; a query that holds what is returned goes on seeing that version.
    pub async fn provider(&self) -> Result<Arc<dyn TableProvider>, QueryError> {
        let mut open = self.open.lock().await;
        if let Some(known) = open.take() {
            // A table that was deleted or made anew under us cannot be brought up to date: it is opened again.
            *open = self.refresh(known).await.ok();
        }
        if open.is_none() {
            *open = self.open_table().await.map_err(|source| self.unreadable(source))?;
        }
        match (&*open, &self.columns) {
            (Some(open), _) => Ok(Arc::clone(&open.provider)),
            (None, Some(columns)) => Ok(Arc::new(EmptyTable::new(Arc::clone(columns)))),
            (None, None) => Err(QueryError::NotYetWritten { name: self.name.clone(), hint: self.made_by.clone() }),
        }
    }

    /// The table at its newest version, and how far `applications` are in that version; 0 where it says nothing of one.
    pub async fn provider_at(&self, applications: &[String]) -> Result<(Arc<dyn TableProvider>, Vec<i64>), QueryError> {
        let provider = self.provider().await?;
        let open = self.open.lock().await;
        let Some(open) = open.as_ref() else { return Ok((provider, vec![0; applications.len()])) };
        let mut progress = Vec::with_capacity(applications.len());
        for application in applications {
            let snapshot = open.table.snapshot().map_err(|source| self.unreadable(source))?.snapshot();
            let version = snapshot.transaction_version(open.table.log_store().as_ref(), application.as_str()).await;
            progress.push(version.map_err(|source| self.unreadable(source))?.unwrap_or_default());
        }
        // Another query may have brought the table up to date in between: its provider is the one that fits.
        Ok((Arc::clone(&open.provider), progress))
    }

    /// The table at the version that `provider` reads, if that is its newest one as far as is known here.
    pub async fn table_of(&self, provider: &Arc<dyn TableProvider>) -> Option<DeltaTable> {
        let open = self.open.lock().await;
        let open = open.as_ref().filter(|open| std::ptr::addr_eq(Arc::as_ptr(&open.provider), Arc::as_ptr(provider)));
        open.map(|open| open.table.clone())
    }

    /// The table at an older version.
    ///
    /// # Errors
    /// [`QueryError::NoVersion`]; [`QueryError::NotYetWritten`] where there is no table at all.
    pub async fn provider_of(&self, version: Version) -> Result<Arc<dyn TableProvider>, QueryError> {
        if !self.is_written() {
            return Err(QueryError::NotYetWritten { name: self.name.clone(), hint: self.made_by.clone() });
        }
        let builder = DeltaTableBuilder::from_url(self.location.clone()).map_err(|source| self.unreadable(source))?;
        let (builder, missing) = match version {
            Version::Number(number) => (builder.with_version(number), format!("has no version {number} (any more)")),
            Version::At(micros) => {
                let time = UNIX_EPOCH + Duration::from_micros(micros.try_into().unwrap_or_default());
                (builder.with_timestamp(time.into()), "has no version of that time (any more)".to_owned())
            }
        };
        let gone = || QueryError::NoVersion { name: self.name.clone(), reason: missing.clone() };
        let table = builder.load().await.map_err(|_| gone())?;
        if let Version::At(micros) = version
            && committed_at(&table).await.is_none_or(|commit| commit > micros)
        {
            // The Delta crate takes the oldest version that there is where all are younger.
            return Err(gone());
        }
        Ok(with_provider(table).await.map_err(|source| self.unreadable(source))?.provider)
    }

    /// Whether anything was written yet, as far as one can tell without reading it.
    pub fn is_written(&self) -> bool {
        self.location.to_file_path().map_or(true, |folder| folder.join("_delta_log").exists())
    }

    /// Whether the table can be read: it is written, or known to be empty.
    pub fn is_readable(&self) -> bool {
        self.columns.is_some() || self.is_written()
    }

    async fn refresh(&self, known: Open) -> Result<Open, DeltaTableError> {
        let Open { mut table, provider } = known;
        let before = table.version();
        if before.is_some_and(|version| self.is_gone(version)) {
            return Err(DeltaTableError::NotATable(self.location.to_string()));
        }
        table.update_state().await?;
        if table.version() == before { Ok(Open { table, provider }) } else { with_provider(table).await }
    }

    /// Whether a local table lost a version that was read: the Delta crate looks for newer ones only, and would not notice.
    fn is_gone(&self, version: u64) -> bool {
        let commit = self.location.to_file_path().map(|folder| folder.join(format!("_delta_log/{version:020}.json")));
        commit.is_ok_and(|commit| !commit.exists())
    }

    /// `None` where there is no table yet.
    async fn open_table(&self) -> Result<Option<Open>, DeltaTableError> {
        // The Delta crate makes the folder of a local table that it is asked for; a reader leaves no trace.
        if self.location.to_file_path().is_ok_and(|folder| !folder.exists()) {
            return Ok(None);
        }
        let table = DeltaTable::try_from_url(self.location.clone()).await?;
        if table.version().is_none() { Ok(None) } else { with_provider(table).await.map(Some) }
    }

    fn unreadable(&self, source: DeltaTableError) -> QueryError {
        QueryError::Table { table: self.name.clone(), location: self.location.to_string(), source: Arc::new(source) }
    }
}

/// A table as it is at a version; `None` is the newest one.
pub(crate) async fn version(
    location: &TableLocation,
    version: Option<u64>,
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let url = location.url();
    let opened = async {
        let mut table = DeltaTable::try_from_url(url.clone()).await?;
        if let Some(version) = version {
            table.load_version(version).await?;
        }
        with_provider(table).await
    };
    match opened.await {
        Ok(open) => Ok(open.provider),
        Err(source) => {
            let table = url.path_segments().and_then(|parts| parts.rev().find(|part| !part.is_empty()));
            let table = table.unwrap_or_default().to_owned();
            Err(QueryError::Table { table, location: url.to_string(), source: Arc::new(source) })
        }
    }
}

/// When the table's version was committed, in microseconds since the Unix epoch.
async fn committed_at(table: &DeltaTable) -> Option<i64> {
    let entry = Path::from(format!("_delta_log/{:020}.json", table.version()?));
    let entry = table.log_store().object_store(None).head(&entry).await.ok()?;
    Some(entry.last_modified.timestamp_micros())
}

async fn with_provider(table: DeltaTable) -> Result<Open, DeltaTableError> {
    let provider = table.table_provider().build().await.map_err(|cause| DeltaTableError::generic(cause.to_string()))?;
    Ok(Open { table, provider: Arc::new(provider) })
}
