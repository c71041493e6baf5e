//! Why no answer could be had.

use std::path::PathBuf;

use pinflow_dashboard::{ErrorKind, ViewError};

/// A node or a data folder that does not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Nobody answers at the address, or somebody who is no node.
    #[error(
        "no node answers at {url}: {reason}\n  hint: start one with `pinflow serve`, or leave --url out to work on the data folder"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What was met.
        reason: String,
    },
    /// There is neither a node nor a data folder.
    #[error("there is no data folder {}\n  hint: `pinflow demo` fills one; --data names another one", .0.display())]
    NoData(PathBuf),
    /// The node refused.
    #[error("{message}{}", hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default())]
    Refused {
        /// What the node said.
        message: String,
        /// What it advised.
        hint: Option<String>,
        /// Whether the question is at fault, not the node.
        invalid: bool,
    },
}

impl From<ViewError> for ReachError {
    fn from(error: ViewError) -> Self {
        let invalid = matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound);
        ReachError::Refused { message: error.message, hint: error.hint, invalid }
    }
}
