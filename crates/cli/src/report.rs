//! What a node says, as rows.

use chrono::DateTime;
use pinflow_dashboard::view::{LetterOutcome, RunState};
use pinflow_node::ReplayView;
use serde_json::{Map, Value, json};

use crate::output::{Rows, visible};
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

/// How the table that a replay built differs from the live one.
pub fn replay(view: &ReplayView) -> Rows {
    let mut rows =
        Rows::new(&["stream", "lane", "rows before", "rows after", "same", "added", "missing", "changed", "note"]);
    rows.rows.extend(view.difference.iter().map(|difference| {
        vec![
            json!(view.stream),
            json!(view.lane),
            json!(difference.rows_before),
            json!(difference.rows_after),
            json!(difference.same),
            json!(difference.added),
            json!(difference.missing),
            json!(difference.changed),
            json!(difference.note),
        ]
    }));
    rows
}

/// A few of the rows that differ; of a changed one also the columns that do.
pub fn replay_samples(view: &ReplayView) -> Rows {
    let mut rows = Rows::new(&["row", "columns", "before", "after"]);
    for sample in view.difference.iter().flat_map(|difference| &difference.samples) {
        let shown = |row: &Option<Map<String, Value>>| row.clone().map(|row| Value::Object(row).to_string());
        let columns = sample.columns.join(", ");
        rows.rows.push(vec![
            json!(sample.what),
            json!(columns),
            json!(shown(&sample.before)),
            json!(shown(&sample.after)),
        ]);
    }
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

/// The tasks of a run for people: what does not fit in a column stands below.
pub fn tasks_and_remarks(run: &Run) -> (Rows, String) {
    let mut rows = Rows::new(&["task", "state", "attempts", "ms", "note"]);
    let mut remarks = String::new();
    for task in &run.tasks {
        let mut note = task.note.as_deref().unwrap_or_default().split("; ");
        let took = took(task.started_ms, task.ended_ms);
        rows.rows.push(vec![json!(task.name), json!(task.state), json!(task.attempts), took, json!(note.next())]);
        for remark in note.chain(task.error.as_deref()) {
            remarks.push_str(&format!("{}: {}\n", task.name, visible(remark)));
        }
    }
    (rows, remarks)
}

/// The tasks of a run for programs.
pub fn tasks(run: &Run) -> Rows {
    let mut rows = Rows::new(&["task", "state", "attempts", "ms", "note", "error"]);
    rows.rows.extend(run.tasks.iter().map(|task| {
        vec![
            json!(task.name),
            json!(task.state),
            json!(task.attempts),
            took(task.started_ms, task.ended_ms),
            json!(task.note),
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
    let mut rows = Rows::new(&["lane", "topic", "partition", "offset", "arrived", "reason", "place", "bytes", "raw"]);
    rows.rows.extend(letters.iter().map(|letter| {
        vec![
            json!(letter.lane),
            json!(letter.topic),
            json!(letter.partition),
            json!(letter.offset),
            json!(letter.arrived_ms.map(time)),
            json!(letter.reason),
            json!(letter.place),
            json!(letter.bytes),
            json!(letter.raw),
        ]
    }));
    rows
}

/// All about a dead letter, a row each, with `shown` characters of its record at most.
pub fn dead_letter(letter: &DeadLetter, shown: usize) -> Rows {
    let cut = |text: &str| match text.char_indices().nth(shown) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    let mut rows = Rows::new(&["what", "value"]);
    let all = [
        ("lane", json!(letter.lane)),
        ("topic", json!(letter.topic)),
        ("partition", json!(letter.partition)),
        ("offset", json!(letter.offset)),
        ("arrived", json!(letter.arrived_ms.map(time))),
        ("rejected", json!(time(letter.rejected_ms))),
        ("reason", json!(letter.reason)),
        ("place", json!(letter.place)),
        ("bytes", json!(letter.bytes)),
        ("raw", json!(cut(&letter.raw))),
        ("raw (base64)", json!(letter.raw_base64.as_deref().map(cut))),
    ];
    rows.rows.extend(all.into_iter().map(|(what, value)| vec![json!(what), value]));
    rows
}

/// A time as answers show it: in UTC.
fn time(millis: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(millis)?;
    Some(time.format("%Y-%m-%d %H:%M:%S%.f").to_string())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_letter_shows_times_that_people_read_and_the_beginning_of_its_record() {
        let letter = DeadLetter {
            lane: "stream".to_owned(),
            topic: "t".to_owned(),
            partition: 0,
            offset: 7,
            arrived_ms: None,
            rejected_ms: 1_598_586_767_250,
            reason: "not JSON".to_owned(),
            place: None,
            bytes: 6,
            raw: "aäöü".to_owned(),
            raw_base64: None,
        };
        let value = |rows: &Rows, what: &str| rows.rows.iter().find(|row| row[0] == what).unwrap()[1].clone();
        let cut = dead_letter(&letter, 2);
        assert_eq!(value(&cut, "rejected"), "2020-08-28 03:52:47.250");
        assert_eq!((value(&cut, "arrived"), value(&cut, "raw")), (Value::Null, json!("aä…")));
        assert_eq!(value(&dead_letter(&letter, 4), "raw"), "aäöü");
        assert_eq!(dead(&[letter]).columns[4], "arrived");
    }

    #[test]
    fn an_error_stands_below_the_table_of_its_run() {
        let error = "object `x` is damaged; ".repeat(20);
        let task = json!({
            "name": "clean.pin", "state": "failed", "attempts": 2, "started_ms": 1, "ended_ms": 3, "rows": null, "note": null,
            "error": error,
        });
        let run = json!({
            "id": "1", "job": "daily", "trigger": "manual", "state": "failed", "started_ms": 1, "ended_ms": 3, "tasks": [task],
        });
        let (rows, remarks) = tasks_and_remarks(&serde_json::from_value(run).unwrap());
        assert_eq!(rows.rows, [vec![json!("clean.pin"), json!("failed"), json!(2), json!(2), json!("")]]);
        assert_eq!(remarks, format!("clean.pin: {error}\n"));
    }
}
