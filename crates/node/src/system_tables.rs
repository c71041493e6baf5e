//! `system.balance`, `system.runs`, `system.unknown_fields`: the node's own counters as tables.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use pinflow_dashboard::view::{BalanceRow, Lane};
use pinflow_query::SystemTables;
use pinflow_schedule::JobRun;

/// The node's tables, as they were when they were last brought up to date.
#[derive(Debug, Default)]
pub(crate) struct NodeTables(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    balance: Vec<BalanceRow>,
    runs: Vec<JobRun>,
    unknown_fields: Option<RecordBatch>,
}

impl NodeTables {
    pub fn update(&self, balance: Vec<BalanceRow>, runs: Vec<JobRun>, unknown_fields: RecordBatch) {
        *self.lock() = Content { balance, runs, unknown_fields: Some(unknown_fields) };
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        // The content is replaced whole: it is sound even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SystemTables for NodeTables {
    fn names(&self) -> Vec<String> {
        ["balance", "runs", "unknown_fields"].map(str::to_owned).to_vec()
    }

    fn table(&self, name: &str) -> Option<RecordBatch> {
        let content = self.lock();
        match name {
            "balance" => Some(balance(&content.balance)),
            "runs" => Some(runs(&content.runs)),
            "unknown_fields" => content.unknown_fields.clone(),
            _ => None,
        }
    }
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
        ("error", text(tasks.iter().map(|(_, task)| task.error.clone()).collect())),
    ])
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("every column has a value a row")
}

/// A state by the name that its JSON has.
pub(crate) fn name_of(state: &impl serde::Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("a state is written as a text, not as {other:?}"),
    }
}
