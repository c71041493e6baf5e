//! What a session of another dialect of SQL needs of the engine: the same tables, the same limits, the same refusals.
//!
//! Such a session is somebody else's (a protocol with a parser and functions of its own); it is read-only and bounded all the same, because
//! its catalog takes no tables and its planner is [`BoundedPlanner`].

use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::sqlparser::ast::Statement;
use datafusion::sql::parser::Statement as DataFusionStatement;
use pinflow_dialect::LikeEscapes;
use pinflow_pipeline::Lane;

use crate::bounded_plan::BoundedPlanner;
use crate::catalog::CATALOG;
use crate::engine::{QueryEngine, physical_rules, tuned};
use crate::error::QueryError;
use crate::limits::QueryLimits;
use crate::read_only;

impl QueryEngine {
    /// The name of the catalog with all tables: `pinflow.batch.pin` in full.
    pub const CATALOG: &str = CATALOG;

    /// The schema of names that have none, where nothing else is said.
    pub const DEFAULT_SCHEMA: &str = Lane::Batch.as_str();

    /// All tables. `stream.*` has what is acknowledged and not committed yet where `fresh`; finding that out takes work, so whoever only
    /// lists tables and columns does without.
    pub fn tables(&self, fresh: bool) -> Arc<dyn CatalogProvider> {
        Arc::clone(if fresh { &self.fresh_catalog } else { &self.catalog }) as Arc<dyn CatalogProvider>
    }

    /// Holds the session to the limits. Its queries share the engine's memory; a [`crate::QueryWatch`] among the extensions of its
    /// configuration can end them.
    pub fn bound(&self, mut session: SessionStateBuilder) -> SessionStateBuilder {
        let config = session.config().take().unwrap_or_default();
        let session = session.with_config(tuned(config));
        session
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_analyzer_rule(Arc::new(LikeEscapes))
            .with_physical_optimizer_rules(physical_rules(&self.threads))
            .with_query_planner(Arc::new(BoundedPlanner(self.limits.clone())))
    }

    /// The limits of a query.
    pub fn limits(&self) -> &QueryLimits {
        &self.limits
    }

    /// Refuses a statement that does not only read, or that names tables which there are not. Tables of the schemas `known` are
    /// `session`'s own.
    ///
    /// # Errors
    /// [`QueryError::NotReadOnly`], [`QueryError::UnknownTable`].
    pub fn check(&self, statement: &Statement, session: &SessionState, known: &[&str]) -> Result<(), QueryError> {
        read_only::check(statement)?;
        let statement = DataFusionStatement::Statement(Box::new(statement.clone()));
        self.check_names(&statement, session, &session.config_options().catalog.default_schema, known)
    }

    /// What a failure of such a session means.
    pub fn explain(&self, cause: &DataFusionError) -> QueryError {
        QueryError::from_datafusion(cause, self.limits.memory_bytes)
    }
}
