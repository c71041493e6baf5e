//! Answers of growing tables. What a query has counted is kept; the next time only the rows that were appended since are counted, and
//! added to it.
//!
//! Which parts of a query that works for stands in [`part`]; the rest of the query is computed over their states. A query without such a
//! part is answered in full every time, and so is one whose tables lost files since: they were rewritten, or small files were merged.

mod growth;
mod meetings;
mod origin;
mod part;
mod partial_aggregate;
mod state_file;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use pinflow_pipeline::Lane;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::growth::{Growth, Scan, scans_of};
use self::meetings::Meetings;
use self::part::{Part, parts_of};
use self::state_file::{Covers, StateFile};
use crate::answer::Answer;
use crate::catalog::Catalog;
use crate::engine::QueryEngine;
use crate::error::QueryError;
use crate::fresh::Scope;

/// How an answer came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All rows were counted.
    All,
    /// What was kept, and the rows that were appended since.
    New,
}

/// Where the states of a pipeline's queries are kept.
#[derive(Debug)]
pub(crate) struct States {
    folder: PathBuf,
    /// Held by whoever answers the query, to the end: files are replaced, and must not be while they are read.
    turns: BTreeMap<String, Mutex<()>>,
    meetings: Meetings,
}

/// The states of one query: a file for each of its parts.
#[derive(Debug)]
pub(crate) struct QueryStates<'s> {
    folder: PathBuf,
    meetings: &'s Meetings,
    _turn: MutexGuard<'s, ()>,
}

impl States {
    pub fn new(folder: PathBuf, queries: impl Iterator<Item = String>) -> Self {
        Self { folder, turns: queries.map(|query| (query, Mutex::default())).collect(), meetings: Meetings::default() }
    }

    /// The states of `query`, for one at a time. `None` where it is no query of the pipeline.
    pub async fn of(&self, query: &str) -> Option<QueryStates<'_>> {
        let turn = self.turns.get(query)?.lock().await;
        Some(QueryStates { folder: self.folder.join(query), meetings: &self.meetings, _turn: turn })
    }
}

impl QueryStates<'_> {
    /// Brings the states of an optimized plan's parts up to date, without regard to what is kept where `anew`, and gives the plan that
    /// reads them.
    async fn bring_up_to_date(
        &self,
        plan: LogicalPlan,
        session: &SessionContext,
        catalog: &Catalog,
        anew: bool,
    ) -> Result<(LogicalPlan, Counted)> {
        let (mut finished, mut counted) = (Vec::new(), Vec::new());
        for (number, part) in parts_of(&plan)?.into_iter().enumerate() {
            let Some(scans) = scans_of(part.input(), catalog).await? else { continue };
            fs::create_dir_all(&self.folder)?;
            let path = self.folder.join(format!("{number}.parquet"));
            let kept = if anew { None } else { StateFile::open(&path) };
            let (state, how) = self.part_state(&part, scans, kept, &path, session).await?;
            counted.push(how);
            let answer = part.finished(state.scan()?)?;
            finished.push((part, answer));
        }
        let plan = replace_parts(plan, &finished)?;
        let all_kept = counted.iter().all(|how| *how == Counted::New) && reads_states_alone(&plan)?;
        Ok((plan, if all_kept { Counted::New } else { Counted::All }))
    }

    /// The state of all rows that the part's scans read now.
    async fn part_state(
        &self,
        part: &Part,
        scans: Vec<Scan>,
        kept: Option<StateFile>,
        path: &Path,
        session: &SessionContext,
    ) -> Result<(StateFile, Counted)> {
        let covers = Covers::new(&part.plan, scans.iter().map(|scan| scan.files.clone()).collect());
        if let Some(kept) = kept.filter(|kept| kept.covers.is_of_same_plan(&covers))
            && let Some(growth) = Growth::since(&kept.covers.files, &scans).await?
        {
            if kept.covers == covers {
                return Ok((kept, Counted::New));
            }
            let state = match growth.added_to(part.input(), self.meetings, session).await? {
                Some(added) => part.merged(kept.scan()?, added)?,
                // The same state, of more rows.
                None => kept.scan()?,
            };
            return Ok((StateFile::write(path, covers, rows(session, state).await?).await?, Counted::New));
        }
        let all = part.state(part.input().clone())?;
        Ok((StateFile::write(path, covers, rows(session, all).await?).await?, Counted::All))
    }
}

impl QueryEngine {
    /// As [`QueryEngine::ask`] on the batch lane's tables, for a query that is asked again and again: what was counted the last time is kept,
    /// and rows that were appended since are added to it, where the query allows that. `anew` counts all rows.
    ///
    /// # Errors
    /// As [`QueryEngine::ask`].
    pub async fn ask_again(
        &self,
        name: &str,
        anew: bool,
        cancellation: &CancellationToken,
    ) -> Result<(Answer, Counted), QueryError> {
        let started = Instant::now();
        let sql = &self.pipeline_query(name)?.sql.text;
        let scope = Scope::from(Lane::Batch);
        let begin = async {
            let Some(states) = &self.states else { return Ok(None) };
            let plan = self.plan(sql, scope).await?;
            let Some(states) = states.of(name).await else { return Ok(None) };
            let session = self.session(scope);
            let begun = async {
                let plan = session.state().optimize(&plan)?;
                let (plan, counted) = states.bring_up_to_date(plan, session, &self.catalog, anew).await?;
                Ok((rows(session, plan).await?, counted))
            };
            let (rows, counted) = begun.await.map_err(|cause: DataFusionError| self.explain(&cause))?;
            Ok(Some((rows, counted, states)))
        };
        match self.within_limits(begin, cancellation).await {
            // Whoever asks the same waits until all rows are read.
            Ok(Some((rows, counted, _states))) => {
                Ok((self.answer_stream(rows, started, cancellation).collect().await?, counted))
            }
            Ok(None) => Ok((self.query(sql, scope, cancellation).await?, Counted::All)),
            Err(error @ (QueryError::Cancelled | QueryError::TimeLimit { .. })) => Err(error),
            Err(error) => {
                tracing::warn!(query = name, %error, "what was counted before cannot be used; all rows are counted");
                Ok((self.query(sql, scope, cancellation).await?, Counted::All))
            }
        }
    }
}

/// Runs a plan that was analyzed before: the dialect's rules are for what somebody wrote.
async fn rows(session: &SessionContext, plan: LogicalPlan) -> Result<SendableRecordBatchStream> {
    let state = session.state();
    let plan = state.optimizer().optimize(plan, &state, |_, _| {})?;
    let plan = state.query_planner().create_physical_plan(&plan, &state).await?;
    execute_stream(plan, session.task_ctx())
}

fn reads_states_alone(plan: &LogicalPlan) -> Result<bool> {
    let is_table = |step: &LogicalPlan| {
        let LogicalPlan::TableScan(scan) = step else { return Ok(false) };
        Ok(!StateFile::is_read_by(&scan.source))
    };
    Ok(!plan.exists(is_table)?)
}

/// The plan with what is given in place of some of its parts.
fn replace_parts(plan: LogicalPlan, finished: &[(Part, LogicalPlan)]) -> Result<LogicalPlan> {
    let replaced = plan.transform_down(|step| {
        Ok(match finished.iter().find(|(part, _)| part.plan == step) {
            Some((_, finished)) => Transformed::new(finished.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(step),
        })
    })?;
    // What was said not to be null may be now.
    Ok(replaced.data.transform_up(|step| step.recompute_schema().map(Transformed::yes))?.data)
}
