//! What keeps a table healthy for months: merging small files, and letting old versions go.
//!
//! Files are merged in steps of size, as in a log-structured merge tree: a row is written again a few times in its life, not with
//! every merge. Rewriting and cleaning up run beside the commits of the same process; what is to be committed of them, the table
//! commits itself.

use std::num::NonZeroU64;

use deltalake::DeltaTable;
use deltalake::kernel::transaction::CommitProperties;
use tokio::task::JoinHandle;

use crate::error::TableError;
use crate::merge::{self, Rewritten};
use crate::old_versions;
use crate::table::delta;

/// How a table is kept healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// Files are merged up to about this many bytes.
    pub target_file_bytes: NonZeroU64,
    /// This many commits back a version of the table stays readable (time travel). Once half as many more have come, and eight at least,
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

/// So many commits come between two looks for old versions at least: merging has its turns between them.
const CLEANED_COMMITS: u64 = 8;

/// The upkeep of one table.
#[derive(Debug)]
pub(crate) struct UpkeepTask {
    settings: Upkeep,
    running: Option<JoinHandle<Result<Option<Rewritten>, TableError>>>,
    /// Files of the first step that merging left over: it would not make fewer of them.
    left_over: usize,
    /// The version at which old versions were looked for last.
    cleaned_at: u64,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// Files are to be merged up to this size.
    Merge(NonZeroU64),
    /// Old versions are to go.
    Clean,
}

impl UpkeepTask {
    pub(crate) fn new(settings: Upkeep) -> Self {
        Self { settings, running: None, left_over: 0, cleaned_at: 0 }
    }

    pub(crate) fn settings(&self) -> Upkeep {
        self.settings
    }

    /// The outcome of what was begun, if it is over: files that the table has to commit, where it was a merge.
    pub(crate) async fn take_finished(&mut self) -> Result<Option<Rewritten>, TableError> {
        match &self.running {
            Some(running) if running.is_finished() => self.wait().await,
            _ => Ok(None),
        }
    }

    /// The outcome of what was begun, as [`UpkeepTask::take_finished`].
    pub(crate) async fn wait(&mut self) -> Result<Option<Rewritten>, TableError> {
        let Some(running) = &mut self.running else { return Ok(None) };
        let done = running.await.unwrap_or_else(|stopped| {
            tracing::error!(%stopped, "the upkeep of a table broke down; it is tried again");
            Ok(None)
        });
        // Not before its end: whoever gives up waiting leaves it to the next one.
        self.running = None;
        if done.is_err() {
            self.left_over = 0;
        }
        done
    }

    /// Begins what is due of `table`, unless something is under way.
    pub(crate) fn begin_if_due(&mut self, name: &str, table: &DeltaTable) -> Result<(), TableError> {
        if self.running.is_some() {
            return Ok(());
        }
        let Some(due) = self.due(name, table)? else { return Ok(()) };
        let (name, table, kept) = (name.to_owned(), table.clone(), self.settings.kept_commits);
        self.running = Some(tokio::spawn(async move {
            match due {
                Due::Merge(step) => merge::rewrite(&name, &table, step).await,
                Due::Clean => old_versions::drop_old(&name, &table, kept).await.map(|()| None),
            }
        }));
        Ok(())
    }

    fn due(&mut self, name: &str, table: &DeltaTable) -> Result<Option<Due>, TableError> {
        let version = table.version().unwrap_or_default();
        if version >= self.cleaned_at + (self.settings.kept_commits / 2).max(CLEANED_COMMITS) {
            self.cleaned_at = version;
            return Ok(Some(Due::Clean));
        }
        Ok(self.due_step(name, table)?.map(Due::Merge))
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

/// Whoever lets go of the table lets go of its upkeep: what is half written goes as the files of any broken write.
impl Drop for UpkeepTask {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

/// Commits do not clean the table's log up themselves: that costs a listing, goes by the age of files, and knows nothing of the
/// files that go with the versions.
pub(crate) fn without_cleaning() -> CommitProperties {
    CommitProperties::default().with_cleanup_expired_logs(Some(false))
}
