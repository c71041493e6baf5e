//! The data folder: what stands where, who has it, and where the node that has it listens.
//!
//! ```text
//! <data>/node.lock      held while a process has the folder
//! <data>/node.json      where the running node listens; there only while one runs
//! <data>/log/           the embedded log
//! <data>/archive/       raw objects: topics/<topic>/partition=<n>/...
//! <data>/tables/        Delta tables: <schema>/<table>/
//! <data>/runs/          the history of jobs, a file a run
//! <data>/source.db      the demo's source database
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::NodeError;

/// A data folder that this process has for itself.
#[derive(Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    _lock: File,
}

/// Where a running node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Its address for HTTP.
    pub url: Url,
    /// Its process.
    pub pid: u32,
}

impl DataFolder {
    /// Makes the folder where it is missing, and takes it.
    pub fn take(folder: &Path) -> Result<Self, NodeError> {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let root = folder.canonicalize().map_err(failed("open", folder))?;
        let path = root.join("node.lock");
        let lock =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(NodeError::InUse { folder: root.clone(), node: running_node(&root).map(|node| node.url) })
            }
            Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
        }
    }

    /// The id of the cluster that the data is of: `fresh` where the folder has none yet, and from then on.
    pub fn cluster_id(&self, fresh: String) -> Result<String, NodeError> {
        let (path, temporary) = (self.root.join("cluster.id"), self.root.join("cluster.id.new"));
        match fs::read_to_string(&path) {
            Ok(id) => Ok(id.trim_end().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::write(&temporary, &fresh).map_err(failed("write", &temporary))?;
                fs::rename(&temporary, &path).map_err(failed("write", &path))?;
                Ok(fresh)
            }
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    pub fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }

    pub fn answers(&self) -> PathBuf {
        self.root.join("answers")
    }

    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Says where the node listens. Written whole or not at all: a command may read it at any time.
    pub fn publish(&self, url: &Url) -> Result<(), NodeError> {
        let address = NodeAddress { url: url.clone(), pid: std::process::id() };
        let text = serde_json::to_vec(&address).expect("a URL and a number are JSON");
        let (path, temporary) = (self.root.join("node.json"), self.root.join("node.json.new"));
        fs::write(&temporary, text).map_err(failed("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(failed("write", &path))
    }

    /// Takes back [`DataFolder::publish`].
    pub fn withdraw(&self) -> Result<(), NodeError> {
        let path = self.root.join("node.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

/// Where the node that has the data folder listens, if one has it and listens. What a crash left behind is no node: the lock tells.
pub fn running_node(data: &Path) -> Option<NodeAddress> {
    let lock = File::open(data.join("node.lock")).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_slice(&fs::read(data.join("node.json")).ok()?).ok(),
        _ => None,
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> NodeError {
    let path = path.to_owned();
    move |source| NodeError::Folder { action, path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cluster_keeps_its_id() {
        let data = tempfile::tempdir().unwrap();
        let folder = DataFolder::take(data.path()).unwrap();
        assert_eq!(folder.cluster_id("first".to_owned()).unwrap(), "first");
        drop(folder);
        let folder = DataFolder::take(data.path()).unwrap();
        assert_eq!(folder.cluster_id("second".to_owned()).unwrap(), "first");
    }

    #[test]
    fn one_process_has_the_folder_and_tells_where_it_listens() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        assert_eq!(running_node(&data), None);
        let folder = DataFolder::take(&data).unwrap();
        let url: Url = "http://127.0.0.1:8080/".parse().unwrap();
        folder.publish(&url).unwrap();
        assert_eq!(running_node(&data).unwrap().url, url);
        assert!(matches!(DataFolder::take(&data), Err(NodeError::InUse { node: Some(_), .. })));
        // A crash leaves node.json behind, but not the lock.
        drop(folder);
        assert_eq!(running_node(&data), None);
        DataFolder::take(&data).unwrap().withdraw().unwrap();
        assert!(!data.join("node.json").exists());
    }
}
