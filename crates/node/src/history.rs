//! `system.history`: the commits of all tables that are kept, with what was noted of each.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use pinflow_pipeline::Lane;
use pinflow_table::{PastCommit, TableError};
use serde_json::Value;

use crate::stages::Stages;
use crate::system_tables::table;

/// A row a commit.
pub(crate) async fn rows(stages: &Stages) -> Result<RecordBatch, TableError> {
    let mut rows = Vec::new();
    for (schema, name, stored) in tables(stages) {
        let commits = stages.tables.table(schema, &stored)?.past_commits().await?;
        let shown = format!("{schema}.{name}");
        rows.extend(commits.into_iter().map(|commit| (shown.clone(), commit)));
    }
    let text = |of: fn(&PastCommit) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, commit)| of(commit)).collect::<StringArray>())
    };
    let count = |note: &str| -> ArrayRef {
        let count = |commit: &PastCommit| commit.notes.get(note).and_then(Value::as_i64);
        Arc::new(rows.iter().map(|(_, commit)| count(commit)).collect::<Int64Array>())
    };
    let times = rows.iter().map(|(_, commit)| commit.time.map(|time| time.as_micros()));
    Ok(table(vec![
        ("table_name", Arc::new(StringArray::from_iter_values(rows.iter().map(|(name, _)| name)))),
        (
            "version",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, commit)| commit.version.cast_signed()))),
        ),
        ("time", Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))),
        ("operation", text(|commit| commit.operation.clone())),
        ("rows", count("pinflow.rows")),
        ("duplicates", count("pinflow.duplicates")),
        ("filtered", count("pinflow.filtered")),
        ("dead", count("pinflow.dead")),
        ("nulled", count("pinflow.nulled")),
        ("unknown_fields", count("pinflow.unknown_fields")),
        ("not_evolved", count("pinflow.not_evolved")),
        ("definition", text(|commit| Some(commit.notes.get("pinflow.definition")?.as_str()?.to_owned()))),
        ("notes", text(|commit| (!commit.notes.is_empty()).then(|| Value::from(commit.notes.clone()).to_string()))),
    ]))
}

/// The tables by schema and name, as in SQL, with the name under which they are stored.
fn tables(stages: &Stages) -> Vec<(&'static str, String, String)> {
    let mut tables = Vec::new();
    for stream in &stages.pipeline().streams {
        let lane = |lane: Lane| (lane.as_str(), stream.name.clone(), stream.lane(lane).table.clone());
        tables.extend(Lane::ALL.map(lane));
        tables.push(("dead", stream.name.clone(), stream.name.clone()));
    }
    let result = |name: &String| ("result", name.clone(), name.clone());
    tables.extend(stages.pipeline().queries.iter().map(|query| result(&query.name)));
    tables
}
