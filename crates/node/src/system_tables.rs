//! `system.answers`, `system.archive_changes`, `system.balance`, `system.batches`, `system.history`, `system.runs` and
//! `system.unknown_fields`: what the node knows of itself, as tables.

use std::sync::{Arc, OnceLock, Weak};

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use pinflow_dashboard::view::{BalanceRow, Lane};
use pinflow_lane::{LaneError, ObjectChange};
use pinflow_pipeline::{Pipeline, Work};
use pinflow_query::SystemTables;
use pinflow_schedule::{JobRun, RunHistory, TaskState};

use crate::balance::rows as balance_rows;
use crate::batches;
use crate::history;
use crate::stages::Stages;
use crate::unknown_fields;
use crate::work::elapsed_of;

/// Runs that `system.runs` and `system.answers` show.
pub(crate) const RUNS_SHOWN: usize = 200;

/// The node's tables, made anew for each question. They are part of the stages that they tell of, and so learn of them later.
#[derive(Debug, Default)]
pub(crate) struct NodeTables {
    node: OnceLock<(Weak<Stages>, RunHistory)>,
}

impl NodeTables {
    /// From now on they tell of `stages`.
    pub fn tell_of(&self, stages: &Arc<Stages>, history: RunHistory) {
        // A second call would be of the same node.
        let _ = self.node.set((Arc::downgrade(stages), history));
    }
}

#[async_trait]
impl SystemTables for NodeTables {
    fn names(&self) -> Vec<String> {
        let names = ["answers", "archive_changes", "balance", "batches", "history", "runs", "unknown_fields"];
        names.map(str::to_owned).to_vec()
    }

    async fn table(&self, name: &str) -> Result<RecordBatch, String> {
        let node = self.node.get().and_then(|(stages, history)| Some((stages.upgrade()?, history)));
        let (stages, past_runs) = node.ok_or("the node is not there")?;
        match name {
            "answers" => Ok(answers(stages.pipeline(), &past_runs.list(RUNS_SHOWN))),
            "archive_changes" => archive_changes(&stages).await.map_err(|error| error.to_string()),
            "balance" => balance_rows(&stages).await.map(|rows| balance(&rows)).map_err(|error| error.to_string()),
            "batches" => Ok(batches::table(&stages.statuses)),
            "history" => history::rows(&stages).await.map_err(|error| error.to_string()),
            "runs" => Ok(runs(&past_runs.list(RUNS_SHOWN))),
            "unknown_fields" => Ok(unknown_fields::rows(&stages)),
            _ => Err(format!("there is no table `system.{name}`")),
        }
    }
}

/// A row for each answer that a run stored, those without rows too.
fn answers(pipeline: &Pipeline, runs: &[JobRun]) -> RecordBatch {
    let mut stored = Vec::new();
    for run in runs {
        let Some(job) = pipeline.job(&run.job) else { continue };
        for task in run.tasks.iter().filter(|task| task.state == TaskState::Succeeded) {
            let known = job.tasks.iter().find(|known| known.name == task.name);
            if let Some(Work::Query { query }) = known.map(|known| &known.work) {
                stored.push((query, run, task));
            }
        }
    }
    let run_times = stored.iter().map(|(_, run, _)| run.run_time.as_micros());
    let elapsed = stored.iter().map(|(.., task)| elapsed_of(&task.note).map(u64::cast_signed));
    table(vec![
        ("query", Arc::new(StringArray::from_iter_values(stored.iter().map(|(query, ..)| query)))),
        ("run_id", Arc::new(StringArray::from_iter_values(stored.iter().map(|(_, run, _)| run.id.to_string())))),
        ("run_time", Arc::new(TimestampMicrosecondArray::from_iter_values(run_times).with_timezone("UTC"))),
        ("rows", Arc::new(stored.iter().map(|(.., task)| task.rows.map(u64::cast_signed)).collect::<Int64Array>())),
        ("elapsed_ms", Arc::new(elapsed.collect::<Int64Array>())),
    ])
}

