//! Why a lane stands still.

use arrow::error::ArrowError;
use pinflow_archive::ArchiveError;
use pinflow_clean::CleanError;
use pinflow_event::{Offset, Partition, TopicPartition};

use pinflow_log::LogError;
use pinflow_table::TableError;

use crate::changes::{LostRange, ObjectChange};

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
    /// The stream's fields, SELECT or key are not those that made the table's rows.
    #[error(
        "the definition of stream `{stream}` has changed since its batch table was built, which may make other rows of the same \
         events; build the table anew with `pinflow run --full`, or let old and new rows stand side by side with \
         `batch.changed_definition: mix`"
    )]
    DefinitionChanged {
        /// The stream.
        stream: String,
    },
    /// Objects that were read before have changed.
    #[error(
        "the archive of stream `{stream}` changed behind the batch lane: {}; what is new was cleaned; `pinflow run --full` builds the \
         table from what is archived now",
        ObjectChange::list(changes)
    )]
    ObjectsChanged {
        /// The stream.
        stream: String,
        /// What was found.
        changes: Vec<ObjectChange>,
    },
    /// The archive has less than the table that would be built anew from it.
    #[error(
        "the archive lacks records that the batch table of stream `{stream}` was built of: {}{}; the table was left as it is; bring          the objects back, or build it of what is there with `pinflow run --full --accept-missing`",
        lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        if gone.is_empty() { String::new() } else { format!(" ({})", ObjectChange::list(gone)) }
    )]
    RecordsMissing {
        /// The stream.
        stream: String,
        /// The offsets.
        lost: Vec<LostRange>,
        /// Objects that were read and are gone.
        gone: Vec<ObjectChange>,
    },
    /// Records that a replay needs are gone.
    #[error(
        "the records of {at} from offset {from} to before {to} are neither in the archive nor in the log; {}",
        earliest.map_or_else(
            || "no version of the table that is kept begins behind them".to_owned(),
            |earliest| format!("replay from a later point: `--from {earliest}` is the earliest one that works")
        )
    )]
    Unavailable {
        /// The partition.
        at: TopicPartition,
        /// The first one.
        from: Offset,
        /// The first one that is not needed.
        to: Offset,
        /// The earliest point from which all records are there, if there is one.
        earliest: Option<Offset>,
    },
    /// A replay is elsewhere than the table that it should replace.
    #[error(
        "the replay of stream `{stream}` is at offset {rebuilt} of partition {partition}, its table at {position}; start the replay again"
    )]
    Behind {
        /// The stream.
        stream: String,
        /// The partition.
        partition: Partition,
        /// Where the table is.
        position: Offset,
        /// Where the replay is.
        rebuilt: Offset,
    },
    /// The lane ended before it took the replay over.
    #[error(
        "the stream lane of `{stream}` does not run, so it cannot take a replay over; start the node and replay again"
    )]
    NotRunning {
        /// The stream.
        stream: String,
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
