//! What the dashboard and the command line ask, answered from the stages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use pinflow_dashboard::view::{
    AnswerView, BalanceRow, ChartKind, ChartView, Column, Counters, DeadLetter, GatewayCounters, Health, HealthState,
    Lane as LaneView, LetterOutcome, LetterSelection, Overview, QueryResult, ReconcileSample, ReconcileView,
    RunState as RunStateView, RunView, Scope as ScopeView, StartRequest, StreamProgress, TaskView,
};
use pinflow_dashboard::{ErrorKind, NodeView, ViewError};
use pinflow_event::Timestamp;
use pinflow_gateway::{Gateway, OWN_ROUTES};
use pinflow_lane::{LaneError, LetterAction};

use pinflow_pipeline::{self as pipeline, Lane, Stream, Work};
use pinflow_query::{Answer, Difference, QueryError, Sample, Scope, sql_type};
use pinflow_schedule::{JobRun, RunId, RunScope, RunState, ScheduleError, Scheduler, TaskRun, TaskState, Trigger};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::error::NodeError;
use crate::health::{self, Part};
use crate::stages::Stages;
use crate::system_tables::RUNS_SHOWN;
use crate::work::{difference, elapsed_of};
use crate::{balance, dead, settle};

/// A node as its dashboard sees it.
pub(crate) struct View {
    pub stages: Arc<Stages>,
    pub gateway: Gateway,
    pub scheduler: Scheduler,
    pub started: Timestamp,
    /// Cancelled once the node takes no more requests.
    pub closing: CancellationToken,
    /// Where the node listens, once it does.
    pub urls: Arc<std::sync::Mutex<Vec<String>>>,
}

#[async_trait]
impl NodeView for View {
    async fn overview(&self) -> Result<Overview, ViewError> {
        let pipeline = self.stages.pipeline();
        Ok(Overview {
            pipeline: pipeline.name.clone(),
            variables: pipeline.variables.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: self.started.as_millis(),
            urls: self.urls.lock().expect("nobody panics while changing the addresses").clone(),
            data_folder: self.stages.folder.root().display().to_string(),
            streams: pipeline.streams.iter().map(|stream| stream.name.clone()).collect(),
            jobs: pipeline.jobs.iter().map(|job| job.name.clone()).collect(),
        })
    }

    async fn counters(&self) -> Counters {
        let metrics = self.gateway.metrics();
        let mut gateway = GatewayCounters {
            records: metrics.accepted_records(),
            bytes: metrics.accepted_bytes(),
            ..GatewayCounters::default()
        };
        let dialects = metrics.dialects.iter().filter(|(dialect, _)| **dialect != OWN_ROUTES);
        for (dialect, counts) in dialects {
            gateway.requests += counts.requests();
            gateway.errors.extend(counts.refused.iter().map(|(code, count)| (format!("{dialect} {code}"), *count)));
        }
        let mut health = self.health();
        let balance = balance::rows(&self.stages).await.unwrap_or_else(|error| {
            health.state = HealthState::Degraded;
            health.reasons.push(error.to_string());
            Vec::new()
        });
        let streams = self.stages.pipeline().streams.iter().map(|stream| self.progress(stream, &balance)).collect();
        Counters { health, gateway, balance, streams, queries: self.queries() }
    }

    async fn balance(&self) -> Result<Vec<BalanceRow>, ViewError> {
        balance::rows(&self.stages).await.map_err(failed)
    }

    async fn runs(&self, limit: usize) -> Result<Vec<RunView>, ViewError> {
        Ok(self.scheduler.history().list(limit).iter().map(|run| self.run_view(run)).collect())
    }

    async fn run(&self, id: &str) -> Result<RunView, ViewError> {
        let run = self.scheduler.history().get(&RunId::new(id));
        let run = run.ok_or_else(|| ViewError::new(ErrorKind::NotFound, format!("there is no run `{id}`")))?;
        Ok(self.run_view(&run))
    }

