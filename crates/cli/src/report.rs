//! What a node says, as rows.

use pinflow_dashboard::view::RunState;
use serde_json::{Value, json};

use crate::output::Rows;
use crate::reach::model::{BalanceRow, DeadLetter, Reconciliation, Run, TaskRun};

/// Where every event stands.
pub fn balance(balance: &[BalanceRow]) -> Rows {
    let mut rows = Rows::new(&[
        "lane",
        "stream",
        "accepted",
        "archived",
        "committed",
        "duplicates",
        "filtered",
        "dead",
        "in flight",
        "balances",
    ]);
    rows.rows.extend(balance.iter().map(|row| {
        vec![
            json!(row.lane),
            json!(row.stream),
            json!(row.accepted),
            json!(row.archived),
            json!(row.committed),
            json!(row.duplicates),
            json!(row.filtered),
            json!(row.dead),
            json!(row.in_flight),
            json!(row.balances),
        ]
    }));
    rows
}

/// Whether the lanes hold the same rows.
pub fn reconciliation(streams: &[Reconciliation]) -> Rows {
    let mut rows = Rows::new(&[
        "stream",
        "equal",
        "batch rows",
        "stream rows",
        "only in batch",
        "only in stream",
        "different",
        "note",
    ]);
    rows.rows.extend(streams.iter().map(|stream| {
        vec![
            json!(stream.stream),
            json!(stream.equal),
            json!(stream.batch_rows),
            json!(stream.stream_rows),
            json!(stream.only_in_batch),
            json!(stream.only_in_stream),
            json!(stream.different),
            json!(stream.note),
        ]
    }));
    rows
}

/// A few of the rows that do not match.
pub fn reconcile_samples(streams: &[Reconciliation]) -> Rows {
    let mut rows = Rows::new(&["stream", "difference", "columns", "in batch", "in stream"]);
    let samples = streams.iter().flat_map(|stream| stream.samples.iter().map(move |sample| (stream, sample)));
    rows.rows.extend(samples.map(|(stream, sample)| {
        let difference = sample.difference.replace('_', " ");
        let shown = |row: &Option<_>| row.as_ref().map(|row| Value::Object(Clone::clone(row)).to_string());
        vec![
            json!(stream.stream),
            json!(difference),
            json!(sample.columns.join(", ")),
            json!(shown(&sample.batch)),
            json!(shown(&sample.stream)),
        ]
    }));
    rows
}

/// The tasks of a run.
pub fn tasks(run: &Run) -> Rows {
    let mut rows = Rows::new(&["task", "state", "attempts", "ms", "error"]);
    rows.rows.extend(run.tasks.iter().map(|task| {
        vec![
            json!(task.name),
            json!(task.state),
            json!(task.attempts),
            took(task.started_ms, task.ended_ms),
            json!(task.error),
        ]
    }));
    rows
}

/// The tasks of a run that did not succeed.
pub fn failures(run: &Run) -> impl Iterator<Item = &TaskRun> {
    run.tasks.iter().filter(|task| task.state != RunState::Succeeded)
}

/// Runs of jobs.
pub fn runs(runs: &[Run]) -> Rows {
    let mut rows = Rows::new(&["run", "job", "trigger", "state", "ms", "tasks done"]);
    rows.rows.extend(runs.iter().map(|run| {
        let done = run.tasks.iter().filter(|task| task.state == RunState::Succeeded).count();
        let tasks = format!("{done}/{}", run.tasks.len());
        vec![
            json!(run.id),
            json!(run.job),
            json!(run.trigger),
            json!(run.state),
            took(Some(run.started_ms), run.ended_ms),
            json!(tasks),
        ]
    }));
    rows
}

/// Dead letters.
pub fn dead(letters: &[DeadLetter]) -> Rows {
    let mut rows = Rows::new(&["lane", "topic", "partition", "offset", "arrived (ms)", "reason", "raw"]);
    rows.rows.extend(letters.iter().map(|letter| {
        vec![
            json!(letter.lane),
            json!(letter.topic),
            json!(letter.partition),
            json!(letter.offset),
            json!(letter.arrived_ms),
            json!(letter.reason),
            json!(letter.raw),
        ]
    }));
    rows
}

fn took(started: Option<i64>, ended: Option<i64>) -> Value {
    json!(started.zip(ended).map(|(started, ended)| ended - started))
}
