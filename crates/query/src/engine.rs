//! The engine: one catalog, one memory pool, a session a lane.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DataFusionStatement;
use pinflow_dialect::{parse, session_state};
use pinflow_pipeline::{Lane, Pipeline};
use pinflow_table::{TableLocation, TableRoot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, plain_schema};
use crate::answer_stream::AnswerStream;
use crate::case_by_value::CasesByValue;
use crate::catalog::{CATALOG, Catalog};
use crate::delta;
use crate::error::{QueryError, hint};
use crate::fresh::{FreshRows, Scope};
use crate::incremental::States;
use crate::limits::{Bounded, QueryLimits};
use crate::raw::RawTopics;
use crate::read_only;
use crate::reconcile::{self, Reconciliation};
use crate::result_table::latest_run_sql;
use crate::system::SystemTables;
use crate::threads::{OnQueryThreads, QueryThreads};
use crate::time_travel;
use crate::window_group_limit::WindowGroupLimits;

/// Answers SQL on the tables of one pipeline. Cheap to share; queries run side by side.
#[derive(Debug)]
pub struct QueryEngine {
    pipeline: Arc<Pipeline>,
    /// All tables as they are committed.
    pub(crate) catalog: Arc<Catalog>,
    /// The same, with what is not committed yet.
    pub(crate) fresh_catalog: Arc<Catalog>,
    pub(crate) limits: QueryLimits,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) threads: Arc<QueryThreads>,
    committed: Sessions,
    fresh: Sessions,
    /// Where [`QueryEngine::ask_again`] keeps what it counted.
    pub(crate) states: Option<States>,
}

/// A session a lane, whose unqualified names are that lane's tables.
struct Sessions {
    batch: SessionContext,
    stream: SessionContext,
}

