//! Why a stream's cleaning cannot be planned or run.

use std::path::PathBuf;

/// A failure of the cleaning itself, as opposed to a record that cannot be cleaned (a [`crate::Reject`]).
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The SELECT cannot be planned.
    #[error("{}{}: stream `{stream}`: {message}{}", file.display(), line_text(*line), hint_text(hint.as_deref()))]
    Select {
        /// The stream.
        stream: String,
        /// The SQL file, relative to the pipeline folder.
        file: PathBuf,
        /// The line in it, from 1, where it is known.
        line: Option<u64>,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The key is not a column of the cleaned rows.
    #[error("stream `{stream}`: the key `{key}` is not a column of {}, which gives {columns}", file.display())]
    UnknownKey {
        /// The stream.
        stream: String,
        /// The key in `pipeline.yaml`.
        key: String,
        /// The SQL file.
        file: PathBuf,
        /// The columns that there are.
        columns: String,
    },
    /// Arrow or DataFusion failed on data that they should take.
    #[error("stream `{stream}`: cleaning failed: {reason}")]
    Engine {
        /// The stream.
        stream: String,
        /// What they said.
        reason: String,
    },
}

fn line_text(line: Option<u64>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

fn hint_text(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default()
}
