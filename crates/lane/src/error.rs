//! Why a lane stands still.

use pinflow_archive::ArchiveError;
use pinflow_clean::CleanError;
use pinflow_log::LogError;
use pinflow_table::TableError;

/// A failure of a lane. What the records hold is never one: that is a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The cleaning cannot be planned, or Arrow failed in it.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// A table failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The key's column could not be read.
    #[error("the keys of stream `{stream}` cannot be read: {reason}")]
    Key {
        /// The stream.
        stream: String,
        /// What Arrow says.
        reason: String,
    },
}
