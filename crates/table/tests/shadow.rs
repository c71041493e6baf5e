//! A shadow takes a table's place at once, and nothing is lost on the way.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use futures::TryStreamExt;
use pinflow_table::{Commit, Progress, Table, TableError, TableLocation, TableRoot, Upkeep};

const POSITION: &str = "pinflow/t/0";

fn schema(columns: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn rows(schema: &SchemaRef, values: std::ops::Range<i64>) -> RecordBatch {
    let columns = (0..schema.fields().len()).map(|_| -> ArrayRef { Arc::new(values.clone().collect::<Int64Array>()) });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}

fn step(application: &str, from: i64, to: i64) -> Progress {
    Progress { application: application.to_owned(), from, to }
}

fn place(folder: &Path, schema: &str) -> TableLocation {
    TableRoot::local(folder, Upkeep::default()).unwrap().table(schema, "pin").unwrap()
}

async fn append(table: &mut Table, values: std::ops::Range<i64>) {
    let rows = rows(&table.schema().clone(), values.clone());
    let progress = vec![step(POSITION, values.start, values.end)];
    table.commit(&Commit { rows: vec![rows], progress, ..Commit::default() }).await.unwrap();
}

async fn values(table: &Table, column: &str) -> Vec<i64> {
    let batches: Vec<RecordBatch> = table.scan(&[column]).await.unwrap().try_collect().await.unwrap();
    let mut values: Vec<i64> =
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    values.sort_unstable();
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_brings_rows_columns_and_progress_in_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (live_place, shadow_place) = (place(folder.path(), "batch"), place(folder.path(), "shadow"));
    append(&mut Table::open(&live_place, &schema(&["id"])).await.unwrap(), 0..3).await;
    let wanted = schema(&["id", "size"]);
    let mut live = Table::open_outdated(&live_place, &wanted).await.unwrap();
    assert!(matches!(live.begin_files().unwrap_err(), TableError::SchemaChanged { .. }));
    let mut shadow = Table::open(&shadow_place, &wanted).await.unwrap();
    append(&mut shadow, 0..5).await;
    append(&mut shadow, 5..7).await;

    let before = live.version();
    let swap = Commit { progress: vec![step(POSITION, 3, 7), step("swaps", 0, 1)], ..Commit::default() };
    assert!(live.swap(&shadow, &swap).await.unwrap());
    assert_eq!(live.version(), before + 1);
    // Nothing is done twice, also by one who did not hear that it was done.
    assert!(!live.swap(&shadow, &swap).await.unwrap());
    shadow_place.remove().await.unwrap();
    assert!(!shadow_place.exists().await.unwrap());

    let mut live = Table::open(&live_place, &wanted).await.unwrap();
    assert_eq!((values(&live, "id").await, values(&live, "size").await), ((0..7).collect(), (0..7).collect()));
    assert_eq!((live.progress(POSITION).await.unwrap(), live.progress("swaps").await.unwrap()), (7, 1));
    append(&mut live, 7..9).await;
    assert_eq!(values(&live, "size").await, (0..9).collect::<Vec<_>>());
    let old = Table::at_version(&live_place, before).await.unwrap();
    assert_eq!((values(&old, "id").await, old.schema().fields().len()), ((0..3).collect(), 1));
    assert!(shadow_place.remove().await.is_ok(), "removing what is not there is no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_begins_with_an_old_version_and_shares_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (live_place, shadow_place) = (place(folder.path(), "batch"), place(folder.path(), "shadow"));
    let mut live = Table::open(&live_place, &schema(&["id"])).await.unwrap();
    append(&mut live, 0..3).await;
    append(&mut live, 3..6).await;
    let mut old = Table::at_version(&live_place, 1).await.unwrap();
    assert_eq!(old.progress(POSITION).await.unwrap(), 3);
    let mut shadow = Table::open(&shadow_place, &schema(&["id"])).await.unwrap();
    shadow.swap(&old, &Commit { progress: vec![step(POSITION, 0, 3)], ..Commit::default() }).await.unwrap();
    append(&mut shadow, 3..8).await;
    assert_eq!(values(&shadow, "id").await, (0..8).collect::<Vec<_>>());

    live.swap(&shadow, &Commit { progress: vec![step(POSITION, 6, 8)], ..Commit::default() }).await.unwrap();
    shadow_place.remove().await.unwrap();
    assert_eq!(values(&live, "id").await, (0..8).collect::<Vec<_>>());
    let commits = live.past_commits().await.unwrap();
    let seen: Vec<_> = commits.iter().map(|commit| (commit.version, commit.adds_rows, commit.removes_rows)).collect();
    assert_eq!(seen, [(0, false, false), (1, true, false), (2, true, false), (3, true, true)]);
    assert_eq!(commits[3].progress, [(POSITION.to_owned(), 8)]);
    // The file of the first commit stayed where it is: it was neither taken out nor brought in.
    let log = folder.path().join("batch/pin/_delta_log/00000000000000000003.json");
    let actions = std::fs::read_to_string(log).unwrap();
    assert_eq!((actions.matches("\"remove\"").count(), actions.matches("\"add\"").count()), (1, 1), "{actions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_overwritten_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(&place(folder.path(), "dead"), &schema(&["id"])).await.unwrap();
    append(&mut table, 0..3).await;
    let files = table.begin_files().unwrap();
    files.write(rows(&schema(&["id"]), 10..12)).await;
    let commit = Commit { progress: vec![step("swaps", 0, 1)], ..Commit::default() };
    assert!(table.overwrite(files.finish().await.unwrap(), &commit).await.unwrap());
    assert_eq!(values(&table, "id").await, [10, 11]);
    assert_eq!(table.progress(POSITION).await.unwrap(), 3);
}