fn balance(rows: &[BalanceRow]) -> RecordBatch {
    let count = |of: fn(&BalanceRow) -> Option<u64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).map(u64::cast_signed)).collect::<Int64Array>())
    };
    let lane = |row: &BalanceRow| if row.lane == Lane::Batch { "batch" } else { "stream" };
    table(vec![
        ("lane", Arc::new(StringArray::from_iter_values(rows.iter().map(lane)))),
        ("stream", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.stream)))),
        ("accepted", count(|row| Some(row.accepted))),
        ("archived", count(|row| row.archived)),
        ("committed", count(|row| Some(row.committed))),
        ("duplicates", count(|row| Some(row.duplicates))),
        ("filtered", count(|row| Some(row.filtered))),
        ("dead", count(|row| Some(row.dead))),
        ("dropped", count(|row| Some(row.dropped))),
        ("in_flight", count(|row| Some(row.in_flight))),
        ("balances", Arc::new(rows.iter().map(|row| Some(row.balances)).collect::<BooleanArray>())),
    ])
}

/// A row an object, or a partition of which all are gone.
async fn archive_changes(stages: &Stages) -> Result<RecordBatch, LaneError> {
    let mut rows = Vec::new();
    for stream in &stages.pipeline().streams {
        let changes = pinflow_lane::archive_changes(&stages.tables, stream).await?;
        rows.extend(changes.into_iter().map(|change| (&stream.name, change)));
    }
    let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let number = |of: fn(&ObjectChange) -> u64| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, change)| Some(of(change).cast_signed())).collect::<Int64Array>())
    };
    Ok(table(vec![
        ("stream", text(rows.iter().map(|(stream, _)| (*stream).clone()).collect())),
        ("topic", text(rows.iter().map(|(_, change)| change.at.topic.to_string()).collect())),
        ("partition", number(|change| change.at.partition.0.into())),
        ("first_offset", number(|change| change.start.0)),
        ("path", text(rows.iter().map(|(_, change)| change.path.clone()).collect())),
        ("change", text(rows.iter().map(|(_, change)| change.fault.as_str().to_owned()).collect())),
    ]))
}

/// A row a task.
fn runs(runs: &[JobRun]) -> RecordBatch {
    let tasks: Vec<_> = runs.iter().flat_map(|run| run.tasks.iter().map(move |task| (run, task))).collect();
    let text = |values: Vec<Option<String>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let time = |values: Vec<Option<i64>>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let attempts: ArrayRef = Arc::new(UInt32Array::from_iter_values(tasks.iter().map(|(_, task)| task.attempts)));
    table(vec![
        ("run_id", text(tasks.iter().map(|(run, _)| Some(run.id.to_string())).collect())),
        ("job", text(tasks.iter().map(|(run, _)| Some(run.job.clone())).collect())),
        ("run_state", text(tasks.iter().map(|(run, _)| Some(name_of(&run.state))).collect())),
        ("task", text(tasks.iter().map(|(_, task)| Some(task.name.clone())).collect())),
        ("task_state", text(tasks.iter().map(|(_, task)| Some(name_of(&task.state))).collect())),
        ("attempts", cast(&attempts, &DataType::Int64).expect("every u32 is an i64")),
        ("started", time(tasks.iter().map(|(_, task)| task.started.map(|t| t.as_micros())).collect())),
        ("ended", time(tasks.iter().map(|(_, task)| task.ended.map(|t| t.as_micros())).collect())),
        ("rows", Arc::new(tasks.iter().map(|(_, task)| task.rows.map(u64::cast_signed)).collect::<Int64Array>())),
        ("note", text(tasks.iter().map(|(_, task)| Some(task.note.clone()).filter(|note| !note.is_empty())).collect())),
        ("error", text(tasks.iter().map(|(_, task)| task.error.clone()).collect())),
    ])
}

pub(crate) fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("every column has a value a row")
}

/// A state by the name that its JSON has.
pub(crate) fn name_of(state: &impl serde::Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("a state is written as a text, not as {other:?}"),
    }
}
