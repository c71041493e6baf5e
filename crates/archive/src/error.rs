//! What can go wrong with the archive, and what to do about it.

use std::sync::Arc;

use object_store::path::Path;
use pinflow_event::{Offset, TopicName, TopicPartition};
use pinflow_log::LogError;

/// A failed archive operation.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The object store failed. Trying again may help.
    #[error("cannot {action} `{path}` in the archive: {source}")]
    Store {
        /// What was tried, as in "write" or "list".
        action: &'static str,
        /// On which object or folder.
        path: Path,
        /// Why not.
        source: Arc<object_store::Error>,
    },
    /// The log failed.
    #[error("the archive of {at} cannot read the log: {source}")]
    Log {
        /// The partition.
        at: TopicPartition,
        /// Why not.
        source: LogError,
    },
    /// The log no longer has the records that the archive needs next.
    #[error(
        "the archive of {at} goes on at offset {next}, but the log has it from offset {earliest} only; restore the records between, \
         or archive them by hand as an object that begins with offset {next}"
    )]
    RecordsLost {
        /// The partition.
        at: TopicPartition,
        /// The first offset that is not archived.
        next: Offset,
        /// The first offset that the log has.
        earliest: Offset,
    },
    /// The log ends before what the archive has, or was asked to store.
    #[error(
        "the archive of {at} should go to before offset {wanted}, but the log ends at {end}: is it another log, or one that was made \
         anew? take the archive and the log that belong together, or another archive folder"
    )]
    LogTooShort {
        /// The partition.
        at: TopicPartition,
        /// Where the archive is, or was asked to get to.
        wanted: Offset,
        /// Where the log ends.
        end: Offset,
    },
    /// The object that was to be written exists with another content.
    #[error(
        "object `{path}` exists already and holds other records than the log; is a second archive writing here? move the object away, or stop the other"
    )]
    Conflict {
        /// The object.
        path: Path,
    },
    /// The newest object ends within a record.
    #[error(
        "object `{path}` is empty or ends within a record; {}",
        if *is_logged { "remove it, and its records are written anew from the log" } else { "restore it from a copy" }
    )]
    Torn {
        /// The object.
        path: Path,
        /// The offset that it begins with.
        start: Offset,
        /// Whether the log is known to have its records.
        is_logged: bool,
    },
    /// An object of the partition is in a form that is not read here.
    #[error(
        "object `{path}` is of a kind that is not read here (`.json` and `.raw` are, also with `.gz` or `.zst`, and `.parquet`); convert it to newline-delimited JSON, or move it away"
    )]
    UnknownKind {
        /// The object.
        path: Path,
    },
    /// A folder has the name of an object of the partition.
    #[error(
        "`{path}` is a folder, and its name is that of an object; move it away, and restore the object from a copy"
    )]
    Folder {
        /// The folder.
        path: Path,
    },
    /// A manifest, which tells the offsets in a group of objects, cannot be used.
    #[error(
        "manifest `{path}` is damaged ({reason}); restore it from a copy: without it nobody can say which offsets its objects have"
    )]
    Manifest {
        /// The manifest.
        path: Path,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting cannot be followed.
    #[error("the archive cannot be written like that: {reason}")]
    Settings {
        /// Which one, why, and what can be.
        reason: String,
    },
    /// Offsets between two objects, or before the first, are in none.
    #[error(
        "the archive of {at} lacks the offsets {from} to before {to}: no object before `{path}` holds them; {}",
        match empty {
            Some(empty) => format!("`{empty}` should, but is empty; restore it from a copy"),
            None => "restore the missing object".to_owned(),
        }
    )]
    Missing {
        /// The partition.
        at: TopicPartition,
        /// The first offset that is missing.
        from: Offset,
        /// The first one that is there again.
        to: Offset,
        /// The object that begins with it.
        path: Path,
        /// An object that begins with the first one and holds no record.
        empty: Option<Path>,
    },
    /// An object holds offsets that the one before it holds too.
    #[error("object `{path}` repeats offsets: the object before it goes to before offset {end}; keep one of the two")]
    Repeated {
        /// The later object.
        path: Path,
        /// Where the one before it ends.
        end: Offset,
    },
    /// The rest of an object cannot be divided into records.
    #[error(
        "object `{path}` is damaged at byte {byte}: the records from offset {offset} on cannot be read ({reason}); restore it from a copy"
    )]
    Damaged {
        /// The object.
        path: Path,
        /// The byte where reading stopped, in the unpacked content.
        byte: u64,
        /// What is wrong with it.
        reason: String,
        /// The first offset that cannot be read.
        offset: Offset,
    },
    /// A task of the archive panicked; it is started again.
    #[error("the archive of {at} stopped on a fault of the program: {message}; please report it")]
    Panicked {
        /// The partition.
        at: TopicPartition,
        /// What the panic said.
        message: String,
    },
    /// The partitions of a topic cannot be found out.
    #[error("the archive cannot look up topic `{topic}`: {source}")]
    Topic {
        /// The topic.
        topic: TopicName,
        /// Why not.
        source: LogError,
    },
}

impl ArchiveError {
    /// Turns a store's error into one that says what was tried, on what.
    pub(crate) fn store(action: &'static str, path: &Path) -> impl FnOnce(object_store::Error) -> Self {
        let path = path.clone();
        move |source| Self::Store { action, path, source: Arc::new(source) }
    }

    /// Turns a log's error into one that names the partition.
    pub(crate) fn log(at: &TopicPartition) -> impl FnOnce(LogError) -> Self {
        let at = at.clone();
        move |source| Self::Log { at, source }
    }
}