    async fn start_job(&self, job: &str, request: &StartRequest) -> Result<String, ViewError> {
        let StartRequest { task, full, accept_missing } = request;
        let scope = RunScope { only: task.as_deref(), full: *full, accept_missing: *accept_missing };
        let started = self.scheduler.start(job, scope, Trigger::Manual).await.map_err(|error| {
            let kind = match &error {
                ScheduleError::UnknownJob { .. } | ScheduleError::UnknownTask { .. } => ErrorKind::NotFound,
                ScheduleError::AlreadyRunning { .. } => ErrorKind::Conflict,
                ScheduleError::Stopping => ErrorKind::Unavailable,
                _ => ErrorKind::Failed,
            };
            ViewError::new(kind, error)
        })?;
        Ok(started.id.to_string())
    }

    async fn answers(&self) -> Result<Vec<AnswerView>, ViewError> {
        let mut answers = Vec::new();
        for query in &self.stages.pipeline().queries {
            answers.push(self.answer(query).await?);
        }
        Ok(answers)
    }

    async fn query(&self, sql: &str, scope: ScopeView, limit: usize) -> Result<QueryResult, ViewError> {
        self.stages.questions.fetch_add(1, Ordering::Relaxed);
        let lane = match scope.lane {
            LaneView::Batch => Lane::Batch,
            LaneView::Stream => Lane::Stream,
        };
        let scope = Scope { lane, fresh: !scope.committed };
        let answer = self.stages.engine.query(sql, scope, &Default::default()).await.map_err(|e| failed(e.into()))?;
        let (columns, mut rows) = table(&answer);
        let truncated = rows.len() > limit;
        rows.truncate(limit);
        Ok(QueryResult { columns, rows, truncated, elapsed_ms: millis(answer.elapsed) })
    }

    async fn dead(&self, stream: &str, letters: &LetterSelection, limit: usize) -> Result<Vec<DeadLetter>, ViewError> {
        dead::list(&self.stages, stream, letters, limit).await.map_err(failed)
    }

    async fn dead_letter(
        &self,
        stream: &str,
        lane: LaneView,
        partition: u32,
        offset: u64,
    ) -> Result<DeadLetter, ViewError> {
        dead::find(&self.stages, stream, lane, partition, offset).await.map_err(failed)
    }

    async fn retry_dead(&self, stream: &str, letters: &LetterSelection) -> Result<LetterOutcome, ViewError> {
        dead::remove(&self.stages, stream, letters, LetterAction::Retry).await.map_err(failed)
    }

    async fn drop_dead(&self, stream: &str, letters: &LetterSelection, note: &str) -> Result<LetterOutcome, ViewError> {
        let action = LetterAction::Drop { reason: note.to_owned() };
        dead::remove(&self.stages, stream, letters, action).await.map_err(failed)
    }

    async fn reconcile(&self, stream: Option<&str>) -> Result<Vec<ReconcileView>, ViewError> {
        let streams: Vec<&Stream> = match stream {
            Some(name) => vec![self.stages.stream(name).map_err(failed)?],
            None => self.stages.pipeline().streams.iter().collect(),
        };
        let mut views = Vec::new();
        for stream in streams {
            settle::stream_lane(&self.stages, stream).await.map_err(failed)?;
            let compared = self.stages.engine.reconcile(&stream.name, &Default::default()).await;
            let compared = compared.map_err(|error| failed(error.into()))?;
            let waiting = balance::rows(&self.stages).await.map_err(failed)?;
            let in_flight =
                waiting.iter().filter(|row| row.stream == stream.name).map(|row| row.in_flight).sum::<u64>();
            let note = (!compared.is_equal()).then(|| match in_flight {
                0 => difference(&compared),
                waiting => format!(
                    "{}; {waiting} records are in flight: run the job, then compare again",
                    difference(&compared)
                ),
            });
            views.push(ReconcileView {
                stream: stream.name.clone(),
                equal: compared.is_equal(),
                batch_rows: compared.batch_rows,
                stream_rows: compared.stream_rows,
                only_in_batch: compared.missing_in_stream,
                only_in_stream: compared.missing_in_batch,
                different: compared.different,
                different_columns: compared.different_columns,
                samples: compared.samples.into_iter().map(reconcile_sample).collect(),
                note,
            });
        }
        Ok(views)
    }
}

