//! Why a lane stands still.

use arrow::error::ArrowError;
use pinflow_archive::ArchiveError;
use pinflow_clean::CleanError;
use pinflow_event::{Offset, TopicPartition};
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
    /// A fault of the program in the cleaning.
    #[error("the cleaning of stream `{stream}` broke down: {reason}; this is a bug in pinflow")]
    Panicked {
        /// The stream.
        stream: String,
        /// What the runtime says.
        reason: String,
    },
    /// The log is not the one that the table was written from.
    #[error(
        "the log of {at} ends at offset {end}, but its table has taken in {position} records: the log was lost, or is another one; \
         bring the log's folder back, or move the tables' folder away to begin anew"
    )]
    LogLost {
        /// The partition.
        at: TopicPartition,
        /// Where its log ends.
        end: Offset,
        /// The table's position.
        position: Offset,
    },
    /// The table of dead letters holds other columns.
    #[error("dead letters cannot be read: {0}")]
    Letters(#[from] ArrowError),
    /// The lane was asked for something, and does not run any more.
    #[error("the stream lane of `{stream}` has ended; ask again when the node runs")]
    Ended {
        /// The stream.
        stream: String,
    },
    /// The columns of keys or places could not be read.
    #[error("what the tables of stream `{stream}` hold cannot be read: {reason}")]
    Key {
        /// The stream.
        stream: String,
        /// What Arrow says.
        reason: String,
    },
}
