//! What keeps a table healthy for months: merging small files, and letting old versions go.
//!
//! Files are merged in steps of size, as in a log-structured merge tree: a row is written again a few times in its life, not with
//! every merge. Everything runs beside the commits of the same process. A merge changes no rows, so neither stands in the other's way.

use std::num::NonZeroU64;

use deltalake::DeltaTable;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::parquet::basic::Compression;
use deltalake::parquet::file::properties::WriterProperties;
use tokio::task::JoinHandle;

use crate::encoding::GROUP_ROWS;
use crate::error::TableError;
use crate::old_versions;
use crate::table::delta;

/// How a table is kept healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// Files are merged up to about this many bytes.
    pub target_file_bytes: NonZeroU64,
    /// This many commits back a version of the table stays readable (time travel). Once half as many more have come,
    /// what is older goes: entries of the table's log, and files that no kept version has.
    pub kept_commits: u64,
}

impl Default for Upkeep {
    /// Files of 64 MiB, a thousand commits.
    fn default() -> Self {
        const TARGET: NonZeroU64 = NonZeroU64::new(64 << 20).expect("it is not zero");
        Self { target_file_bytes: TARGET, kept_commits: 1_000 }
    }
}

/// The first step of merging makes files of up to this many bytes, each further one eight times as many, up to the target.
const FIRST_STEP: u64 = 1 << 20;
const STEP_FACTOR: u64 = 8;
/// So many commits' files wait for the first step: the cost of a commit and of a query grows with the number of files.
const FIRST_STEP_FILES: usize = 48;
/// So many files of one step wait for the next.
const STEP_FILES: usize = 16;

/// The upkeep of one table.
#[derive(Debug)]
pub(crate) struct UpkeepTask {
    settings: Upkeep,
    running: Option<JoinHandle<Result<(), TableError>>>,
    /// Files of the first step that merging left over: it would not make fewer of them.
    left_over: usize,
    /// The version at which old versions were looked for last.
    cleaned_at: u64,
}

impl UpkeepTask {
    pub(crate) fn new(settings: Upkeep) -> Self {
        Self { settings, running: None, left_over: 0, cleaned_at: 0 }
    }

    pub(crate) fn settings(&self) -> Upkeep {
        self.settings
    }

    /// The outcome of what was begun, if it is over.
    pub(crate) async fn take_finished(&mut self) -> Result<(), TableError> {
        match &self.running {
            Some(running) if running.is_finished() => self.wait().await,
            _ => Ok(()),
        }
    }

    /// The outcome of what was begun.
    pub(crate) async fn wait(&mut self) -> Result<(), TableError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let done = running.await.unwrap_or_else(|stopped| {
            tracing::error!(%stopped, "the upkeep of a table broke down; it is tried again");
            Ok(())
        });
        if done.is_err() {
            // What was to be merged is there still. (Commits that come faster than a merge can overtake it.)
            self.left_over = 0;
        }
        done
    }

    /// Begins what is due of `table`, unless something is under way.
    pub(crate) fn begin_if_due(&mut self, name: &str, table: &DeltaTable) -> Result<(), TableError> {
        if self.running.is_some() {
            return Ok(());
        }
        let version = table.version().unwrap_or_default();
        let step = self.due_step(name, table)?;
        let clean = version >= self.cleaned_at + (self.settings.kept_commits / 2).max(1);
        if step.is_none() && !clean {
            return Ok(());
        }
        let (name, table, settings) = (name.to_owned(), table.clone(), self.settings);
        if clean {
            self.cleaned_at = version;
        }
        self.running = Some(tokio::spawn(async move {
            let mut table = table;
            if let Some(step) = step {
                table = merge(&name, table, step).await?;
            }
            if clean {
                old_versions::drop_old(&name, &table, settings.kept_commits).await?;
            }
            Ok(())
        }));
        Ok(())
    }

    /// The size up to which files should be merged now: that of the largest step that is due.
    fn due_step(&mut self, name: &str, table: &DeltaTable) -> Result<Option<NonZeroU64>, TableError> {
        let snapshot = table.snapshot().map_err(|e| delta("read", name, e))?;
        let sizes: Vec<u64> = snapshot.log_data().iter().map(|file| file.size().unsigned_abs()).collect();
        let target = self.settings.target_file_bytes.get();
        let (mut below, mut step, mut due) = (0, FIRST_STEP.min(target), None);
        loop {
            // A file counts for the step that would merge it: it is half full at most.
            let waiting = sizes.iter().filter(|size| (below..=step / 2).contains(*size)).count();
            if below == 0 {
                self.left_over = self.left_over.min(waiting);
                if waiting >= self.left_over + FIRST_STEP_FILES {
                    self.left_over = waiting;
                    due = NonZeroU64::new(step);
                }
            } else if waiting >= STEP_FILES {
                due = NonZeroU64::new(step);
            }
            if step >= target {
                return Ok(due);
            }
            below = step / 2 + 1;
            step = step.saturating_mul(STEP_FACTOR).min(target);
        }
    }
}

async fn merge(name: &str, table: DeltaTable, step: NonZeroU64) -> Result<DeltaTable, TableError> {
    // The compression of every other file of the table: a stronger one would cost more time than all the rest of merging.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let merge = table.optimize().with_target_size(step).with_writer_properties(properties);
    let merged = merge.with_commit_properties(without_cleaning()).await;
    let (table, metrics) = merged.map_err(|e| delta("compact", name, e))?;
    tracing::debug!(
        table = name,
        step,
        removed = metrics.num_files_removed,
        added = metrics.num_files_added,
        "merged files"
    );
    Ok(table)
}

/// Commits do not clean the table's log up themselves: that costs a listing, goes by the age of files, and knows nothing of the
/// files that go with the versions.
pub(crate) fn without_cleaning() -> CommitProperties {
    CommitProperties::default().with_cleanup_expired_logs(Some(false))
}
