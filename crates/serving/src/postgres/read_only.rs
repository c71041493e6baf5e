//! What a client may ask: whatever only reads. What drivers send beside their queries is answered, or taken and ignored.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::sqlparser::ast::{Set, Statement};
use datafusion::prelude::SessionContext;
use datafusion_postgres::QueryHook;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pinflow_query::QueryWatch;

use super::error::refusal;
use super::search_path::{self, SEARCH_PATH};
use super::session::SessionTemplate;
use crate::OnQuestion;

/// Where a connection keeps what `SET statement_timeout` said, in milliseconds.
const STATEMENT_TIMEOUT: &str = "statement_timeout_ms";

/// What is asked of every statement, in that order.
pub(super) fn hooks(
    template: Arc<SessionTemplate>,
    watch: QueryWatch,
    on_question: OnQuestion,
) -> Vec<Arc<dyn QueryHook>> {
    vec![Arc::new(ReadOnly { template, watch, on_question }), Arc::new(SetShowHook), Arc::new(TransactionStatementHook)]
}

/// Refuses what does not read.
struct ReadOnly {
    template: Arc<SessionTemplate>,
    watch: QueryWatch,
    on_question: OnQuestion,
}

impl ReadOnly {
    fn check(&self, statement: &Statement, session: &SessionContext) -> PgWireResult<()> {
        match statement {
            Statement::Set(_)
            | Statement::ShowVariable { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. }
            | Statement::Close { .. }
            | Statement::Discard { .. } => Ok(()),
            Statement::Declare { .. } | Statement::Fetch { .. } => Err(no_cursors()),
            other => {
                let engine = self.template.engine();
                let state = session.state_ref();
                let checked = engine.check(other, &state.read(), SessionTemplate::OWN_SCHEMAS);
                checked.map_err(|error| refusal(&error))
            }
        }
    }

    /// The answer to a statement that changes nothing here, whatever it says.
    fn ignored(statement: &Statement) -> Option<Response> {
        match statement {
            // DataFusion would take any other variable as one of its own, such as its memory limit.
            Statement::Set(set) if !is_answered(set) => Some(Response::Execution(Tag::new("SET"))),
            Statement::Savepoint { .. } => Some(Response::Execution(Tag::new("SAVEPOINT"))),
            Statement::ReleaseSavepoint { .. } => Some(Response::Execution(Tag::new("RELEASE"))),
            Statement::Discard { .. } => Some(Response::Execution(Tag::new("DISCARD ALL"))),
            Statement::Close { .. } => Some(Response::Execution(Tag::new("CLOSE CURSOR"))),
            _ => None,
        }
    }

    /// As [`ReadOnly::ignored`], once the session has taken the search path that a statement sets.
    fn answer(statement: &Statement, session: &SessionContext, client: &mut dyn HookClient) -> Option<Response> {
        if let Some(named) = search_path::named(statement) {
            let schema = search_path::follow(session, &named);
            client.metadata_mut().insert(SEARCH_PATH.to_owned(), schema);
        }
        Self::ignored(statement)
    }

    fn begin(&self, statement: &Statement, client: &dyn HookClient) {
        let timeout = client.metadata().get(STATEMENT_TIMEOUT).and_then(|millis| millis.parse().ok());
        self.watch.set_time(timeout.map(Duration::from_millis));
        if matches!(statement, Statement::Query(_)) {
            self.on_question.tell();
        }
    }
}

/// The cursors of `datafusion-postgres` describe no columns in the extended protocol, which ends some drivers.
fn no_cursors() -> PgWireError {
    let message = "there are no cursors in SQL".to_owned();
    let mut info = ErrorInfo::new("ERROR".to_owned(), "0A000".to_owned(), message);
    info.hint = Some("send the query itself: its rows come while they are found".to_owned());
    PgWireError::UserError(Box::new(info))
}

/// Whether [`SetShowHook`] has an answer of its own.
fn is_answered(set: &Set) -> bool {
    const ANSWERED: [&str; 6] =
        ["statement_timeout", "datestyle", "bytea_output", "intervalstyle", "application_name", "extra_float_digits"];
    match set {
        Set::SingleAssignment { scope: None, hivevar: false, variable, values } => {
            !values.is_empty() && ANSWERED.contains(&variable.to_string().to_lowercase().as_str())
        }
        _ => false,
    }
}

#[async_trait]
impl QueryHook for ReadOnly {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        session: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        if let Err(error) = self.check(statement, session) {
            return Some(Err(error));
        }
        self.begin(statement, client);
        Self::answer(statement, session, client).map(Ok)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        session: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        if let Err(error) = self.check(statement, session) {
            return Some(Err(error));
        }
        let no_plan = LogicalPlan::EmptyRelation(datafusion::logical_expr::EmptyRelation {
            produce_one_row: false,
            schema: Arc::new(datafusion::common::DFSchema::empty()),
        });
        Self::ignored(statement).map(|_| Ok(no_plan))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        session: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        self.begin(statement, client);
        Self::answer(statement, session, client).map(Ok)
    }
}
