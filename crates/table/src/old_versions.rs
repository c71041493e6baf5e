//! Lets old versions of a table go: the entries of its log, and the data files that no kept version has.
//!
//! A data file goes for one of two reasons. A commit that is itself too old took it out of the table; then every kept version is
//! later than that. Or no commit ever named it, because a crash came between the file and its commit; then it is older than any
//! write that may still be under way.

use std::collections::HashSet;

use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use deltalake::protocol::checkpoints::cleanup_expired_logs_for;
use deltalake::{DeltaTable, DeltaTableError};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::error::TableError;
use crate::table::delta;

/// A file that no commit names may belong to a write under way, unless the table has one that is so much younger.
const LONGEST_WRITE_SECONDS: i64 = 3_600;
/// Milliseconds since the epoch that no file's time reaches: versions go by number, not by age. (The year 9999.)
const ANY_AGE: i64 = 253_370_764_800_000;

/// Lets go of what only versions before the newest `kept` commits need.
pub(crate) async fn drop_old(name: &str, table: &DeltaTable, kept: u64) -> Result<(), TableError> {
    let failed = |source| delta("clean up the old versions of", name, source);
    let Some(floor) = table.version().unwrap_or_default().checked_sub(kept) else { return Ok(()) };
    let store = table.log_store().object_store(None);
    let log = list(&*store, &Path::from("_delta_log")).await.map_err(failed)?;
    // A version is read from the checkpoint before it, so the log is cut at one.
    let Some(cut) = log.iter().filter_map(checkpoint_version).filter(|version| *version <= floor).max() else {
        return Ok(());
    };
    let (old, new) = (|version: &u64| *version <= cut, |version: &u64| *version > cut);
    let taken_out = files_of(&*store, log.iter().filter_map(commit_version).filter(old)).await.map_err(failed)?.removed;
    let recent = files_of(&*store, log.iter().filter_map(commit_version).filter(new)).await.map_err(failed)?;
    let mut needed: HashSet<String> = recent.removed.into_iter().chain(recent.added).collect();
    let snapshot = table.snapshot().map_err(failed)?;
    needed.extend(snapshot.log_data().iter().map(|file| file.path().into_owned()));

    let files = list(&*store, &Path::default()).await.map_err(failed)?;
    let newest = files.iter().map(|file| file.last_modified.timestamp()).max().unwrap_or_default();
    let unneeded = files.into_iter().filter(|file| !in_log(file)).filter(|file| {
        let path = file.location.as_ref();
        let forgotten = file.last_modified.timestamp() + LONGEST_WRITE_SECONDS < newest;
        !needed.contains(path) && (taken_out.contains(path) || forgotten)
    });
    let unneeded: Vec<_> = unneeded.map(|file| Ok(file.location)).collect();
    let files = unneeded.len();
    // The files go first: as long as the log's entries are there, a crash leaves something that says which files are to go.
    store.delete_stream(stream::iter(unneeded).boxed()).try_collect::<Vec<_>>().await.map_err(|e| failed(e.into()))?;
    let entries = cleanup_expired_logs_for(cut, table.log_store().as_ref(), ANY_AGE, None).await.map_err(failed)?;
    tracing::debug!(table = name, before = cut, files, entries, "let old versions go");
    Ok(())
}

/// What commits did with data files.
#[derive(Default)]
struct Files {
    added: HashSet<String>,
    removed: HashSet<String>,
}

/// An action of a commit, as far as it names a file.
#[derive(Deserialize)]
struct Action {
    add: Option<Named>,
    remove: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    path: String,
}

async fn files_of(store: &dyn ObjectStore, versions: impl Iterator<Item = u64>) -> Result<Files, DeltaTableError> {
    let mut files = Files::default();
    for version in versions {
        let commit = store.get(&Path::from(format!("_delta_log/{version:020}.json"))).await?.bytes().await?;
        for action in serde_json::Deserializer::from_slice(&commit).into_iter::<Action>() {
            let Action { add, remove } = action.map_err(|error| DeltaTableError::generic(error.to_string()))?;
            files.added.extend(add.map(|file| file.path));
            files.removed.extend(remove.map(|file| file.path));
        }
    }
    Ok(files)
}

async fn list(store: &dyn ObjectStore, folder: &Path) -> Result<Vec<ObjectMeta>, DeltaTableError> {
    Ok(store.list(Some(folder)).try_collect().await?)
}

fn in_log(file: &ObjectMeta) -> bool {
    file.location.parts().next().is_some_and(|part| part.as_ref() == "_delta_log")
}

fn commit_version(entry: &ObjectMeta) -> Option<u64> {
    entry.location.filename()?.strip_suffix(".json")?.parse().ok()
}

fn checkpoint_version(entry: &ObjectMeta) -> Option<u64> {
    entry.location.filename()?.strip_suffix(".checkpoint.parquet")?.parse().ok()
}
