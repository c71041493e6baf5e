//! What the tasks of a job do. Every task may be broken off and done again: positions are in the tables.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use pinflow_archive::ArchiveError;
use pinflow_dashboard::view::{BalanceRow, Lane as LaneView};
use pinflow_event::Timestamp;
use pinflow_lane::{BatchRun, Beside, LaneError, MissingRecords, ObjectChange};
use pinflow_pipeline::{Lane, Task, Work};
use pinflow_query::{Answer, Counted, QueryError, Reconciliation, result_application};
use pinflow_schedule::{TaskContext, TaskFailure, TaskOutcome, TaskRunner};
use pinflow_table::{Commit, Progress, Table, TableError};

use crate::error::NodeError;
use crate::stages::Stages;
use crate::{balance, replay, settle};

/// Does the work of tasks on a node's stages.
#[derive(Debug)]
pub(crate) struct Worker {
    // Weak: the stages hold the scheduler's owner, and must go when the node goes.
    stages: Weak<Stages>,
}

impl Worker {
    pub fn new(stages: &Arc<Stages>) -> Self {
        Self { stages: Arc::downgrade(stages) }
    }
}

#[async_trait]
impl TaskRunner for Worker {
    async fn run(&self, task: &Task, context: &TaskContext) -> Result<TaskOutcome, TaskFailure> {
        let stages = self
            .stages
            .upgrade()
            .ok_or_else(|| TaskFailure { message: "the node is stopping".to_owned(), retry: false })?;
        match &task.work {
            Work::Clean { stream, full } if *full || context.full => {
                let missing = if context.accept_missing { MissingRecords::Accept } else { MissingRecords::Refuse };
                clean(&stages, stream, Some(missing)).await
            }
            Work::Clean { stream, .. } => clean(&stages, stream, None).await,
            Work::Query { query } => answer(&stages, query, context).await,
            Work::Reconcile { stream } => reconcile(&stages, stream).await,
        }
        .map_err(|error| TaskFailure { retry: may_pass(&error), message: error.to_string() })
    }
}

/// Archives what is acknowledged by now, then takes what is archived to the table: what is new of it, or all of it anew, where it
/// says what becomes of records that are missing.
async fn clean(stages: &Stages, stream: &str, anew: Option<MissingRecords>) -> Result<TaskOutcome, NodeError> {
    let ends = stages.ends(&stages.stream(stream)?.batch.topic).await?;
    stages.archive.flush_through(&ends).await?;
    let lane = Arc::clone(&stages.batch_lanes[stream]);
    let (replays, log, name) = (Arc::clone(&stages.replays), Arc::clone(&stages.log), stream.to_owned());
    // In a task of its own: a commit that was begun is finished even if the run is cancelled.
    let work = tokio::spawn(async move {
        let mut lane = lane.lock().await;
        let Some(missing) = anew else { return lane.run().await };
        replay::forget(&replays, Lane::Batch, &name);
        lane.rebuild(log, missing).await
    });
    let run = work.await.expect("the batch lane does not panic")?;
    Ok(TaskOutcome { rows: Some(run.rows), note: clean_note(&run) })
}

/// What a run says about itself, and about what changed behind its back.
fn clean_note(run: &BatchRun) -> String {
    let BatchRun { records, rows, duplicates, dead, mixed, changes, told_before, beside, rows_before } = run;
    let mut note = vec![format!("{records} records, {duplicates} duplicates, {dead} dead")];
    note.extend(rows_before.map(|before| format!("built anew: {before} rows before, {rows} after")));
    if *mixed {
        note.push(
            "the definition has changed, the table holds rows of both: `pinflow run --full` builds it anew".to_owned(),
        );
    }
    if !changes.is_empty() {
        note.push(ObjectChange::list(changes));
    }
    if *told_before > 0 {
        note.push(format!("earlier changes of the archive: {told_before} (system.archive_changes)"));
    }
    note.extend(beside_note(beside));
    note.join("; ")
}

/// What a run says about what it met in the archive that is no records.
fn beside_note(beside: &Beside) -> Vec<String> {
    let Beside { strangers, empty } = beside;
    let mut note = Vec::new();
    if let Some(first) = &strangers.first {
        let files = strangers.count;
        note.push(format!("files whose names are not ours were not read: {files}, the first is `{first}`"));
    }
    if let Some(first) = empty.first() {
        note.push(format!("objects with nothing in them: {}, the first is `{first}`", empty.len()));
    }
    note
}

