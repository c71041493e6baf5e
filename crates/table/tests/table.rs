//! Tables keep rows and progress together, once, whatever happens around a commit.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake::datafusion::prelude::{col, lit};
use futures::TryStreamExt;
use pinflow_event::Timestamp;
use pinflow_table::{Commit, Progress, Table, TableError, TableLocation, TableRoot, Upkeep};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]))
}

fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
    let names: ArrayRef = Arc::new(ids.clone().map(|id| Some(format!("n{id}"))).collect::<StringArray>());
    RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_iter_values(ids)), names]).unwrap()
}

fn commit(from: i64, to: i64) -> Commit {
    let progress = vec![Progress { application: "lane/topic/0".to_owned(), from, to }];
    Commit { rows: vec![rows(from..to)], progress, notes: vec![("pinflow.rows".to_owned(), (to - from).into())] }
}

fn place(folder: &Path) -> TableLocation {
    TableRoot::local(folder, Upkeep::default()).unwrap().table("batch", "pin").unwrap()
}

async fn open(folder: &Path) -> Table {
    Table::open(&place(folder), &schema()).await.unwrap()
}

async fn ids(table: &Table) -> Vec<i64> {
    let batches: Vec<RecordBatch> = table.scan(&["id"]).await.unwrap().try_collect().await.unwrap();
    let column = |batch: &RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
    let mut ids: Vec<i64> = batches.iter().flat_map(column).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_progress_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    assert!(table.commit(&commit(0, 3)).await.unwrap());
    assert!(table.commit(&commit(3, 5)).await.unwrap());
    drop(table);
    let mut table = open(folder.path()).await;
    assert_eq!(table.progress("lane/topic/0").await.unwrap(), 5);
    assert_eq!(table.progress("another").await.unwrap(), 0);
    assert_eq!((ids(&table).await, table.row_count().unwrap()), ((0..5).collect(), 5));
    let log = std::fs::read_to_string(folder.path().join("batch/pin/_delta_log/00000000000000000000.json")).unwrap();
    assert!(log.contains(r#""minReaderVersion":1,"minWriterVersion":2"#), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_commit_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    table.commit(&commit(0, 3)).await.unwrap();
    assert!(!table.commit(&commit(0, 3)).await.unwrap());
    let mut reopened = open(folder.path()).await;
    assert!(!reopened.commit(&commit(0, 3)).await.unwrap());
    assert_eq!(ids(&reopened).await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_begins_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    table.commit(&commit(0, 3)).await.unwrap();
    for wrong in [commit(1, 4), commit(4, 6)] {
        assert!(matches!(table.commit(&wrong).await, Err(TableError::Position { found: 3, .. })));
    }
    assert_eq!(ids(&table).await, [0, 1, 2]);
}

/// What a lost answer looks like: the commit is in the table, but this handle does not know it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_another_handle_made_is_not_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut stale = open(folder.path()).await;
    assert_eq!(stale.progress("lane/topic/0").await.unwrap(), 0);
    open(folder.path()).await.commit(&commit(0, 3)).await.unwrap();
    stale.commit(&commit(0, 3)).await.unwrap();
    assert_eq!(ids(&stale).await, [0, 1, 2]);
    assert!(stale.commit(&commit(3, 4)).await.unwrap());
    assert_eq!(ids(&open(folder.path()).await).await, [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_without_rows_is_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let progress = vec![
        Progress { application: "position".to_owned(), from: 0, to: 7 },
        Progress { application: "duplicates".to_owned(), from: 0, to: 7 },
    ];
    assert!(table.commit(&Commit { progress, ..Commit::default() }).await.unwrap());
    let mut table = open(folder.path()).await;
    assert_eq!((table.progress("position").await.unwrap(), table.progress("duplicates").await.unwrap()), (7, 7));
    assert_eq!((table.row_count().unwrap(), table.file_count().unwrap()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_columns_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    let other = Schema::new(vec![Field::new("id", DataType::Utf8, true), Field::new("age", DataType::Int64, true)]);
    let error = Table::open(&place(folder.path()), &Arc::new(other)).await.unwrap_err().to_string();
    for part in ["`batch.pin`", "`id` was Int64, now Utf8", "`age` is new", "`name` is gone"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_table_has_the_new_columns_and_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.commit(&commit(0, 3)).await.unwrap();
    let columns: SchemaRef = Arc::new(Schema::new(vec![Field::new("year", DataType::Int32, true)]));
    let table = Table::replace(&place(folder.path()), &columns).await.unwrap();
    assert_eq!((table.row_count().unwrap(), table.schema()), (0, &columns));
    Table::open(&place(folder.path()), &columns).await.unwrap();
}

#[test]
fn a_name_cannot_leave_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let root = TableRoot::local(folder.path(), Upkeep::default()).unwrap();
    assert!(root.table("batch", "pin").unwrap().url().path().ends_with("/batch/pin/"));
    assert!(TableRoot::local(Path::new("tables"), Upkeep::default()).is_err());
    for (schema, table) in [("..", "pin"), ("batch", ".."), ("batch", "a/b"), ("", "a"), ("batch", "%2e%2e")] {
        assert!(matches!(root.table(schema, table), Err(TableError::Location { .. })), "{schema}/{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_changes_rows_in_one_commit_and_leaves_other_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for ids in [0..3, 3..6, 6..8] {
        table.commit(&commit(ids.start, ids.end)).await.unwrap();
    }
    let before = table.version();
    let odd = |batch: RecordBatch| {
        let ids = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        let odd = ids.iter().map(|id| id.map(|id| id % 2 == 1)).collect();
        arrow::compute::filter_record_batch(&batch, &odd)
    };
    table.rewrite(col("id").gt(lit(99)), &Commit::default(), odd).await.unwrap();
    assert_eq!(table.version(), before, "there is no such row");
    table.rewrite(col("id").gt_eq(lit(4)), &Commit::default(), odd).await.unwrap();
    assert_eq!((table.version(), ids(&table).await), (before + 1, vec![0, 1, 2, 3, 5, 7]));
    table.commit(&commit(8, 10)).await.unwrap();
    drop(table);
    let mut table = open(folder.path()).await;
    assert_eq!((ids(&table).await, table.progress("lane/topic/0").await.unwrap()), (vec![0, 1, 2, 3, 5, 7, 8, 9], 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_added_and_older_rows_have_null_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    table.commit(&commit(0, 3)).await.unwrap();
    let before = table.begin_files().unwrap();
    before.write(rows(3..4)).await;
    table.evolve(&[Field::new("colour", DataType::Utf8, true)]).await.unwrap();
    assert_eq!(table.schema().fields().len(), 3);
    // Files that were begun before go without the column.
    let progress = Progress { application: "lane/topic/0".to_owned(), from: 3, to: 4 };
    let later = Commit { progress: vec![progress], ..Commit::default() };
    assert!(table.commit_files(before.finish().await.unwrap(), &later).await.unwrap());
    drop(table);
    let table = open(folder.path()).await;
    let batches: Vec<RecordBatch> = table.scan(&["id", "colour"]).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.column(1).null_count()).sum::<usize>(), 4);
    // A column that the program itself has now comes by opening.
    let mut fields: Vec<Field> = schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new("size", DataType::Int64, true));
    let wider: SchemaRef = Arc::new(Schema::new(fields));
    assert!(matches!(Table::open(&place(folder.path()), &wider).await, Err(TableError::SchemaChanged { .. })));
    let table = Table::open_and_widen(&place(folder.path()), &wider).await.unwrap();
    assert_eq!((table.schema().fields().len(), ids(&table).await), (4, vec![0, 1, 2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_by_the_time_of_their_writing() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    table.commit(&commit(0, 3)).await.unwrap();
    let written = folder.path().metadata().unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let day = |days: i64| Timestamp::from_millis(i64::try_from(written).unwrap() + days * 86_400_000);
    for (from, until, expected) in [(day(-1), day(1), 3), (day(1), day(2), 0), (day(-2), day(-1), 0)] {
        let batches = table.scan_written(&["id"], from, until).await.unwrap();
        let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), expected);
    }
}