/// A row that does not match, as it is sent.
fn reconcile_sample(sample: Sample) -> ReconcileSample {
    let difference = match sample.difference {
        Difference::MissingInBatch => "missing_in_batch",
        Difference::MissingInStream => "missing_in_stream",
        Difference::Different => "different",
    };
    ReconcileSample { difference, batch: sample.batch, stream: sample.stream, columns: sample.columns }
}

impl View {
    /// How long the node has been running.
    pub fn uptime(&self) -> Duration {
        self.stages.clock.now().since(self.started)
    }

    /// The parts of the node, and whether each works.
    pub fn parts(&self) -> Vec<Part> {
        health::parts(&self.stages, self.closing.is_cancelled())
    }

    /// Questions answered, by jobs and by people.
    pub fn queries(&self) -> u64 {
        self.stages.questions.load(Ordering::Relaxed)
    }

    fn health(&self) -> Health {
        let reasons: Vec<String> = self.parts().into_iter().filter_map(|part| part.reason).collect();
        let state = if reasons.is_empty() { HealthState::Ok } else { HealthState::Degraded };
        Health { state, reasons }
    }

    fn progress(&self, stream: &Stream, balance: &[BalanceRow]) -> StreamProgress {
        let status = self.stages.statuses[&(Lane::Stream, stream.name.clone())].get();
        let row = balance.iter().find(|row| row.lane == LaneView::Stream && row.stream == stream.name);
        let last = status.last_batch;
        let freshness = last.and_then(|batch| batch.freshness);
        // The oldest record that waits is in the batch in hand; between two batches it has waited about as long as the last ones did.
        let in_hand = status.in_hand.map(|arrived| self.stages.clock.now().since(arrived));
        let oldest = in_hand.or(freshness.map(|waits| waits.longest));
        StreamProgress {
            stream: stream.name.clone(),
            input_rows: row.map_or(0, |row| row.accepted),
            processed_rows: status.records,
            batches: status.batches,
            batch_ms: millis(status.busy),
            last_batch_ms: last.map(|batch| millis(batch.duration)),
            freshness_p50_ms: freshness.map(|waits| millis(waits.p50)),
            freshness_p99_ms: freshness.map(|waits| millis(waits.p99)),
            distinct_keys: stream.key.as_ref().map(|_| status.distinct_keys),
            lag_records: row.map_or(0, |row| row.in_flight),
            lag_ms: row.filter(|row| row.in_flight > 0).and(oldest).map(millis),
            last_commit_ms: last.map(|batch| batch.committed.as_millis()),
        }
    }

    fn run_view(&self, run: &JobRun) -> RunView {
        let job = self.stages.pipeline().job(&run.job);
        let after = |task: &TaskRun| {
            let known = job.and_then(|job| job.tasks.iter().find(|known| known.name == task.name));
            known.map(|task| task.after.clone()).unwrap_or_default()
        };
        RunView {
            id: run.id.to_string(),
            job: run.job.clone(),
            trigger: crate::system_tables::name_of(&run.trigger),
            state: run_state(run.state),
            started_ms: run.started.as_millis(),
            ended_ms: run.ended.map(|time| time.as_millis()),
            tasks: run
                .tasks
                .iter()
                .map(|task| TaskView {
                    name: task.name.clone(),
                    after: after(task),
                    state: task_state(task.state),
                    attempts: task.attempts,
                    started_ms: task.started.map(|time| time.as_millis()),
                    ended_ms: task.ended.map(|time| time.as_millis()),
                    note: Some(task.note.clone()).filter(|note| !note.is_empty()),
                    error: task.error.clone(),
                })
                .collect(),
        }
    }

