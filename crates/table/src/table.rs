//! One Delta table with its writer.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::datafusion::logical_expr::Expr;
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError, TableProperty};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use url::Url;

use crate::commit::{Commit, Progress};
use crate::durable;
use crate::error::TableError;
use crate::location::local_folder;

/// A commit makes a file. Past this many small ones they are merged: the cost of a commit and of a query grows with
/// the number of files, not with the number of rows.
const SMALL_FILES: usize = 48;

/// Files are merged into ones of about this many bytes.
const TARGET_FILE_BYTES: NonZeroU64 = NonZeroU64::new(32 << 20).expect("it is not zero");

/// A table that this process writes.
#[derive(Debug)]
pub struct Table {
    name: String,
    folder: Option<PathBuf>,
    table: DeltaTable,
    schema: SchemaRef,
    /// The progress that this process has read or written, by application.
    progress: HashMap<String, i64>,
    files_after_compaction: usize,
    /// The newest commit that is known to be durable.
    durable: Option<u64>,
}

impl Table {
    /// Opens the table at `location`, or makes it with the columns of `schema`.
    ///
    /// # Errors
    /// [`TableError::SchemaChanged`] where it has other columns; [`TableError::Delta`].
    pub async fn open(location: &Url, schema: &SchemaRef) -> Result<Self, TableError> {
        let name = table_name(location);
        let failed = |action| {
            let name = name.clone();
            move |source| delta(action, &name, source)
        };
        let folder = local_folder(location);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder)
                .map_err(|source| TableError::Durable { path: folder.display().to_string(), source })?;
        }
        let mut table = DeltaTable::try_from_url(location.clone()).await.map_err(failed("open"))?;
        if table.version().is_none() {
            let columns: StructType =
                schema.as_ref().try_into_kernel().map_err(|error| failed("create")(DeltaTableError::from(error)))?;
            table = table
                .create()
                .with_columns(columns.fields().cloned())
                .with_configuration_property(TableProperty::LogRetentionDuration, Some("interval 1 days"))
                .with_save_mode(SaveMode::ErrorIfExists)
                .await
                .map_err(failed("create"))?;
        }
        let stored = table.snapshot().map_err(failed("open"))?.schema();
        let stored: Schema =
            stored.as_ref().try_into_arrow().map_err(|error| failed("open")(DeltaTableError::from(error)))?;
        if let Some(difference) = difference(&stored, schema) {
            return Err(TableError::SchemaChanged { table: name, difference });
        }
        let files = table.snapshot().map_err(failed("open"))?.log_data().num_files();
        let mut opened = Self {
            name,
            folder,
            table,
            schema: Arc::clone(schema),
            progress: HashMap::new(),
            files_after_compaction: files.min(SMALL_FILES),
            durable: None,
        };
        opened.sync_commits().await?;
        Ok(opened)
    }

    /// Removes the rows and the columns of the table at `location` and gives it the columns of `schema`; older versions stay
    /// readable by time travel.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn replace(location: &Url, schema: &SchemaRef) -> Result<Self, TableError> {
        let name = table_name(location);
        let table = DeltaTable::try_from_url(location.clone()).await.map_err(|e| delta("open", &name, e))?;
        let columns: StructType =
            schema.as_ref().try_into_kernel().map_err(|error| delta("replace", &name, DeltaTableError::from(error)))?;
        table
            .create()
            .with_columns(columns.fields().cloned())
            .with_save_mode(SaveMode::Overwrite)
            .await
            .map_err(|e| delta("replace", &name, e))?;
        Self::open(location, schema).await
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The version of the last commit.
    pub fn version(&self) -> u64 {
        self.table.version().unwrap_or_default()
    }

    /// How far `application` has come; 0 where the table says nothing.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn progress(&mut self, application: &str) -> Result<i64, TableError> {
        if let Some(known) = self.progress.get(application) {
            return Ok(*known);
        }
        let version = self
            .table
            .snapshot()
            .map_err(|e| delta("read", &self.name, e))?
            .snapshot()
            .transaction_version(self.table.log_store().as_ref(), application)
            .await
            .map_err(|e| delta("read", &self.name, e))?
            .unwrap_or(0);
        self.progress.insert(application.to_owned(), version);
        Ok(version)
    }

    /// Appends rows and progress in one commit, durable when this returns. Returns whether anything was written: nothing
    /// is where the table holds this progress already.
    ///
    /// # Errors
    /// [`TableError::Position`] where the table is elsewhere than the commit begins; [`TableError::Delta`], after which the
    /// same commit may be offered again.
    pub async fn commit(&mut self, commit: &Commit) -> Result<bool, TableError> {
        if self.holds(&commit.progress).await? {
            return Ok(false);
        }
        let adds = self.write_files(&commit.rows).await?;
        let outcome = self.write_commit(adds, commit).await;
        if let Err(error) = outcome {
            // The store may have taken the commit and lost the answer: what the table says decides.
            self.reload().await?;
            if commit.progress.is_empty() || !self.holds(&commit.progress).await? {
                return Err(error);
            }
            tracing::warn!(table = %self.name, %error, "a commit was reported as failed, but the table holds it");
        }
        self.sync_commits().await?;
        for progress in &commit.progress {
            self.progress.insert(progress.application.clone(), progress.to);
        }
        Ok(true)
    }

    /// The rows, of the columns that are named, in no order.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn scan(
        &self,
        columns: &[&str],
    ) -> Result<BoxStream<'static, Result<RecordBatch, TableError>>, TableError> {
        let name = self.name.clone();
        let (_, rows) = self
            .table
            .scan_table()
            .with_columns(columns.iter().copied())
            .await
            .map_err(|e| delta("read", &self.name, e))?;
        Ok(Box::pin(rows.map_err(move |error| delta("read", &name, DeltaTableError::from(error)))))
    }

    /// How many rows the committed files hold, by their statistics.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub fn row_count(&self) -> Result<u64, TableError> {
        let snapshot = self.table.snapshot().map_err(|e| delta("read", &self.name, e))?;
        Ok(snapshot.log_data().iter().filter_map(|file| file.num_records()).map(|rows| rows as u64).sum())
    }

    /// How many files hold the rows.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub fn file_count(&self) -> Result<usize, TableError> {
        Ok(self.table.snapshot().map_err(|e| delta("read", &self.name, e))?.log_data().num_files())
    }

    /// Merges small files once there are many. Returns whether it did. Readers are not disturbed.
    ///
    /// # Errors
    /// [`TableError::Delta`]; the rows are untouched then.
    pub async fn compact_if_due(&mut self) -> Result<bool, TableError> {
        if self.file_count()? < self.files_after_compaction + SMALL_FILES {
            return Ok(false);
        }
        let merged = self.table.clone().optimize().with_target_size(TARGET_FILE_BYTES).await;
        let (table, metrics) = merged.map_err(|e| delta("compact", &self.name, e))?;
        self.table = table;
        self.files_after_compaction = self.file_count()?;
        self.sync_all_files().await?;
        tracing::debug!(table = %self.name, removed = metrics.num_files_removed, added = metrics.num_files_added, "compacted");
        Ok(true)
    }

    /// Deletes the rows for which `condition` holds.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn delete(&mut self, condition: Expr) -> Result<(), TableError> {
        let deleted = self.table.clone().delete().with_predicate(condition).await;
        let (table, _) = deleted.map_err(|e| delta("delete from", &self.name, e))?;
        self.table = table;
        self.sync_all_files().await
    }

    /// Whether the table is at the end of every progress already; an error where it is neither there nor at its beginning.
    async fn holds(&mut self, progress: &[Progress]) -> Result<bool, TableError> {
        let mut held = 0;
        for step in progress {
            let found = self.progress(&step.application).await?;
            if found == step.to && step.from != step.to {
                held += 1;
            } else if found != step.from {
                return Err(TableError::Position {
                    table: self.name.clone(),
                    application: step.application.clone(),
                    expected: step.from,
                    found,
                });
            }
        }
        let moving: Vec<&Progress> = progress.iter().filter(|step| step.from != step.to).collect();
        match moving.first() {
            // All of it is written in one commit, so a part of it is somebody else's.
            Some(step) if held > 0 && held < moving.len() => Err(TableError::Position {
                table: self.name.clone(),
                application: step.application.clone(),
                expected: step.from,
                found: self.progress(&step.application).await?,
            }),
            first => Ok(first.is_some() && held == moving.len()),
        }
    }

    async fn write_files(&self, rows: &[RecordBatch]) -> Result<Vec<Add>, TableError> {
        if rows.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(Vec::new());
        }
        let failed = |e| delta("write to", &self.name, e);
        let mut writer =
            RecordBatchWriter::for_table(&self.table).map_err(failed)?.with_target_file_size(TARGET_FILE_BYTES.get());
        for batch in rows {
            writer.write(batch.clone()).await.map_err(failed)?;
        }
        let adds = writer.flush().await.map_err(failed)?;
        if let Some(folder) = &self.folder {
            // Before the commit that names them: a commit must never point at a file that a power cut emptied.
            durable::sync(adds.iter().map(|add| folder.join(&add.path)).collect()).await?;
        }
        Ok(adds)
    }

    async fn write_commit(&mut self, adds: Vec<Add>, commit: &Commit) -> Result<(), TableError> {
        let transactions = commit.progress.iter().map(|p| Transaction::new(&p.application, p.to)).collect();
        // Old entries of the log are cleaned up by compaction: looking for them costs a listing of the folder.
        let properties = CommitProperties::default()
            .with_cleanup_expired_logs(Some(false))
            .with_application_transactions(transactions)
            .with_metadata(commit.notes.iter().cloned());
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let failed = |e| delta("commit to", &self.name, e);
        let snapshot = self.table.snapshot().map_err(failed)?;
        let finished = CommitBuilder::from(properties)
            .with_actions(adds.into_iter().map(Action::Add).collect())
            .build(Some(snapshot), self.table.log_store(), operation)
            .await
            .map_err(failed)?;
        self.table.state = Some(finished.snapshot());
        Ok(())
    }

    /// Reads anew what the table holds: after a commit whose outcome is not known.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn reload(&mut self) -> Result<(), TableError> {
        self.progress.clear();
        self.table.update_state().await.map_err(|e| delta("read", &self.name, e))
    }

    /// Makes the commits durable that are not known to be: those since the last call, the newest one at least. With them the
    /// checkpoint that the last of them may have brought.
    async fn sync_commits(&mut self) -> Result<(), TableError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let log = folder.join("_delta_log");
        let newest = self.version();
        let first = self.durable.map_or(newest, |durable| durable + 1).min(newest);
        let mut files: Vec<PathBuf> = (first..=newest).map(|version| log.join(format!("{version:020}.json"))).collect();
        let checkpoint = log.join(format!("{newest:020}.checkpoint.parquet"));
        if checkpoint.exists() {
            files.extend([checkpoint, log.join("_last_checkpoint")]);
        }
        durable::sync(files).await?;
        self.durable = Some(newest);
        Ok(())
    }

    async fn sync_all_files(&mut self) -> Result<(), TableError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let snapshot = self.table.snapshot().map_err(|e| delta("read", &self.name, e))?;
        let files = snapshot.log_data().iter().map(|file| folder.join(file.path().as_ref())).collect();
        durable::sync(files).await?;
        self.sync_commits().await
    }
}

