//! Where the files of a pipeline come from: a folder on disk, or the one in the binary.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::built_in::BuiltIn;

/// A folder with a pipeline. Paths are relative, with `/` between their parts.
pub(crate) enum Folder<'a> {
    /// On disk.
    Disk(&'a Path),
    /// In the binary.
    BuiltIn,
}

impl Folder<'_> {
    /// How the folder is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Folder::Disk(path) => path.display().to_string(),
            Folder::BuiltIn => "the built-in pipeline".to_owned(),
        }
    }

    /// The bytes of a file; `None` where there is no such file.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self {
            Folder::Disk(root) => match fs::read(root.join(path)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Folder::BuiltIn => Ok(BuiltIn::get(path).map(|file| file.data.into_owned())),
        }
    }

    /// The names of the files (not folders) right in `folder`, sorted; empty where there is no such folder.
    pub(crate) fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = match self {
            Folder::Disk(root) => list_disk(&root.join(folder))?,
            Folder::BuiltIn => list_built_in(folder),
        };
        names.sort();
        Ok(names)
    }
}

fn list_disk(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Through `metadata`, so that a link to a file counts as one.
        if !fs::metadata(entry.path())?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn list_built_in(folder: &str) -> Vec<String> {
    BuiltIn::iter()
        .map(|path| PathBuf::from(path.as_ref()))
        .filter(|path| path.parent() == Some(Path::new(folder)))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect()
}
