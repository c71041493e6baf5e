//! What the table's log tells of its commits.

use deltalake::DeltaTableError;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{self, ObjectMeta, ObjectStore, ObjectStoreExt};
use futures::TryStreamExt;
use pinflow_event::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::TableError;
use crate::location::TableLocation;
use crate::table::{Table, delta};

/// A commit of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What kind of commit it was, as Delta calls it: `WRITE`, `OPTIMIZE`.
    pub operation: Option<String>,
    /// What its maker noted of it, by names that begin with `pinflow.`.
    pub notes: Map<String, Value>,
}

impl Table {
    /// The commits whose entries are kept, oldest first.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn past_commits(&self) -> Result<Vec<PastCommit>, TableError> {
        let store = self.table.log_store().object_store(None);
        read(store.as_ref()).await.map_err(|e| delta("read the history of", &self.name, e))
    }
}

impl TableLocation {
    /// As [`Table::past_commits`], of a table that somebody else has open; none where there is no table.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn past_commits(&self) -> Result<Vec<PastCommit>, TableError> {
        let commits = async { read(self.log_store()?.object_store(None).as_ref()).await };
        commits.await.map_err(|e| delta("read the history of", &self.name(), e))
    }
}

async fn read(store: &dyn ObjectStore) -> Result<Vec<PastCommit>, DeltaTableError> {
    let entries: Vec<ObjectMeta> = store.list(Some(&Path::from("_delta_log"))).try_collect().await?;
    let version = |entry: &ObjectMeta| entry.location.filename()?.strip_suffix(".json")?.parse().ok();
    let mut versions: Vec<u64> = entries.iter().filter_map(version).collect();
    versions.sort_unstable();
    let mut commits = Vec::with_capacity(versions.len());
    for version in versions {
        let entry = Path::from(format!("_delta_log/{version:020}.json"));
        let content = match store.get(&entry).await {
            Ok(entry) => entry.bytes().await?,
            // The table's upkeep took it away since it was listed.
            Err(object_store::Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        commits.push(parse(version, &content).map_err(|error| DeltaTableError::generic(error.to_string()))?);
    }
    Ok(commits)
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
    operation: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

fn parse(version: u64, content: &[u8]) -> serde_json::Result<PastCommit> {
    let mut commit = PastCommit { version, ..PastCommit::default() };
    for action in serde_json::Deserializer::from_slice(content).into_iter::<Action>() {
        let Action { add, remove, txn, commit_info } = action?;
        commit.adds_rows |= add.is_some_and(|file| file.data_change);
        commit.removes_rows |= remove.is_some_and(|file| file.data_change);
        commit.progress.extend(txn.map(|txn| (txn.app_id, txn.version)));
        if let Some(info) = commit_info {
            commit.time = info.timestamp.map(Timestamp::from_millis);
            commit.operation = info.operation;
            commit.notes = info.further.into_iter().filter(|(name, _)| name.starts_with("pinflow.")).collect();
        }
    }
    Ok(commit)
}
