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
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::PgWireResult;
use pinflow_query::{QueryError, QueryWatch};

use super::error::refusal;
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
    vec![
        Arc::new(ReadOnly { template, watch, on_question }),
        Arc::new(CursorStatementHook),
        Arc::new(SetShowHook),
        Arc::new(TransactionStatementHook),
    ]
}

/// Refuses what does not read.
struct ReadOnly {
    template: Arc<SessionTemplate>,
    watch: QueryWatch,
    on_question: OnQuestion,
}

impl ReadOnly {
    fn check(&self, statement: &Statement) -> Result<(), QueryError> {
        let only_reads = |statement: &Statement| {
            self.template.engine().check(statement, self.template.state(), SessionTemplate::OWN_SCHEMAS)
        };
        match statement {
            Statement::Declare { stmts } => stmts
                .iter()
                .flat_map(|cursor| &cursor.for_query)
                .try_for_each(|query| only_reads(&Statement::Query(query.clone()))),
            Statement::Set(_)
            | Statement::ShowVariable { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowCatalogs { .. }
            | Statement::StartTransaction { .. }
            | Statement::Commit { .. }
            | Statement::Rollback { .. }
            | Statement::Fetch { .. }
            | Statement::Close { .. }
            | Statement::Discard { .. } => Ok(()),
            other => only_reads(other),
        }
    }

    /// The answer to a statement that changes nothing here, whatever it says.
    fn ignored(statement: &Statement) -> Option<Response> {
        match statement {
            // DataFusion would take any other variable as one of its own, such as its memory limit.
            Statement::Set(set) if !is_answered(set) => Some(Response::Execution(Tag::new("SET"))),
            Statement::Discard { .. } => Some(Response::Execution(Tag::new("DISCARD ALL"))),
            _ => None,
        }
    }

    fn begin(&self, statement: &Statement, client: &dyn HookClient) {
        let timeout = client.metadata().get(STATEMENT_TIMEOUT).and_then(|millis| millis.parse().ok());
        self.watch.set_time(timeout.map(Duration::from_millis));
        if matches!(statement, Statement::Query(_) | Statement::Declare { .. }) {
            self.on_question.tell();
        }
    }
}

/// Whether [`SetShowHook`] has an answer of its own.
fn is_answered(set: &Set) -> bool {
    const ANSWERED: [&str; 7] = [
        "statement_timeout",
        "datestyle",
        "bytea_output",
        "intervalstyle",
        "application_name",
        "extra_float_digits",
        "search_path",
    ];
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
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        if let Err(error) = self.check(statement) {
            return Some(Err(refusal(&error)));
        }
        self.begin(statement, client);
        Self::ignored(statement).map(Ok)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        if let Err(error) = self.check(statement) {
            return Some(Err(refusal(&error)));
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
        _: &SessionContext,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        self.begin(statement, client);
        Self::ignored(statement).map(Ok)
    }
}
