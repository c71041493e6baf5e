//! Runs a pipeline's own `tests/*.yaml`: events in, rows and dead letters and answers out.
//!
//! The events go through the same cleaning and the same de-duplication as on both lanes; answers are asked of tables in a temporary
//! folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use pinflow_clean::{Cleaner, KeySet, NewKeys};
use pinflow_pipeline::{Lane, Pipeline, TestCase, TestStream};
use pinflow_query::{Answer, QueryEngine, QueryLimits};
use pinflow_table::{Commit, Table, TableRoot, Upkeep};
use serde_json::Value;

use crate::check;
use crate::error::NodeError;
use crate::stages::cleaned_columns;

/// How a case of a pipeline's tests went.
#[derive(Clone, Debug)]
pub struct TestOutcome {
    /// The file that it stands in.
    pub file: PathBuf,
    /// The line that it begins on.
    pub line: u64,
    /// What it shows.
    pub name: String,
    /// What is not as expected; nothing where it passed.
    pub failures: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs all tests of `pipeline`.
///
/// # Errors
/// [`NodeError::Pipeline`] where the pipeline itself is not sound; [`NodeError`] where the temporary tables fail.
pub async fn test(pipeline: &Pipeline) -> Result<Vec<TestOutcome>, NodeError> {
    let pipeline = Arc::new(pipeline.clone());
    let cleaners = check::plan(&pipeline).await.map_err(NodeError::Pipeline)?;
    let mut outcomes = Vec::new();
    for case in &pipeline.tests {
        let began = Instant::now();
        let failures = run(&pipeline, &cleaners, case).await?;
        outcomes.push(TestOutcome {
            file: case.file.clone(),
            line: case.line,
            name: case.name.clone(),
            failures,
            elapsed: began.elapsed(),
        });
    }
    Ok(outcomes)
}

async fn run(
    pipeline: &Arc<Pipeline>,
    cleaners: &BTreeMap<String, Arc<Cleaner>>,
    case: &TestCase,
) -> Result<Vec<String>, NodeError> {
    let mut failures = Vec::new();
    let mut cleaned = BTreeMap::new();
    for part in &case.streams {
        let rows = clean(&cleaners[&part.stream], part, &mut failures)?;
        if let Some(wanted) = &part.rows {
            let found = json_rows(&rows);
            failures.extend(compare(wanted, &found).map(|failure| format!("stream `{}`: {failure}", part.stream)));
        }
        cleaned.insert(part.stream.clone(), rows);
    }
    if !case.answers.is_empty() {
        failures.extend(ask(pipeline, cleaners, &cleaned, case).await?);
    }
    Ok(failures)
}

/// The rows that a stream's events become. Dead letters that are not as expected are failures.
fn clean(cleaner: &Cleaner, part: &TestStream, failures: &mut Vec<String>) -> Result<RecordBatch, NodeError> {
    let records: Vec<Option<&[u8]>> = part.events.iter().map(|event| Some(event.as_slice())).collect();
    let cleaned = cleaner.clean(&records)?;
    let wanted = part.dead.as_deref().unwrap_or_default();
    for reject in &cleaned.rejects {
        let reason = reject.cause.to_string();
        match wanted.iter().find(|dead| dead.event == reject.index) {
            None => {
                failures.push(format!("stream `{}`: event {} is a dead letter: {reason}", part.stream, reject.index))
            }
            Some(dead) if !reason.contains(&dead.reason) => failures.push(format!(
                "stream `{}`: event {} is a dead letter because {reason:?}, which does not hold {:?}",
                part.stream, reject.index, dead.reason
            )),
            Some(_) => {}
        }
    }
    let alive = wanted.iter().filter(|dead| !cleaned.rejects.iter().any(|reject| reject.index == dead.event));
    failures.extend(alive.map(|dead| format!("stream `{}`: event {} is no dead letter", part.stream, dead.event)));
    match cleaner.key_column() {
        None => Ok(cleaned.rows),
        Some(key) => {
            let distinct = KeySet::new((0, 0), None).distinct(&cleaned.rows, key, &mut NewKeys::default());
            Ok(distinct.expect("a planned key column has a key's type").rows)
        }
    }
}

/// Asks the case's queries of tables that hold the cleaned rows.
async fn ask(
    pipeline: &Arc<Pipeline>,
    cleaners: &BTreeMap<String, Arc<Cleaner>>,
    cleaned: &BTreeMap<String, RecordBatch>,
    case: &TestCase,
) -> Result<Vec<String>, NodeError> {
    let folder = tempfile::tempdir().map_err(|source| NodeError::Folder {
        action: "create",
        path: std::env::temp_dir(),
        source,
    })?;
    let tables = TableRoot::local(folder.path(), Upkeep::default())?;
    for (stream, rows) in cleaned {
        let spec = &pipeline.stream(stream).expect("a checked test names the pipeline's streams").batch;
        let mut table = Table::open(&tables.table(Lane::Batch.as_str(), &spec.table)?, &rows.schema()).await?;
        table.commit(&Commit { rows: vec![rows.clone()], ..Commit::default() }).await?;
    }
    let columns = cleaned_columns(cleaners);
    let engine = QueryEngine::open(Arc::clone(pipeline), &tables, &columns, None, QueryLimits::default())?;
    let mut failures = Vec::new();
    for (query, wanted) in &case.answers {
        match engine.ask(query, Lane::Batch, &Default::default()).await {
            Ok(answer) => {
                let found = answer.to_json_rows();
                failures.extend(compare(wanted, &found).map(|failure| format!("query `{query}`: {failure}")));
            }
            Err(error) => failures.push(format!("query `{query}`: {error}")),
        }
    }
    Ok(failures)
}

fn json_rows(rows: &RecordBatch) -> Vec<Value> {
    Answer { schema: rows.schema(), batches: vec![rows.clone()], elapsed: Duration::ZERO }.to_json_rows()
}

/// What is missing of `wanted` in `found`, and what is there beyond it, in any order. A missing row is compared with the row that is most like
/// it, column by column.
fn compare(wanted: &[Value], found: &[Value]) -> impl Iterator<Item = String> + use<> {
    let mut left: Vec<&Value> = found.iter().collect();
    let mut missing = Vec::new();
    for row in wanted {
        match left.iter().position(|candidate| covers(candidate, row)) {
            Some(place) => {
                left.remove(place);
            }
            None => missing.push(row),
        }
    }
    let mut failures = Vec::new();
    for row in missing {
        let likeness = |candidate: &&Value| equal_members(candidate, row);
        let near = (0..left.len()).max_by_key(|place| (likeness(&left[*place]), std::cmp::Reverse(*place)));
        match near.filter(|place| likeness(&left[*place]) > 0) {
            Some(place) => failures.push(difference(left.remove(place), row)),
            None => failures.push(format!("missing row {row}")),
        }
    }
    failures.extend(left.into_iter().map(|row| format!("unexpected row {row}")));
    failures.into_iter()
}

/// How many members of `wanted` are in `found` with the same value. Nulls say little of a row, and do not count.
fn equal_members(found: &Value, wanted: &Value) -> usize {
    let (Value::Object(found), Value::Object(wanted)) = (found, wanted) else { return 0 };
    let is_equal = |(name, value): &(&String, &Value)| {
        !value.is_null() && found.get(*name).is_some_and(|found| covers(found, value))
    };
    wanted.iter().filter(is_equal).count()
}

/// Where the row `found` is not as `wanted`, and the rest of it, so that one sees which row it is.
fn difference(found: &Value, wanted: &Value) -> String {
    let (Value::Object(found), Value::Object(wanted)) = (found, wanted) else {
        return format!("row {found} is expected to be {wanted}");
    };
    let (mut same, mut others) = (Vec::new(), Vec::new());
    for (name, value) in wanted {
        match found.get(name) {
            Some(found) if covers(found, value) => same.push(format!("{name}={value}")),
            Some(found) => others.push(format!("`{name}` is {found}, expected {value}")),
            None => others.push(format!("there is no column `{name}`")),
        }
    }
    format!("the row with {}: {}", same.join(", "), others.join("; "))
}

/// Whether `found` has all that `wanted` names.
fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| found.get(name).is_some_and(|found| covers(found, value)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        // YAML's 5 and a double's 5.0 are the same number.
        (Value::Number(found), Value::Number(wanted)) => found == wanted || found.as_f64() == wanted.as_f64(),
        (found, wanted) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failures(wanted: Value, found: Value) -> Vec<String> {
        let rows = |value: Value| value.as_array().cloned().unwrap_or_default();
        compare(&rows(wanted), &rows(found)).collect()
    }

    #[test]
    fn the_order_of_rows_and_further_columns_do_not_matter() {
        let found = json!([{"a": 1, "b": 2.0, "c": null}, {"a": 2, "b": [1, null], "c": "x"}]);
        assert!(failures(json!([{"a": 2, "b": [1, null]}, {"a": 1, "b": 2}]), found).is_empty());
    }

    #[test]
    fn a_difference_names_the_row_and_the_columns() {
        let found = json!([{"ind": 7, "age": 30, "name": "A"}, {"ind": 8, "age": null, "name": "B"}]);
        let wanted = json!([{"ind": 8, "age": 41, "name": "B"}, {"ind": 9, "age": null, "name": "C"}]);
        assert_eq!(
            failures(wanted, found),
            [
                "the row with ind=8, name=\"B\": `age` is null, expected 41",
                "missing row {\"ind\":9,\"age\":null,\"name\":\"C\"}",
                "unexpected row {\"ind\":7,\"age\":30,\"name\":\"A\"}",
            ]
        );
        assert_eq!(
            failures(json!([{"a": 1, "z": 2}]), json!([{"a": 1}])),
            ["the row with a=1: there is no column `z`"]
        );
    }

    #[test]
    fn a_row_that_comes_twice_has_to_be_expected_twice() {
        assert_eq!(failures(json!([{"a": 1}]), json!([{"a": 1}, {"a": 1}])), ["unexpected row {\"a\":1}"]);
    }
}
