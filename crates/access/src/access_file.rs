//! The file of the access list that counts, read again when it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::access::Access;
use crate::error::AccessError;
use crate::list::AccessList;

/// A file, and the access that it decides.
#[derive(Debug)]
pub struct AccessFile {
    file: PathBuf,
    access: Access,
    /// What the list that counts was read from.
    text: Mutex<Text>,
}

impl AccessFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn open(file: &Path) -> Result<Self, AccessError> {
        let text = read(file)?;
        let access = Access::listed(AccessList::parse(&text.0, file)?);
        Ok(Self { file: file.to_owned(), access, text: Mutex::new(text) })
    }

    /// The access that the file decides, now and later.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Reads the file again; its list counts from now on, where it has changed. Says whether it has.
    ///
    /// # Errors
    /// [`AccessError`]; the old list still counts.
    pub fn reload(&self) -> Result<bool, AccessError> {
        let text = read(&self.file)?;
        let mut used = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if *used == text {
            return Ok(false);
        }
        self.access.replace(AccessList::parse(&text.0, &self.file)?);
        *used = text;
        Ok(true)
    }
}

/// It holds secrets, and shows none.
#[derive(PartialEq, Eq)]
struct Text(String);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text(hidden)")
    }
}

fn read(file: &Path) -> Result<Text, AccessError> {
    fs::read_to_string(file).map(Text).map_err(|source| AccessError::File { file: file.to_owned(), source })
}
