//! Errors as PostgreSQL's clients know them: a code of SQLSTATE, a message, a hint.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::logical_expr::sqlparser::parser::ParserError;
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use pinflow_query::{QueryEngine, QueryError};

/// Makes what DataFusion says readable.
pub(super) struct ReadableErrors(pub Arc<QueryEngine>);

impl ErrorHandler for ReadableErrors {
    fn on_error<C: ClientInfo>(&self, _: &C, error: &mut PgWireError) {
        let PgWireError::ApiError(cause) = &*error else { return };
        if let Some(cause) = cause.downcast_ref::<DataFusionError>() {
            *error = refusal(&self.0.explain(cause));
        } else if let Some(cause) = cause.downcast_ref::<ParserError>() {
            let message = cause.to_string();
            let message = message.trim_start_matches("sql parser error: ").to_owned();
            *error = refusal(&QueryError::Syntax { message });
        }
    }
}

/// The error as the protocol has it.
pub(super) fn refusal(error: &QueryError) -> PgWireError {
    let (message, hint) = error.with_hint();
    let mut info = ErrorInfo::new("ERROR".to_owned(), code(error).to_owned(), message);
    info.hint = hint;
    PgWireError::UserError(Box::new(info))
}

/// <https://www.postgresql.org/docs/16/errcodes-appendix.html>
fn code(error: &QueryError) -> &'static str {
    match error {
        QueryError::Syntax { .. } => "42601",
        QueryError::NotReadOnly { .. } => "25006",
        QueryError::UnknownTable { .. } | QueryError::NotYetWritten { .. } => "42P01",
        QueryError::UnknownColumn { .. } => "42703",
        QueryError::Plan { .. } => "42000",
        QueryError::Execution { .. } => "22000",
        QueryError::TimeLimit { .. } | QueryError::Cancelled => "57014",
        QueryError::MemoryLimit { .. } => "53200",
        QueryError::RowLimit { .. } => "54000",
        QueryError::NotFresh { .. } => "55000",
        QueryError::Table { .. } => "58030",
        _ => "XX000",
    }
}
