//! A table stays healthy: few files, a short log, every row, whatever goes on beside it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use futures::TryStreamExt;
use pinflow_table::{Commit, Progress, Table, TableRoot, Upkeep};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]))
}

fn commit(from: i64, to: i64) -> Commit {
    let rows = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_iter_values(from..to))]).unwrap();
    let progress = vec![Progress { application: "lane/topic/0".to_owned(), from, to }];
    Commit { rows: vec![rows], progress, notes: vec![] }
}

async fn open(folder: &Path, kept_commits: u64) -> Table {
    let upkeep = Upkeep { kept_commits, target_file_bytes: NonZeroU64::new(16 << 10).unwrap() };
    let root = TableRoot::local(folder, upkeep).unwrap();
    Table::open(&root.table("stream", "pin").unwrap(), &schema()).await.unwrap()
}

async fn ids(table: &Table) -> Vec<i64> {
    let batches: Vec<RecordBatch> = table.scan(&["id"]).await.unwrap().try_collect().await.unwrap();
    use arrow::array::AsArray;
    let mut ids: Vec<i64> =
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    ids
}

/// The files of the table's folder and of its log.
fn files(folder: &Path) -> (usize, usize) {
    let count = |folder: &Path| {
        fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
    };
    let table = folder.join("stream/pin");
    (count(&table), count(&table.join("_delta_log")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_leaves_few_files_a_short_log_and_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path(), 40).await;
    for n in 0..150 {
        table.commit(&commit(n, n + 1)).await.unwrap();
        table.keep_healthy().await.unwrap();
    }
    table.rest().await.unwrap();
    table.keep_healthy().await.unwrap();
    table.rest().await.unwrap();
    assert!(table.file_count().unwrap() <= 64, "{} files are in the table", table.file_count().unwrap());
    let (data, log) = files(folder.path());
    // 40 kept commits, 20 until the next look, 20 from one checkpoint to the next, and the checkpoints.
    assert!(log <= 120, "{log} entries are in the log");
    assert!(data <= 260, "{data} files are in the folder");
    assert_eq!(ids(&table).await, (0..150).collect::<Vec<_>>());
    let mut table = open(folder.path(), 40).await;
    assert_eq!((table.progress("lane/topic/0").await.unwrap(), table.row_count().unwrap()), (150, 150));
    assert_eq!(ids(&table).await, (0..150).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_deleted_stay_deleted_through_merging() {
    use deltalake::datafusion::prelude::{col, lit};
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path(), 1_000).await;
    for n in 0..60 {
        table.commit(&commit(n, n + 1)).await.unwrap();
        table.keep_healthy().await.unwrap();
        if n == 48 {
            // A merge has just begun.
            table.delete(col("id").lt(lit(10))).await.unwrap();
        }
    }
    table.rest().await.unwrap();
    assert_eq!(ids(&table).await, (10..60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_crash_left_goes_and_one_that_is_being_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path(), 10).await;
    let place = folder.path().join("stream/pin");
    let (left, written) = (place.join("part-left.parquet"), place.join("part-written.parquet"));
    fs::write(&left, "x").unwrap();
    let long_ago = fs::metadata(&left).unwrap().modified().unwrap() - std::time::Duration::from_secs(7_200);
    fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    fs::write(&written, "x").unwrap();
    for n in 0..130 {
        table.commit(&commit(n, n + 1)).await.unwrap();
        table.keep_healthy().await.unwrap();
    }
    table.rest().await.unwrap();
    assert!(!left.exists(), "what a crash left is still there");
    assert!(written.exists(), "what may be part of a write was removed");
    assert_eq!(ids(&table).await, (0..130).collect::<Vec<_>>());
}
