//! Why a node cannot start, or cannot do what it is asked.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use pinflow_access::AccessError;
use pinflow_archive::ArchiveError;
use pinflow_clean::CleanError;
use pinflow_lane::LaneError;
use pinflow_log::LogError;
use pinflow_query::QueryError;
use pinflow_schedule::ScheduleError;
use pinflow_server::TlsError;
use pinflow_store::StoreError;
use pinflow_table::TableError;
use url::Url;

/// A failure of the node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another process has the data folder.
    #[error("the data folder {} is in use by {}; stop it, or take another folder with --data", folder.display(),
        node.as_ref().map_or("another process".to_owned(), |url| format!("the node at {url}")))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Where that process listens, if it does.
        node: Option<Url>,
    },
    /// The data folder cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Folder {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The access list cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A certificate without a key, or a key without a certificate.
    #[error("TLS needs a certificate and its key: set both `tls.certificate` and `tls.key`, or neither")]
    HalfOfTls,
    /// Others could reach the node, and do everything.
    #[error(
        "{address} can be reached by others, and without an access list anyone may do everything\n  hint: name an access list \
         with `access.file` (docs/access.md), or set `access.allow_anonymous: true` where the network keeps others out"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// No port could be had.
    #[error("cannot listen on {address}: {source}; choose another one with --port")]
    Listen {
        /// The address that was tried last.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// A pipeline that cannot run.
    #[error("{}", .0.join("\n"))]
    Pipeline(Vec<String>),
    /// There is no such job, task or stream in the pipeline.
    #[error("the pipeline has no {what} `{name}`; it has {}", known.join(", "))]
    Unknown {
        /// As in `job`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The two lanes of a stream hold other rows.
    #[error("{0}; `pinflow reconcile` shows a sample of the rows")]
    LanesDiffer(String),
    /// A text that is neither an offset nor a time.
    #[error("`{text}` is neither an offset nor a time; write `1000`, `2026-05-01` or `2026-05-01T10:00:00Z`")]
    Point {
        /// The text.
        text: String,
    },
    /// The points of a replay leave no record between them.
    #[error("{0}; give points with records between them, or none for all records")]
    NothingToReplay(String),
    /// The lane was not replayed since the node started.
    #[error("there is no replay of the {lane} lane of stream `{stream}`; start one with `pinflow replay`")]
    NoReplay {
        /// The lane.
        lane: pinflow_pipeline::Lane,
        /// The stream.
        stream: String,
    },
    /// A replay is not in the state that this takes.
    #[error(
        "the replay of the {lane} lane of stream `{stream}` is under way, or not ready; look at it again in a while"
    )]
    ReplayBusy {
        /// The lane.
        lane: pinflow_pipeline::Lane,
        /// The stream.
        stream: String,
    },
    /// A lane does not get on.
    #[error("the {lane} lane of stream `{stream}` stands still: {cause}")]
    LaneStuck {
        /// The lane.
        lane: pinflow_pipeline::Lane,
        /// The stream.
        stream: String,
        /// Why.
        cause: String,
    },
    /// There is no dead letter at a place.
    #[error("stream `{stream}` has no dead letter at offset {offset} of partition {partition} on the {lane} lane")]
    NoLetter {
        /// The stream.
        stream: String,
        /// The lane.
        lane: pinflow_pipeline::Lane,
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
    },
    /// What is asked needs the lanes.
    #[error("the lanes do not run yet; ask again when the node is started")]
    NotStarted,
    /// The archive does not get on.
    #[error("the archive stands still: {0}")]
    ArchiveStuck(String),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A folder for objects or tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A lane failed.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// A table failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A cleaning cannot be planned.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// A query failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The scheduler failed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}
