//! One Delta table with its writer.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::datafusion::logical_expr::Expr;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{Action, StructType, Transaction};
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{self, PutMode, PutOptions, PutPayload};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError, TableProperty};
use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::columns::{is_evolved, stored_schema, with_evolved, without_evolved};
use crate::commit::{Commit, Progress};
use crate::error::TableError;
use crate::files::{TableFiles, WrittenFiles};
use crate::location::TableLocation;
use crate::merge::{self, Rewritten};
use crate::upkeep::{self, UpkeepTask};

/// A table that this process writes.
#[derive(Debug)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) table: DeltaTable,
    /// The columns that rows are written with.
    pub(crate) schema: SchemaRef,
    /// How the columns that it has differ from those, until a shadow brings them.
    pub(crate) other_columns: Option<String>,
    /// The progress that this process has read or written, by application.
    progress: HashMap<String, i64>,
    upkeep: UpkeepTask,
    /// How it is opened, as long as it is not.
    unopened: Option<Opening>,
}

/// How a table is opened that may not be there, or may have other columns.
#[derive(Clone, Debug)]
struct Opening {
    location: TableLocation,
    schema: SchemaRef,
    columns: OtherColumns,
}

/// What becomes of a table that has other columns than it is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherColumns {
    /// It can be read and replaced, and takes no rows; see [`Table::open_outdated`].
    Read,
    /// It gets those that it lacks; see [`Table::open_and_widen`].
    Add,
}

impl Table {
    /// A table that [`Table::reload`] opens: for whoever must not wait for a store that cannot be reached. Until then whatever is asked
    /// of it fails.
    ///
    /// # Errors
    /// [`TableError::Delta`] where the location is none.
    pub fn unopened(location: &TableLocation, schema: &SchemaRef, columns: OtherColumns) -> Result<Self, TableError> {
        let name = location.name();
        let table = DeltaTable::new(location.log_store().map_err(|e| delta("open", &name, e))?);
        let opening = Opening { location: location.clone(), schema: Arc::clone(schema), columns };
        Ok(Self {
            name,
            table,
            schema: Arc::clone(schema),
            other_columns: None,
            progress: HashMap::new(),
            upkeep: UpkeepTask::new(location.upkeep()),
            unopened: Some(opening),
        })
    }

    /// Opens the table at `location`, or makes it with the columns of `schema`. Columns that it got by [`Table::evolve`] may be there
    /// too.
    ///
    /// # Errors
    /// [`TableError::SchemaChanged`] where it has other columns; [`TableError::Delta`].
    pub async fn open(location: &TableLocation, schema: &SchemaRef) -> Result<Self, TableError> {
        let table = Self::open_outdated(location, schema).await?;
        table.check_columns()?;
        Ok(table)
    }

    /// As [`Table::open`], also where the table has other columns: it can be read and replaced ([`Table::swap`]) then, and appending
    /// rows fails with [`TableError::SchemaChanged`].
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn open_outdated(location: &TableLocation, schema: &SchemaRef) -> Result<Self, TableError> {
        let name = location.name();
        let failed = |action| {
            let name = name.clone();
            move |source| delta(action, &name, source)
        };
        let mut table = location.load().await.map_err(failed("open"))?;
        if table.version().is_none() {
            table = create(table, schema, SaveMode::ErrorIfExists).await.map_err(failed("create"))?;
        }
        let mut table = Self::of(location, table)?;
        table.other_columns = difference(&table.schema, schema);
        table.schema = with_evolved(schema, &table.schema);
        Ok(table)
    }

    /// A table that was loaded, with the columns that it has.
    pub(crate) fn of(location: &TableLocation, table: DeltaTable) -> Result<Self, TableError> {
        let name = location.name();
        let stored = stored_schema(&name, &table)?;

        let upkeep = UpkeepTask::new(location.upkeep());
        Ok(Self {
            name,
            table,
            schema: Arc::new(stored),
            other_columns: None,
            progress: HashMap::new(),
            upkeep,
            unopened: None,
        })
    }

