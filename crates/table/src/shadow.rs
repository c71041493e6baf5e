//! A shadow: a table that is built beside another one and put in its place.
//!
//! Invariant: the swap is one commit of the table that stays. It takes the old files out, brings the shadow's files in, and with them
//! columns and progress, so that a reader sees all of the old rows or all of the new ones, older versions stay readable, and a crash
//! leaves one of the two. The files are in the table's folder before the commit names them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{Action, Add, MetadataExt, Remove, StructType};
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{self, CopyMode, CopyOptions, ObjectStore, ObjectStoreExt};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use futures::{StreamExt, TryStreamExt, stream};

use crate::columns::{stored_schema, with_evolved, without_evolved};
use crate::commit::Commit;
use crate::error::TableError;
use crate::files::WrittenFiles;
use crate::location::TableLocation;
use crate::table::{Table, delta};

/// Files that are copied at a time.
const COPIES: usize = 16;

impl Table {
    /// Puts the rows of `shadow` in the place of those that this table has, and gives it the columns that it was opened for and those
    /// that the shadow got by [`Table::evolve`], in one commit with the progress. Returns whether anything was written: nothing is where
    /// the table holds this progress already, so at least one of it has to move.
    ///
    /// The shadow keeps its files. Files that both tables have (see [`Table::at_version`]) stay as they are.
    ///
    /// # Errors
    /// [`TableError::Position`] where the table is elsewhere than the commit begins; [`TableError::Delta`], after which the table is
    /// as it was and the swap may be tried again.
    pub async fn swap(&mut self, shadow: &Table, commit: &Commit) -> Result<bool, TableError> {
        // A merge under way moves the rows that are to go, and the removal of files that no commit names would not wait for the commit
        // that names the copies.
        self.rest_all_the_same().await;
        let shadow_files = files_of(&shadow.table).map_err(|e| delta("read", &shadow.name, e))?;
        let own: HashSet<String> = self.files()?.into_iter().map(|file| file.path).collect();
        let new: Vec<Add> = shadow_files.iter().filter(|file| !own.contains(&file.path)).cloned().collect();
        self.copy_files(shadow, &new)
            .await
            .map_err(|error| delta("copy files into", &self.name, DeltaTableError::from(error)))?;
        let kept = shadow_files.into_iter().map(|file| file.path).collect();
        let columns = with_evolved(&without_evolved(&self.schema), &stored_schema(&shadow.name, &shadow.table)?);
        self.replace_files(new, &kept, columns, commit).await
    }

    /// Puts rows that were written with [`Table::begin_files`] in the place of all that the table has, in one commit; else as
    /// [`Table::swap`].
    ///
    /// # Errors
    /// As [`Table::swap`].
    pub async fn overwrite(&mut self, files: WrittenFiles, commit: &Commit) -> Result<bool, TableError> {
        self.rest_all_the_same().await;
        self.replace_files(files.adds, &HashSet::new(), Arc::clone(&self.schema), commit).await
    }

    /// The table as it was at a version, for reading.
    ///
    /// # Errors
    /// [`TableError::Delta`], also where the version is gone.
    pub async fn at_version(location: &TableLocation, version: u64) -> Result<Self, TableError> {
        let name = location.name();
        let table = location.load_version(version).await.map_err(|e| delta("read an old version of", &name, e))?;
        Self::of(location, table)
    }

    async fn replace_files(
        &mut self,
        new: Vec<Add>,
        kept: &HashSet<String>,
        columns: SchemaRef,
        commit: &Commit,
    ) -> Result<bool, TableError> {
        let failed = |e| delta("read", &self.name, e);
        let snapshot = self.table.snapshot().map_err(failed)?;
        let removed: Vec<Remove> = snapshot
            .log_data()
            .iter()
            .filter(|file| !kept.contains(file.path().as_ref()))
            .map(|file| file.remove_action(true))
            .collect();
        let mut actions: Vec<Action> = removed.into_iter().map(Action::Remove).collect();
        actions.extend(new.into_iter().map(Action::Add));
        if self.other_columns.is_some() || columns != self.schema {
            let columns: StructType =
                columns.as_ref().try_into_kernel().map_err(|error| failed(DeltaTableError::from(error)))?;
            let metadata = snapshot
                .metadata()
                .clone()
                .with_schema(&columns)
                .map_err(|error| failed(DeltaTableError::from(error)))?;
            actions.push(Action::Metadata(metadata));
        }
        let operation = DeltaOperation::Write { mode: SaveMode::Overwrite, partition_by: None, predicate: None };
        let written = self.commit_actions(actions, operation, commit).await?;
        self.other_columns = None;
        self.schema = columns;
        Ok(written)
    }

    /// Copies files of another table into this one's folder, several at a time.
    async fn copy_files(&self, from: &Table, files: &[Add]) -> object_store::Result<()> {
        let place = |table: &Table, name: &str| -> object_store::Result<Path> {
            let folder = Path::from_url_path(table.table.table_url().path())?;
            Ok(Path::from_iter(folder.parts().chain(Path::parse(name)?.parts())))
        };
        let mut copies = Vec::with_capacity(files.len());
        for file in files {
            copies.push((place(from, &file.path)?, place(self, &file.path)?));
        }
        let store = self.table.log_store().root_object_store(None);
        let copied = stream::iter(copies).map(move |(original, copy)| {
            let store = Arc::clone(&store);
            async move {
                let options = CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
                match store.copy_opts(&original, &copy, options).await {
                    // From an earlier try, or of an older version: names of data files are never used twice.
                    Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                    copied => copied,
                }
            }
        });
        copied.buffer_unordered(COPIES).try_collect().await
    }

    fn files(&self) -> Result<Vec<Add>, TableError> {
        files_of(&self.table).map_err(|e| delta("read", &self.name, e))
    }
}

impl TableLocation {
    /// Removes a table whole: a shadow that is done with. Nothing happens where there is none.
    ///
    /// # Errors
    /// [`TableError::Delta`]; what is left then is removed by a further call.
    pub async fn remove(&self) -> Result<(), TableError> {
        let failed = |error: object_store::Error| delta("remove", &self.name(), DeltaTableError::from(error));
        let folder = Path::from_url_path(self.url().path()).map_err(|error| failed(error.into()))?;
        if self.url().to_file_path().is_ok_and(|folder| !folder.exists()) {
            return Ok(());
        }
        let mut files: Vec<Path> =
            self.store().list(Some(&folder)).map_ok(|meta| meta.location).try_collect().await.map_err(failed)?;
        // The newest commit goes first: without its log nobody takes what a crash leaves for a table.
        files.sort_unstable_by_key(|file| std::cmp::Reverse(file.as_ref().contains("/_delta_log/")));
        for file in files {
            self.store().delete(&file).await.map_err(failed)?;
        }
        Ok(())
    }
}

fn files_of(table: &DeltaTable) -> Result<Vec<Add>, DeltaTableError> {
    // The library would rather give Arrow columns, which would have to be made actions again.
    #[expect(deprecated)]
    let adds = table.snapshot()?.log_data().iter().map(|file| file.add_action()).collect();
    Ok(adds)
}