fn delta(action: &'static str, table: &str, source: DeltaTableError) -> TableError {
    TableError::Delta { action, table: table.to_owned(), source: Box::new(source) }
}

/// The last two parts of the place: schema and table.
fn table_name(location: &Url) -> String {
    let parts: Vec<&str> = location.path().trim_end_matches('/').rsplitn(3, '/').collect();
    match parts.as_slice() {
        [table, schema, ..] => format!("`{schema}.{table}`"),
        _ => format!("`{location}`"),
    }
}

/// How the stored columns differ from the wanted ones, in words.
fn difference(stored: &Schema, wanted: &Schema) -> Option<String> {
    let mut differences = Vec::new();
    for field in wanted.fields() {
        match stored.field_with_name(field.name()) {
            Err(_) => differences.push(format!("`{}` is new", field.name())),
            Ok(old) if !old.data_type().equals_datatype(field.data_type()) => {
                differences.push(format!("`{}` was {}, now {}", field.name(), old.data_type(), field.data_type()));
            }
            Ok(_) => {}
        }
    }
    for field in stored.fields() {
        if wanted.field_with_name(field.name()).is_err() {
            differences.push(format!("`{}` is gone", field.name()));
        }
    }
    (!differences.is_empty()).then(|| differences.join(", "))
}
