//! Why there is no answer. Each kind tells the caller what to do; none is a bug of the query's author alone.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use pinflow_dialect::DialectError;

use crate::hint::nearest;

/// Why a query has no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It does not parse.
    #[error("{message}")]
    Syntax {
        /// What was expected and found, with line and column.
        message: String,
    },
    /// It would change something, or reach outside of the tables.
    #[error("`{statement}` is refused: queries only read; write a `SELECT`, `EXPLAIN`, `SHOW TABLES` or `DESCRIBE`")]
    NotReadOnly {
        /// The statement's first words.
        statement: String,
    },
    /// There is no such table.
    #[error("there is no table `{name}`; {hint}")]
    UnknownTable {
        /// The name as written.
        name: String,
        /// The nearest name, or where to look.
        hint: String,
    },
    /// There is no such column.
    #[error("there is no column `{name}`; {hint}")]
    UnknownColumn {
        /// The name as written.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The pipeline has no such query.
    #[error("the pipeline has no query `{name}`; {hint}")]
    UnknownQuery {
        /// The name as given.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The pipeline has no such stream.
    #[error("the pipeline has no stream `{name}`; {hint}")]
    UnknownStream {
        /// The name as given.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// The table is known, but nothing was written to it yet and its columns are not known.
    #[error("table `{name}` does not exist yet; {hint}")]
    NotYetWritten {
        /// The table.
        name: String,
        /// What makes it.
        hint: String,
    },
    /// The table is there, but not that version of it.
    #[error("table `{name}` {reason}; `tables.kept_commits` says how many versions are kept")]
    NoVersion {
        /// The table.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// It parses, but does not fit the tables and functions.
    #[error("the query cannot be planned: {message}")]
    Plan {
        /// What does not fit.
        message: String,
    },
    /// A value could not be computed.
    #[error("the query failed: {message}")]
    Execution {
        /// What went wrong.
        message: String,
    },
    /// It took too long.
    #[error("the query took longer than {} s; narrow it, or raise the time limit", limit.as_secs_f64())]
    TimeLimit {
        /// The limit.
        limit: Duration,
    },
    /// It needs too much memory, even with spilling.
    #[error(
        "the queries need more than {limit} bytes of memory: {message}; narrow the query, or raise the memory limit"
    )]
    MemoryLimit {
        /// The limit of all queries together.
        limit: usize,
        /// Which operator asked for more.
        message: String,
    },
    /// The answer is too long.
    #[error("the answer has more than {limit} rows; add a `LIMIT`, or raise the row limit")]
    RowLimit {
        /// The limit.
        limit: usize,
    },
    /// What is acknowledged but not committed yet cannot be shown.
    #[error(
        "`stream.{stream}` cannot be shown as it is now: {reason}; ask for what is committed (`--committed`), or try again once the lane \
         has caught up"
    )]
    NotFresh {
        /// The stream.
        stream: String,
        /// Why not.
        reason: String,
    },
    /// The caller gave up.
    #[error("the query was cancelled")]
    Cancelled,
    /// A table's files cannot be read.
    #[error("table `{table}` cannot be read: {source}; look at its folder `{location}`")]
    Table {
        /// The table.
        table: String,
        /// Where it stands.
        location: String,
        /// What went wrong.
        source: Arc<deltalake::DeltaTableError>,
    },
    /// The two lanes of a stream have other columns.
    #[error("the lanes of stream `{stream}` cannot be compared: {reason}")]
    Incomparable {
        /// The stream.
        stream: String,
        /// What differs.
        reason: String,
    },
    /// The engine cannot start.
    #[error("the query engine cannot start: {message}")]
    Start {
        /// What is missing.
        message: String,
    },
}

impl QueryError {
    /// What is wrong, and apart from it what to do, where the message says that.
    pub fn with_hint(&self) -> (String, Option<String>) {
        let message = self.to_string();
        match self {
            // Their texts come from elsewhere, and a `;` in them means nothing.
            Self::Syntax { .. } | Self::Plan { .. } | Self::Execution { .. } | Self::Start { .. } => (message, None),
            _ => match message.split_once("; ") {
                Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
                None => (message, None),
            },
        }
    }

    /// Tells apart what DataFusion reports; `memory_limit` is the engine's.
    pub(crate) fn from_datafusion(cause: &DataFusionError, memory_limit: usize) -> Self {
        let root = cause.find_root();
        if let Some(own) = own_error(root) {
            return own;
        }
        match root {
            DataFusionError::ResourcesExhausted(message) => {
                Self::MemoryLimit { limit: memory_limit, message: first_line(message) }
            }
            DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                SchemaError::FieldNotFound { field, valid_fields } => Self::unknown_column(&field.name, valid_fields),
                other => Self::Plan { message: other.to_string() },
            },
            DataFusionError::Plan(message) | DataFusionError::NotImplemented(message) => {
                Self::Plan { message: first_line(message) }
            }
            DataFusionError::SQL(cause, _) => Self::Syntax { message: format!("the SQL does not parse: {cause}") },
            DataFusionError::Execution(message) => Self::Execution { message: first_line(message) },
            other => Self::Execution { message: first_line(&other.to_string()) },
        }
    }

    pub(crate) fn from_dialect(cause: DialectError, memory_limit: usize) -> Self {
        match cause {
            DialectError::Plan(cause) => Self::from_datafusion(&cause, memory_limit),
            other => Self::Syntax { message: other.to_string() },
        }
    }

    fn unknown_column(name: &str, valid: &[datafusion::common::Column]) -> Self {
        let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
        Self::UnknownColumn { name: name.to_owned(), hint: hint(name, &names, "columns") }
    }
}

/// `did you mean ...`, or all names where none is near.
pub(crate) fn hint(name: &str, known: &[&str], what: &str) -> String {
    /// So many names are still a help.
    const LISTED: usize = 20;
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => {
            let listed: Vec<String> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
            let rest = if known.len() > LISTED { ", ..." } else { "" };
            format!("the {what} are {}{rest}", listed.join(", "))
        }
    }
}

/// Internals after the first line are of no use to the author of a query.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or("").to_owned()
}

/// An error of this crate that travelled through DataFusion, which keeps it behind a shared reference.
fn own_error(cause: &DataFusionError) -> Option<QueryError> {
    let DataFusionError::External(inner) = cause else { return None };
    inner.downcast_ref::<QueryError>().cloned()
}