/// Answers a query on the batch tables into `result.<query>`.
async fn answer(stages: &Stages, query: &str, context: &TaskContext) -> Result<TaskOutcome, NodeError> {
    stages.questions.fetch_add(1, Ordering::Relaxed);
    let (answer, counted) = stages.engine.ask_again(query, context.full, &context.stop).await?;
    let location = stages.tables.table("result", query)?;
    let schema = answer.result_schema();
    let mut table = match Table::open(&location, &schema).await {
        // The question was changed: its old answers stay readable as older versions of the table.
        Err(TableError::SchemaChanged { .. }) => Table::replace(&location, &schema).await?,
        opened => opened?,
    };
    let application = result_application(&stages.pipeline().name, query);
    let from = table.progress(&application).await?;
    let run_time = context.run_time.as_millis();
    // An attempt whose answer was stored, but which did not live to say so, is not stored again. A clock that was set back
    // does not keep a newer answer out.
    if from != run_time {
        let to = run_time.max(from + 1);
        let rows = answer
            .to_result_rows(context.run_id.as_str(), Timestamp::from_millis(to))
            .map_err(|error| NodeError::Query(QueryError::Execution { message: error.to_string() }))?;
        let notes = vec![("pinflow.run".to_owned(), context.run_id.as_str().into())];
        table.commit(&Commit { rows, progress: vec![Progress { application, from, to }], notes }).await?;
        table.keep_healthy().await?;
        table.rest().await?;
    }
    Ok(TaskOutcome { rows: Some(answer.row_count() as u64), note: answer_note(&answer, counted) })
}

/// How long an answer took, and of what it was made. [`elapsed_of`] reads it back.
fn answer_note(answer: &Answer, counted: Counted) -> String {
    let elapsed = answer.elapsed.as_millis();
    match counted {
        Counted::All => format!("{elapsed} ms"),
        Counted::New => format!("{elapsed} ms, new rows alone"),
    }
}

/// How long a query task's own answer took, by its note.
pub(crate) fn elapsed_of(note: &str) -> Option<u64> {
    note.split_once(" ms")?.0.parse().ok()
}

/// Compares the lanes of a stream once the stream lane has caught up with what was acknowledged.
async fn reconcile(stages: &Stages, stream: &str) -> Result<TaskOutcome, NodeError> {
    settle::stream_lane(stages, stages.stream(stream)?).await?;
    let compared = stages.engine.reconcile(stream, &Default::default()).await?;
    if compared.is_equal() {
        return Ok(TaskOutcome { rows: Some(compared.matching), note: "the lanes hold the same rows".to_owned() });
    }
    // Users go on posting while a job runs. A row that one lane lacks is no difference as long as it may be on its way there; this is
    // counted after the comparison, so that it covers what arrived meanwhile.
    let on_the_way = |rows: &[BalanceRow], lane| {
        rows.iter().filter(|row| row.lane == lane && row.stream == stream).map(|row| row.in_flight).sum::<u64>()
    };
    let balance = balance::rows(stages).await?;
    let explained = compared.different == 0
        && compared.missing_in_batch <= on_the_way(&balance, LaneView::Batch)
        && compared.missing_in_stream <= on_the_way(&balance, LaneView::Stream);
    if explained {
        let note =
            format!("the same rows, but {} on their way", compared.missing_in_batch + compared.missing_in_stream);
        return Ok(TaskOutcome { rows: Some(compared.matching), note });
    }
    Err(NodeError::LanesDiffer(difference(&compared)))
}

/// How the lanes differ, in a sentence.
pub(crate) fn difference(compared: &Reconciliation) -> String {
    let Reconciliation { stream, matching, missing_in_batch, missing_in_stream, different, different_columns, .. } =
        compared;
    let columns: Vec<String> = different_columns.iter().map(|(column, rows)| format!("`{column}` in {rows}")).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    format!(
        "the lanes of stream `{stream}` differ: {matching} rows are the same, {missing_in_batch} are missing in batch, \
         {missing_in_stream} are missing in stream, {different} differ in a column{columns}"
    )
}

/// Whether a later attempt may succeed with nobody doing anything.
fn may_pass(error: &NodeError) -> bool {
    if let NodeError::Archive(fault) | NodeError::Lane(LaneError::Archive(fault)) = error {
        // An object that is missing or cut off may still be on its way.
        return !matches!(fault, ArchiveError::UnknownKind { .. } | ArchiveError::Repeated { .. });
    }
    !matches!(
        error,
        NodeError::Unknown { .. }
            | NodeError::LanesDiffer(_)
            | NodeError::Table(TableError::SchemaChanged { .. })
            | NodeError::Lane(
                LaneError::Table(TableError::SchemaChanged { .. })
                    | LaneError::DefinitionChanged { .. }
                    | LaneError::ObjectsChanged { .. }
                    | LaneError::RecordsMissing { .. }
            )
            | NodeError::Query(QueryError::Syntax { .. } | QueryError::UnknownColumn { .. } | QueryError::Plan { .. })
    )
}
