//! Makes a local table's files survive a power cut. The log deletes records once a lane says that they are in a table, so they must
//! be there. Object stores are durable when a put returns; the Delta library does not sync local files.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::TableError;

/// Syncs `files`, then each folder that holds one of them.
pub(crate) async fn sync(files: Vec<PathBuf>) -> Result<(), TableError> {
    let work = move || {
        for file in &files {
            sync_one(file)?;
        }
        let mut folders: Vec<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.into_iter().try_for_each(sync_one)
    };
    tokio::task::spawn_blocking(work).await.expect("syncing files does not panic")
}

fn sync_one(path: &Path) -> Result<(), TableError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| TableError::Durable { path: path.display().to_string(), source })
}