    /// Whether rows can be appended.
    ///
    /// # Errors
    /// [`TableError::SchemaChanged`] where the table has other columns than it was opened for.
    pub fn check_columns(&self) -> Result<(), TableError> {
        match &self.other_columns {
            None => Ok(()),
            Some(difference) => {
                Err(TableError::SchemaChanged { table: self.name.clone(), difference: difference.clone() })
            }
        }
    }

    /// Removes the rows and the columns of the table at `location` and gives it the columns of `schema`; older versions stay
    /// readable by time travel.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn replace(location: &TableLocation, schema: &SchemaRef) -> Result<Self, TableError> {
        let name = location.name();
        let table = location.load().await.map_err(|e| delta("open", &name, e))?;
        create(table, schema, SaveMode::Overwrite).await.map_err(|e| delta("replace", &name, e))?;
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
        let files = if commit.rows.iter().all(|batch| batch.num_rows() == 0) {
            WrittenFiles::default()
        } else {
            let files = self.begin_files()?;
            for batch in &commit.rows {
                files.write(batch.clone()).await;
            }
            files.finish().await?
        };
        self.commit_files(files, commit).await
    }

    /// Commits files that were written before, in place of the rows of `commit`; else as [`Table::commit`].
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn commit_files(&mut self, files: WrittenFiles, commit: &Commit) -> Result<bool, TableError> {
        self.check_columns()?;
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        self.commit_actions(files.adds.into_iter().map(Action::Add).collect(), operation, commit).await
    }

    /// Commits actions and progress, unless the table holds the progress already.
    pub(crate) async fn commit_actions(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        commit: &Commit,
    ) -> Result<bool, TableError> {
        if self.holds(&commit.progress).await? {
            return Ok(false);
        }
        let outcome = self.write_commit(actions, operation, commit).await;
        if let Err(error) = outcome {
            // The store may have taken the commit and lost the answer: what the table says decides.
            self.reload().await?;
            if commit.progress.is_empty() || !self.holds(&commit.progress).await? {
                return Err(error);
            }
            self.confirm_newest_commit(error).await?;
        }
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

    /// Begins what keeps the table healthy, if it is due and not under way: merging small files, cleaning up old entries of the
    /// table's log and files that no kept version has. It goes on beside later commits, which do not wait for it. Commits the
    /// merge that an earlier call began, once its files are written.
    ///
    /// # Errors
    /// What the one before failed of; the rows are untouched then, and a later call tries again.
    pub async fn keep_healthy(&mut self) -> Result<(), TableError> {
        let finished = self.upkeep.take_finished().await;
        let done = self.take_over(finished).await;
        self.upkeep.begin_if_due(&self.name, &self.table)?;
        done
    }

    /// Waits for what [`Table::keep_healthy`] began, and commits it where it was a merge.
    ///
    /// # Errors
    /// What it failed of.
    pub async fn rest(&mut self) -> Result<(), TableError> {
        let finished = self.upkeep.wait().await;
        self.take_over(finished).await
    }

    /// As [`Table::rest`], for whoever only has to be alone with the table: where upkeep failed, the files are as they were.
    pub(crate) async fn rest_all_the_same(&mut self) {
        if let Err(error) = self.rest().await {
            tracing::warn!(table = %self.name, %error, "small files and old versions stay for now");
        }
    }

    async fn take_over(&mut self, finished: Result<Option<Rewritten>, TableError>) -> Result<(), TableError> {
        let Some(rewritten) = finished? else { return Ok(()) };
        let exchanged = merge::exchange(&self.name, &mut self.table, rewritten).await;
        if exchanged.is_err() {
            // The store may have taken it and lost the answer. Rows and progress are the same either way.
            self.reload().await?;
        }
        exchanged
    }

    /// Deletes the rows for which `condition` holds.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn delete(&mut self, condition: Expr) -> Result<(), TableError> {
        // A merge under way would be in vain: it moves the rows that are to go.
        self.rest_all_the_same().await;
        let deleted = self.table.clone().delete().with_predicate(condition);
        let deleted = deleted.with_commit_properties(upkeep::without_cleaning()).await;
        let (table, _) = deleted.map_err(|e| delta("delete from", &self.name, e))?;
        self.table = table;
        Ok(())
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

    /// Begins files that no reader sees until [`Table::commit_files`].
    ///
    /// # Errors
    /// [`TableError::SchemaChanged`], [`TableError::Delta`].
    pub fn begin_files(&self) -> Result<TableFiles, TableError> {
        self.check_columns()?;
        TableFiles::begin(&self.name, &self.table, self.upkeep.settings().target_file_bytes)
    }

    pub(crate) async fn write_commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        commit: &Commit,
    ) -> Result<(), TableError> {
        let transactions = commit.progress.iter().map(|p| Transaction::new(&p.application, p.to)).collect();
        let properties = upkeep::without_cleaning()
            .with_application_transactions(transactions)
            .with_metadata(commit.notes.iter().cloned());
        let failed = |e| delta("commit to", &self.name, e);
        let snapshot = self.table.snapshot().map_err(failed)?;
        let finished = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot), self.table.log_store(), operation)
            .await
            .map_err(failed)?;
        self.table.state = Some(finished.snapshot());
        Ok(())
    }

    /// Reads anew what the table holds: after a commit whose outcome is not known. Opens it where it is not open yet.
    ///
    /// # Errors
    /// [`TableError::Delta`]; those of opening.
    pub async fn reload(&mut self) -> Result<(), TableError> {
        if self.unopened.is_some() {
            return self.open_now().await;
        }
        self.progress.clear();
        self.table.update_state().await.map_err(|e| delta("read", &self.name, e))?;
        self.schema = with_evolved(&without_evolved(&self.schema), &stored_schema(&self.name, &self.table)?);
        Ok(())
    }

    /// Opens the table where it is not open yet.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn open_now(&mut self) -> Result<(), TableError> {
        if let Some(Opening { location, schema, columns }) = self.unopened.clone() {
            *self = match columns {
                OtherColumns::Read => Self::open_outdated(&location, &schema).await?,
                OtherColumns::Add => Self::open_and_widen(&location, &schema).await?,
            };
        }
        Ok(())
    }

    /// After a commit that was reported as failed and is there all the same: whether its name survives a power cut is not known.
    /// Putting it once more tells, for a store syncs the name of an object that it refuses to replace.
    async fn confirm_newest_commit(&self, error: TableError) -> Result<(), TableError> {
        let store = self.table.log_store().object_store(None);
        let commit = Path::from(format!("_delta_log/{:020}.json", self.version()));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match store.put_opts(&commit, PutPayload::default(), create).await {
            Err(object_store::Error::AlreadyExists { .. }) => {
                tracing::warn!(table = %self.name, %error, "a commit was reported as failed, but the table holds it");
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// How long a checkpoint names the files that were taken out of the table. Readers do not need to know, and what has to be deleted is
/// read off the commits; with Delta's week, checkpoints would grow with every commit of that week.
const TOMBSTONES_KEPT: &str = "interval 1 minutes";
/// Commits from one checkpoint to the next: whoever opens the table reads so many of them at most, and a commit takes the longer the
/// more there are.
const CHECKPOINT_INTERVAL: &str = "20";

async fn create(table: DeltaTable, schema: &Schema, mode: SaveMode) -> Result<DeltaTable, DeltaTableError> {
    let columns: StructType = schema.try_into_kernel()?;
    table
        .create()
        .with_columns(columns.fields().cloned())
        .with_configuration_property(TableProperty::DeletedFileRetentionDuration, Some(TOMBSTONES_KEPT))
        .with_configuration_property(TableProperty::CheckpointInterval, Some(CHECKPOINT_INTERVAL))
        .with_save_mode(mode)
        .await
}

pub(crate) fn delta(action: &'static str, table: &str, source: DeltaTableError) -> TableError {
    TableError::Delta { action, table: table.to_owned(), source: Box::new(source) }
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
        if wanted.field_with_name(field.name()).is_err() && !is_evolved(field) {
            differences.push(format!("`{}` is gone", field.name()));
        }
    }
    (!differences.is_empty()).then(|| differences.join(", "))
}
