//! A record that cannot be cleaned, and why.

use std::fmt;
use std::path::{Path, PathBuf};

use pinflow_pipeline::FieldType;

/// A record that becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The number of the record in the batch, from 0.
    pub index: usize,
    /// Why it cannot be cleaned.
    pub cause: RejectCause,
}

/// Why a record cannot be cleaned. Its text is the dead letter's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectCause {
    /// The record has no value at all.
    Tombstone,
    /// The bytes are no JSON text.
    NotJson {
        /// What the parser says, with line and column.
        reason: String,
    },
    /// The JSON text is no object.
    NotAnObject,
    /// A required field is missing or null.
    Required {
        /// The field.
        field: String,
    },
    /// The record has a field that the schema lacks, and the stream takes none such.
    UnknownField {
        /// The field.
        field: String,
    },
    /// A field's value has another type than the schema says.
    WrongType {
        /// The field.
        field: String,
        /// What the schema says.
        wanted: FieldType,
        /// What stood there.
        found: String,
    },
    /// The key is null in the cleaned row.
    NoKey {
        /// The key's column.
        key: String,
    },
    /// The SELECT failed on this record.
    Select {
        /// The SQL file.
        file: PathBuf,
        /// The line of the expression that failed, from 1, where it can be told.
        line: Option<u64>,
        /// What the engine says.
        reason: String,
    },
}

impl RejectCause {
    /// The schema's field, or the SQL file and its line, that the record fails on, where one can be named.
    pub fn place(&self) -> Option<String> {
        match self {
            RejectCause::Tombstone | RejectCause::NotJson { .. } | RejectCause::NotAnObject => None,
            RejectCause::Required { field }
            | RejectCause::UnknownField { field }
            | RejectCause::WrongType { field, .. } => Some(field.clone()),
            RejectCause::NoKey { key } => Some(key.clone()),
            RejectCause::Select { file, line, .. } => Some(place_in(file, *line)),
        }
    }
}

impl fmt::Display for RejectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectCause::Tombstone => f.write_str("the record has no value"),
            RejectCause::NotJson { reason } => write!(f, "not JSON: {reason}"),
            RejectCause::NotAnObject => f.write_str("not a JSON object"),
            RejectCause::Required { field } => write!(f, "field `{field}` is required, but missing or null"),
            RejectCause::UnknownField { field } => write!(f, "field `{field}` is not in the schema"),
            RejectCause::WrongType { field, wanted, found } => write!(f, "field `{field}` is {found}, not a {wanted}"),
            RejectCause::NoKey { key } => write!(f, "the key `{key}` is missing or null"),
            RejectCause::Select { file, line, reason } => {
                write!(f, "{} failed on this record: {reason}", place_in(file, *line))
            }
        }
    }
}

fn place_in(file: &Path, line: Option<u64>) -> String {
    match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    }
}
