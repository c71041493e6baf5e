//! Where tables stand: `<root>/<schema>/<table>`, the schema being the one that SQL shows.

use std::path::{Path, PathBuf};

use url::Url;

use crate::TableError;

/// The place below which all tables of a node stand.
#[derive(Clone, Debug)]
pub struct TableRoot(Url);

impl TableRoot {
    /// A local folder, which need not exist yet.
    ///
    /// # Errors
    /// [`TableError::Location`] where the path is not absolute.
    pub fn local(folder: &Path) -> Result<Self, TableError> {
        Url::from_directory_path(folder).map(Self).map_err(|()| TableError::Location {
            location: folder.display().to_string(),
            reason: "the path is not absolute".to_owned(),
        })
    }

    /// The place of one table. Both names are `[A-Za-z0-9_-]+`.
    ///
    /// # Errors
    /// [`TableError::Location`] for a name that would leave the root.
    pub fn table(&self, schema: &str, table: &str) -> Result<Url, TableError> {
        for name in [schema, table] {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
                return Err(TableError::Location {
                    location: format!("{schema}/{table}"),
                    reason: format!("`{name}` may hold ASCII letters, digits, `_` and `-` only"),
                });
            }
        }
        self.0
            .join(&format!("{schema}/{table}/"))
            .map_err(|error| TableError::Location { location: format!("{schema}/{table}"), reason: error.to_string() })
    }
}

/// The local folder of a table, where it is local.
pub(crate) fn local_folder(table: &Url) -> Option<PathBuf> {
    if table.scheme() == "file" { table.to_file_path().ok() } else { None }
}
