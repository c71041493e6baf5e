//! What the table's log tells of its commits.

use deltalake::DeltaTableError;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use futures::TryStreamExt;
use pinflow_event::Timestamp;
use serde::Deserialize;

use crate::error::TableError;
use crate::table::{Table, delta};

/// A commit of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCommit {
    /// The version that it made.
    pub version: u64,
    /// When it was made, by the clock of who made it.
    pub time: Option<Timestamp>,
    /// Whether it brought rows in.
    pub adds_rows: bool,
    /// Whether it took rows out.
    pub removes_rows: bool,
    /// Where it brought applications to.
    pub progress: Vec<(String, i64)>,
}

impl Table {
    /// The commits whose entries are kept, oldest first.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn past_commits(&self) -> Result<Vec<PastCommit>, TableError> {
        let failed = |e: DeltaTableError| delta("read the history of", &self.name, e);
        let store = self.table.log_store().object_store(None);
        let entries = store.list(Some(&Path::from("_delta_log"))).try_collect::<Vec<_>>();
        let entries = entries.await.map_err(|error| failed(error.into()))?;
        let version = |entry: &ObjectMeta| entry.location.filename()?.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<u64> = entries.iter().filter_map(version).collect();
        versions.sort_unstable();
        let mut commits = Vec::with_capacity(versions.len());
        for version in versions {
            let entry = Path::from(format!("_delta_log/{version:020}.json"));
            let read = async { store.get(&entry).await?.bytes().await };
            let content = read.await.map_err(|error| failed(error.into()))?;
            let commit = parse(version, &content);
            commits.push(commit.map_err(|error| failed(DeltaTableError::generic(error.to_string())))?);
        }
        Ok(commits)
    }
}

/// An action of a commit, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    add: Option<File>,
    remove: Option<File>,
    txn: Option<Transaction>,
    commit_info: Option<CommitInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    data_change: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    app_id: String,
    version: i64,
}

#[derive(Deserialize)]
struct CommitInfo {
    timestamp: Option<i64>,
}

fn parse(version: u64, content: &[u8]) -> serde_json::Result<PastCommit> {
    let mut commit = PastCommit { version, time: None, adds_rows: false, removes_rows: false, progress: Vec::new() };
    for action in serde_json::Deserializer::from_slice(content).into_iter::<Action>() {
        let Action { add, remove, txn, commit_info } = action?;
        commit.adds_rows |= add.is_some_and(|file| file.data_change);
        commit.removes_rows |= remove.is_some_and(|file| file.data_change);
        commit.progress.extend(txn.map(|txn| (txn.app_id, txn.version)));
        commit.time = commit.time.or(commit_info.and_then(|info| info.timestamp).map(Timestamp::from_millis));
    }
    Ok(commit)
}
