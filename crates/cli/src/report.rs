//! What a node says, as rows.

use pinflow_dashboard::view::{LetterOutcome, RunState};
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
        "dropped",
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
            json!(row.dropped),
            json!(row.in_flight),
            json!(row.balances),
        ]
    }));
    rows
}

/// Whether the lanes hold the same rows.
pub fn reconciliation(streams: &[Reconciliation]) -> Rows {
    let mut rows =
        Rows::new(&["stream", "equal", "batch rows", "stream rows", "only in batch", "only in stream", "note"]);
    rows.rows.extend(streams.iter().map(|stream| {
        vec![
            json!(stream.stream),
            json!(stream.equal),
            json!(stream.batch_rows),
            json!(stream.stream_rows),
            json!(stream.only_in_batch),
            json!(stream.only_in_stream),
            json!(stream.note),
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
    let mut rows =
        Rows::new(&["lane", "topic", "partition", "offset", "arrived (ms)", "reason", "place", "bytes", "raw"]);
    rows.rows.extend(letters.iter().map(|letter| {
        vec![
            json!(letter.lane),
            json!(letter.topic),
            json!(letter.partition),
            json!(letter.offset),
            json!(letter.arrived_ms),
            json!(letter.reason),
            json!(letter.place),
            json!(letter.bytes),
            json!(letter.raw),
        ]
    }));
    rows
}

/// All about a dead letter, a row each.
pub fn dead_letter(letter: &DeadLetter) -> Rows {
    let mut rows = Rows::new(&["what", "value"]);
    let all = [
        ("lane", json!(letter.lane)),
        ("topic", json!(letter.topic)),
        ("partition", json!(letter.partition)),
        ("offset", json!(letter.offset)),
        ("arrived (ms)", json!(letter.arrived_ms)),
        ("rejected (ms)", json!(letter.rejected_ms)),
        ("reason", json!(letter.reason)),
        ("place", json!(letter.place)),
        ("bytes", json!(letter.bytes)),
        ("raw", json!(letter.raw)),
        ("raw (base64)", json!(letter.raw_base64)),
    ];
    rows.rows.extend(all.into_iter().map(|(what, value)| vec![json!(what), value]));
    rows
}

/// What became of dead letters.
pub fn letter_outcome(outcome: &LetterOutcome) -> Rows {
    let mut rows = Rows::new(&["rows", "duplicates", "filtered", "dropped", "dead again"]);
    let LetterOutcome { rows: new, duplicates, filtered, dropped, dead } = outcome;
    rows.rows.push([new, duplicates, filtered, dropped, dead].map(|count| json!(count)).to_vec());
    rows
}

fn took(started: Option<i64>, ended: Option<i64>) -> Value {
    json!(started.zip(ended).map(|(started, ended)| ended - started))
}