    /// The newest stored answer of a query.
    async fn answer(&self, query: &pipeline::Query) -> Result<AnswerView, ViewError> {
        let mut view = AnswerView {
            name: query.name.clone(),
            title: query.title.clone(),
            chart: query.chart.as_ref().map(chart_view),
            columns: Vec::new(),
            rows: Vec::new(),
            total_rows: 0,
            run_id: None,
            run_time_ms: None,
            elapsed_ms: None,
        };
        let Some((run, task)) = self.newest_run_of(&query.name) else { return Ok(view) };
        view.run_id = Some(run.id.to_string());
        view.run_time_ms = Some(run.run_time.as_millis());
        view.elapsed_ms = elapsed_of(&task.note);
        let answer = match self.stages.engine.latest_result(&query.name, &Default::default()).await {
            Ok(answer) => answer,
            Err(QueryError::NotYetWritten { .. }) => return Ok(view),
            Err(error) => return Err(failed(error.into())),
        };
        let (columns, rows) = table(&answer);
        view.columns = columns;
        view.rows = rows;
        view.total_rows = view.rows.len() as u64;
        Ok(view)
    }

    /// The newest run in which the query was answered.
    fn newest_run_of(&self, query: &str) -> Option<(JobRun, TaskRun)> {
        let jobs = &self.stages.pipeline().jobs;
        let asks = |run: &JobRun, task: &TaskRun| {
            let known =
                jobs.iter().find(|job| job.name == run.job)?.tasks.iter().find(|known| known.name == task.name)?;
            (known.work == Work::Query { query: query.to_owned() } && task.state == TaskState::Succeeded).then_some(())
        };
        self.scheduler.history().list(RUNS_SHOWN).into_iter().find_map(|run| {
            let task = run.tasks.iter().find(|task| asks(&run, task).is_some())?.clone();
            Some((run, task))
        })
    }
}

fn chart_view(chart: &pipeline::Chart) -> ChartView {
    ChartView {
        kind: match chart.kind {
            pipeline::ChartKind::Bar => ChartKind::Bar,
            pipeline::ChartKind::Line => ChartKind::Line,
        },
        x: chart.x.clone(),
        y: chart.y.clone(),
        group: chart.group.clone(),
    }
}

fn run_state(state: RunState) -> RunStateView {
    match state {
        RunState::Running => RunStateView::Running,
        RunState::Succeeded => RunStateView::Succeeded,
        RunState::Failed => RunStateView::Failed,
        RunState::Cancelled => RunStateView::Cancelled,
        RunState::Interrupted => RunStateView::Interrupted,
    }
}

fn task_state(state: TaskState) -> RunStateView {
    match state {
        TaskState::Waiting => RunStateView::Waiting,
        TaskState::Running => RunStateView::Running,
        TaskState::Retrying => RunStateView::Retrying,
        TaskState::Succeeded => RunStateView::Succeeded,
        TaskState::Failed => RunStateView::Failed,
        TaskState::UpstreamFailed => RunStateView::Skipped,
        TaskState::Cancelled => RunStateView::Cancelled,
        TaskState::Interrupted => RunStateView::Interrupted,
    }
}

/// An answer's columns and rows as the API gives them.
fn table(answer: &Answer) -> (Vec<Column>, Vec<Vec<Value>>) {
    let fields = answer.schema.fields();
    let columns = fields.iter().map(|field| Column { name: field.name().clone(), kind: sql_type(field.data_type()) });
    (columns.collect(), answer.to_json_arrays())
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The error as the API tells it.
fn failed(error: NodeError) -> ViewError {
    let kind = match &error {
        NodeError::Unknown { .. } | NodeError::NoLetter { .. } => ErrorKind::NotFound,
        NodeError::Query(
            QueryError::Syntax { .. }
            | QueryError::NotReadOnly { .. }
            | QueryError::UnknownTable { .. }
            | QueryError::UnknownColumn { .. }
            | QueryError::UnknownQuery { .. }
            | QueryError::UnknownStream { .. }
            | QueryError::NotYetWritten { .. }
            | QueryError::NoVersion { .. }
            | QueryError::Plan { .. }
            | QueryError::Execution { .. }
            | QueryError::TimeLimit { .. }
            | QueryError::MemoryLimit { .. }
            | QueryError::RowLimit { .. },
        ) => ErrorKind::Invalid,
        NodeError::Log(_)
        | NodeError::LaneStuck { .. }
        | NodeError::NotStarted
        | NodeError::Lane(LaneError::Ended { .. }) => ErrorKind::Unavailable,
        _ => ErrorKind::Failed,
    };
    ViewError::new(kind, error)
}
