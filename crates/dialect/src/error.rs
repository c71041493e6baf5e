//! Why a text is no statement of the dialect.

/// A text that cannot be read as one SQL statement.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// It does not parse.
    #[error("the SQL does not parse: {message}")]
    Syntax {
        /// What the parser expected and found, with line and column.
        message: String,
    },
    /// It nests too deep.
    #[error("the SQL has more than {limit} operators in a row: split the expression, or use `IN (...)`")]
    TooDeep {
        /// How many are allowed.
        limit: usize,
    },
    /// There is none.
    #[error("the SQL holds no statement: write a `SELECT`")]
    Empty,
    /// There are several.
    #[error("the SQL holds {count} statements: write one, without `;` in between")]
    Several {
        /// How many.
        count: usize,
    },
    /// It parses, but does not fit the tables and functions.
    #[error("{0}")]
    Plan(#[from] datafusion::error::DataFusionError),
}
