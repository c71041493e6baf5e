//! What can go wrong with the folder of a store. What goes wrong with one object is an `object_store::Error`.

use std::path::PathBuf;
use std::sync::Arc;

/// A store that cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot hold objects.
    #[error("cannot {action} the folder {}: {source}", path.display())]
    Folder {
        /// What was tried.
        action: &'static str,
        /// On which folder.
        path: PathBuf,
        /// Why not.
        source: Arc<std::io::Error>,
    },
}