impl Sessions {
    fn new(catalog: &Arc<Catalog>, runtime: &Arc<RuntimeEnv>, threads: &Arc<QueryThreads>) -> Self {
        let session = |lane| lane_session(lane, catalog, runtime, threads);
        Self { batch: session(Lane::Batch), stream: session(Lane::Stream) }
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

impl QueryEngine {
    /// An engine on the tables below `tables`. `columns` are the cleaned columns of each stream, by its name: a lane's table that is
    /// not written yet reads as empty with these, and is an error where they are not given. No table is opened here.
    ///
    /// # Errors
    /// [`QueryError::Start`] where the spill folder cannot be made or a table's name is unfit.
    pub fn open(
        pipeline: Arc<Pipeline>,
        tables: &TableRoot,
        columns: &HashMap<String, SchemaRef>,
        system: Option<Arc<dyn SystemTables>>,
        limits: QueryLimits,
    ) -> Result<Self, QueryError> {
        let start = |message: String| QueryError::Start { message };
        let catalog = Catalog::new(&pipeline, tables, columns, system).map_err(|cause| start(cause.to_string()))?;
        let catalog = Arc::new(catalog);
        let runtime = runtime(&limits).map_err(|cause| start(cause.to_string()))?;
        let threads = Arc::new(QueryThreads::start().map_err(|cause| start(cause.to_string()))?);
        let committed = Sessions::new(&catalog, &runtime, &threads);
        // Nobody knows of anything fresher yet.
        let fresh = Sessions::new(&catalog, &runtime, &threads);
        Ok(Self {
            pipeline,
            fresh_catalog: Arc::clone(&catalog),
            catalog,
            limits,
            runtime,
            threads,
            committed,
            fresh,
            states: None,
        })
    }

    /// The same engine, which shows in `stream.*` what `fresh` has beyond the committed tables, unless a question's [`Scope`] says
    /// otherwise.
    pub fn with_fresh(self, fresh: Arc<dyn FreshRows>) -> Self {
        let fresh_catalog = Arc::new(self.catalog.with_fresh(fresh));
        Self { fresh: Sessions::new(&fresh_catalog, &self.runtime, &self.threads), fresh_catalog, ..self }
    }

    /// The same engine, whose `raw.*` are the archived topics that `topics` knows.
    pub fn with_raw(self, topics: Arc<dyn RawTopics>) -> Self {
        self.catalog.set_raw(topics);
        self
    }

    /// The same engine, which keeps in `folder` what [`QueryEngine::ask_again`] counts.
    pub fn with_states(self, folder: PathBuf) -> Self {
        let queries = self.pipeline.queries.iter().map(|query| query.name.clone());
        Self { states: Some(States::new(folder, queries)), ..self }
    }

    /// Answers `sql`; names without a schema are tables of the scope's lane. Every table that it names is read at its newest version.
    ///
    /// # Errors
    /// Every [`QueryError`] but the ones about pipeline queries and streams.
    pub async fn query(
        &self,
        sql: &str,
        scope: impl Into<Scope>,
        cancellation: &CancellationToken,
    ) -> Result<Answer, QueryError> {
        self.stream(sql, scope, cancellation).await?.collect().await
    }

    /// As [`QueryEngine::query`], for whoever passes the rows on while they come. The limits hold for the whole answer; the time counts from
    /// here.
    ///
    /// # Errors
    /// As [`QueryEngine::query`], as far as planning goes; the rest comes from [`AnswerStream::next`].
    pub async fn stream(
        &self,
        sql: &str,
        scope: impl Into<Scope>,
        cancellation: &CancellationToken,
    ) -> Result<AnswerStream, QueryError> {
        let started = Instant::now();
        let scope = scope.into();
        let begin = async {
            let plan = self.plan(sql, scope).await?;
            let frame = self.session(scope).execute_logical_plan(plan).await.map_err(|cause| self.explain(&cause))?;
            frame.execute_stream().await.map_err(|cause| self.explain(&cause))
        };
        let rows = self.within_limits(begin, cancellation).await?;
        Ok(self.answer_stream(rows, started, cancellation))
    }

    /// Answers the pipeline's query `name` on the tables of the scope's lane.
    ///
    /// # Errors
    /// [`QueryError::UnknownQuery`]; as [`QueryEngine::query`].
    pub async fn ask(
        &self,
        name: &str,
        scope: impl Into<Scope>,
        cancellation: &CancellationToken,
    ) -> Result<Answer, QueryError> {
        let query = self.pipeline_query(name)?;
        self.query(&query.sql.text, scope, cancellation).await
    }

    /// The rows of the newest run in `result.<name>`, without the columns of the run, in the query's own order where its `ORDER BY`
    /// names columns of the answer.
    ///
    /// # Errors
    /// [`QueryError::NotYetWritten`] before the first run; [`QueryError::UnknownQuery`]; as [`QueryEngine::query`].
    pub async fn latest_result(&self, name: &str, cancellation: &CancellationToken) -> Result<Answer, QueryError> {
        let query = self.pipeline_query(name)?;
        match self.query(&latest_run_sql(query, true), Lane::Batch, cancellation).await {
            Err(QueryError::UnknownColumn { .. } | QueryError::Plan { .. }) => {
                self.query(&latest_run_sql(query, false), Lane::Batch, cancellation).await
            }
            answer => answer,
        }
    }

    /// The columns that `sql` gives, without running it.
    ///
    /// # Errors
    /// As [`QueryEngine::query`], as far as planning goes.
    pub async fn columns(&self, sql: &str, lane: Lane) -> Result<SchemaRef, QueryError> {
        Ok(plain_schema(self.plan(sql, Scope { lane, fresh: false }).await?.schema().as_arrow()))
    }

    /// Compares the two lanes of a stream row by row.
    ///
    /// # Errors
    /// [`QueryError::UnknownStream`]; [`QueryError::Incomparable`]; [`QueryError::MemoryLimit`], where there is no room on disk either;
    /// as [`QueryEngine::query`].
    pub async fn reconcile(
        &self,
        stream: &str,
        cancellation: &CancellationToken,
    ) -> Result<Reconciliation, QueryError> {
        let names: Vec<&str> = self.pipeline.streams.iter().map(|stream| stream.name.as_str()).collect();
        let Some(stream) = self.pipeline.stream(stream) else {
            return Err(QueryError::UnknownStream { name: stream.to_owned(), hint: hint(stream, &names, "streams") });
        };
        let lane = |lane| {
            let table = self.catalog.lane_table(&stream.name, lane);
            async move {
                match table {
                    Some(table) => table.provider().await,
                    None => {
                        Err(QueryError::UnknownStream { name: stream.name.clone(), hint: "it has no table".to_owned() })
                    }
                }
            }
        };
        let work = async {
            let (batch, live) = (lane(Lane::Batch).await?, lane(Lane::Stream).await?);
            reconcile::lanes(stream, &self.committed.batch, batch, live, self.limits.memory_bytes).await
        };
        self.within_limits(work, cancellation).await
    }

    /// Compares two tables of a stream row by row: `before` as it was at a version, and `after` at its newest one. In the outcome
    /// `before` stands for the batch lane, `after` for the stream lane.
    ///
    /// # Errors
    /// As [`QueryEngine::reconcile`]; [`QueryError::Table`] where one of them cannot be read.
    pub async fn compare(
        &self,
        stream: &str,
        before: (&TableLocation, u64),
        after: &TableLocation,
        cancellation: &CancellationToken,
    ) -> Result<Reconciliation, QueryError> {
        let names: Vec<&str> = self.pipeline.streams.iter().map(|stream| stream.name.as_str()).collect();
        let Some(stream) = self.pipeline.stream(stream) else {
            return Err(QueryError::UnknownStream { name: stream.to_owned(), hint: hint(stream, &names, "streams") });
        };
        let work = async {
            let (before, after) = (delta::version(before.0, Some(before.1)).await?, delta::version(after, None).await?);
            reconcile::lanes(stream, &self.committed.batch, before, after, self.limits.memory_bytes).await
        };
        self.within_limits(work, cancellation).await
    }

    /// How many parts of queries are computed now, those included that nobody waits for and that have not noticed yet.
    pub fn running(&self) -> usize {
        self.threads.tasks()
    }

    pub(crate) fn answer_stream(
        &self,
        rows: SendableRecordBatchStream,
        started: Instant,
        cancellation: &CancellationToken,
    ) -> AnswerStream {
        let schema = plain_schema(&rows.schema());
        let rows = Bounded::new(rows, self.limits.clone(), started, cancellation.clone());
        AnswerStream { schema, rows, started }
    }

    pub(crate) fn pipeline_query(&self, name: &str) -> Result<&pinflow_pipeline::Query, QueryError> {
        let names: Vec<&str> = self.pipeline.queries.iter().map(|query| query.name.as_str()).collect();
        self.pipeline
            .query(name)
            .ok_or_else(|| QueryError::UnknownQuery { name: name.to_owned(), hint: hint(name, &names, "queries") })
    }

    pub(crate) fn session(&self, scope: Scope) -> &SessionContext {
        let sessions = if scope.fresh { &self.fresh } else { &self.committed };
        match scope.lane {
            Lane::Batch => &sessions.batch,
            Lane::Stream => &sessions.stream,
        }
    }

    /// Refuses tables that there are not; those of the schemas `known` are not looked at.
    pub(crate) fn check_names(
        &self,
        statement: &DataFusionStatement,
        state: &SessionState,
        default: &str,
        known: &[&str],
    ) -> Result<(), QueryError> {
        let references = state.resolve_table_references(statement).map_err(|cause| self.explain(&cause))?;
        // `range(0, 10)` stands where a table does.
        let is_function = |name: &str| state.table_functions().contains_key(name);
        let is_known = |reference: &TableReference| reference.schema().is_some_and(|schema| known.contains(&schema));
        let mut tables = references.iter().filter(|reference| !is_function(reference.table()) && !is_known(reference));
        tables.try_for_each(|reference| self.catalog.check(reference, default))
    }

    pub(crate) async fn plan(&self, sql: &str, scope: Scope) -> Result<LogicalPlan, QueryError> {
        let limit = self.limits.memory_bytes;
        let mut statement = parse(sql).map_err(|cause| QueryError::from_dialect(cause, limit))?;
        read_only::check(&statement)?;
        time_travel::resolve(&mut statement)?;
        let statement = DataFusionStatement::Statement(Box::new(statement));
        let state = self.session(scope).state();
        self.check_names(&statement, &state, scope.lane.as_str(), &[])?;
        let planned = async {
            let plan = state.statement_to_plan(statement).await?;
            // The statement was checked before; this is the second lock on the door.
            SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false)
                .verify_plan(&plan)?;
            Ok(plan)
        };
        planned.await.map_err(|cause: DataFusionError| self.explain(&cause))
    }

    pub(crate) async fn within_limits<T>(
        &self,
        work: impl Future<Output = Result<T, QueryError>>,
        cancellation: &CancellationToken,
    ) -> Result<T, QueryError> {
        let limit = self.limits.time;
        tokio::select! {
            biased;
            () = cancellation.cancelled() => Err(QueryError::Cancelled),
            outcome = tokio::time::timeout(limit, work) => outcome.unwrap_or(Err(QueryError::TimeLimit { limit })),
        }
    }
}

fn runtime(limits: &QueryLimits) -> datafusion::error::Result<Arc<RuntimeEnv>> {
    let spill = match &limits.spill_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default().with_mode(spill).with_max_temp_directory_size(limits.spill_bytes);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()
}

fn lane_session(
    lane: Lane,
    catalog: &Arc<Catalog>,
    runtime: &Arc<RuntimeEnv>,
    threads: &Arc<QueryThreads>,
) -> SessionContext {
    let config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, lane.as_str())
        .with_information_schema(true);
    let config = tuned(config);
    let state = session_state(config)
        .with_runtime_env(Arc::clone(runtime))
        .with_physical_optimizer_rules(physical_rules(threads));
    let session = SessionContext::new_with_state(state.build());
    session.register_catalog(CATALOG, Arc::clone(catalog) as Arc<dyn datafusion::catalog::CatalogProvider>);
    session
}

/// DataFusion's rules with those of the engine, in their order.
pub(crate) fn physical_rules(threads: &Arc<QueryThreads>) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(WindowGroupLimits));
    rules.push(Arc::new(CasesByValue));
    rules.push(Arc::new(OnQueryThreads(Arc::clone(threads))));
    rules
}

/// Joins on few processors: one hash table of the smaller side, which all of them probe. To part both sides by the key first, as DataFusion
/// does with larger tables, costs more than it gains until there are more processors to share the work.
pub(crate) fn tuned(mut config: SessionConfig) -> SessionConfig {
    const FEW_PROCESSORS: usize = 4;
    if config.target_partitions() <= FEW_PROCESSORS {
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.hash_join_single_partition_threshold = usize::MAX;
        optimizer.hash_join_single_partition_threshold_rows = usize::MAX;
    }
    config
}
