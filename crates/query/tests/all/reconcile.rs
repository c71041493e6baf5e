//! Planted differences between the lanes are found, counted and shown.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use pinflow_pipeline::Lane;
use pinflow_query::{Difference, QueryLimits, Reconciliation};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Order, Shop, order_columns, pipeline};

async fn reconcile(shop: &Shop, stream: &str) -> Reconciliation {
    shop.engine.reconcile(stream, &CancellationToken::new()).await.unwrap()
}

fn row(id: i64) -> Order<'static> {
    (Some(id), Some("Oslo"), Some(0.5))
}

fn notes(texts: &[Option<&str>]) -> Vec<RecordBatch> {
    let texts: ArrayRef = Arc::new(texts.iter().copied().collect::<StringArray>());
    vec![RecordBatch::try_from_iter_with_nullable([("text", texts, true)]).unwrap()]
}

#[tokio::test]
async fn equal_lanes_are_equal_in_any_order_and_in_any_commits() {
    let shop = Shop::open();
    let rows: Vec<_> = (0..1000).map(row).chain([(Some(5000), None, None)]).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    let backwards: Vec<_> = rows.iter().rev().copied().collect();
    for part in backwards.chunks(300) {
        shop.append_orders(Lane::Stream, part).await;
    }
    let found = reconcile(&shop, "order").await;
    assert!(found.is_equal(), "{found:?}");
    assert_eq!((found.batch_rows, found.stream_rows, found.matching), (1001, 1001, 1001));
    assert!(found.samples.is_empty());
}

#[tokio::test]
async fn lanes_without_rows_are_equal() {
    let found = reconcile(&Shop::open(), "order").await;
    assert!(found.is_equal());
    assert_eq!(found.batch_rows, 0);
}

#[tokio::test]
async fn missing_extra_and_different_rows_are_told_apart() {
    let shop = Shop::open();
    let mut batch: Vec<_> = (0..100).map(row).collect();
    let mut live = batch.clone();
    batch.remove(10); // only in the stream lane
    live.truncate(97); // 97, 98, 99 only in the batch lane
    live[20].1 = None;
    live[21].2 = Some(0.25);
    live[22] = (Some(22), Some("Bonn"), None);
    shop.append_orders(Lane::Batch, &batch).await;
    shop.append_orders(Lane::Stream, &live).await;
    let found = reconcile(&shop, "order").await;
    assert!(!found.is_equal());
    assert_eq!((found.batch_rows, found.stream_rows), (99, 97));
    assert_eq!((found.matching, found.missing_in_batch, found.missing_in_stream, found.different), (93, 1, 3, 3));
    let kinds = |kind| found.samples.iter().filter(move |sample| sample.difference == kind);
    let extra = kinds(Difference::MissingInBatch).next().unwrap();
    assert_eq!((extra.stream.as_ref().unwrap()["id"].clone(), &extra.batch), (10.into(), &None));
    assert_eq!(kinds(Difference::MissingInStream).count(), 3);
    assert_eq!(found.different_columns, [("place".to_owned(), 2), ("price".to_owned(), 2)].into());
    let changed = kinds(Difference::Different).find(|sample| sample.batch.as_ref().unwrap()["id"] == 22).unwrap();
    assert_eq!(changed.columns, ["place", "price"]);
    assert_eq!(changed.stream.as_ref().unwrap()["place"], "Bonn");
    // What the command prints and the service sends.
    assert!(serde_json::to_string(&found).unwrap().contains("\"missing_in_batch\""));
}

#[tokio::test]
async fn a_doubled_row_is_found_with_and_without_a_key() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[row(1), row(2)]).await;
    shop.append_orders(Lane::Stream, &[row(1), row(2), row(2)]).await;
    let found = reconcile(&shop, "order").await;
    assert!(!found.is_equal());
    assert_eq!((found.stream_rows, found.missing_in_batch), (3, 1));

    shop.append("batch", "note", notes(&[Some("a"), Some("a"), None, Some("b")])).await;
    shop.append("stream", "demo_note_table", notes(&[None, Some("b"), Some("a"), Some("c")])).await;
    let found = reconcile(&shop, "note").await;
    assert_eq!((found.matching, found.missing_in_batch, found.missing_in_stream, found.different), (3, 1, 1, 0));
    assert_eq!(found.samples.len(), 2);
}

#[tokio::test]
async fn samples_are_few_whatever_the_number_of_differences() {
    let shop = Shop::open();
    let rows: Vec<_> = (0..500).map(row).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    let found = reconcile(&shop, "order").await;
    assert_eq!((found.missing_in_stream, found.samples.len()), (500, 5));
    assert_eq!(found, reconcile(&shop, "order").await, "a second look shows the same");
}

#[tokio::test]
async fn lanes_with_other_columns_cannot_be_compared() {
    let shop = Shop::of(pipeline(), &HashMap::new(), QueryLimits::default());
    shop.append("batch", "note", notes(&[Some("a")])).await;
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    shop.append(
        "stream",
        "demo_note_table",
        vec![RecordBatch::try_from_iter_with_nullable([("text", numbers, true)]).unwrap()],
    )
    .await;
    let error = shop.engine.reconcile("note", &CancellationToken::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the lanes of stream `note` cannot be compared: column `text` is Utf8 in one lane and Int64 in the other"
    );
}

/// Little memory makes it slower, not wrong.
#[tokio::test]
async fn many_rows_are_compared_within_little_memory() {
    let limits = QueryLimits { memory_bytes: 200_000, ..QueryLimits::default() };
    let shop = Shop::of(pipeline(), &HashMap::from([("order".to_owned(), order_columns())]), limits);
    let mut rows: Vec<_> = (0..20_000).map(row).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    rows[7].1 = None;
    rows[19_999].2 = None;
    shop.append_orders(Lane::Stream, &rows[1..]).await;
    let found = reconcile(&shop, "order").await;
    assert_eq!((found.batch_rows, found.stream_rows, found.matching), (20_000, 19_999, 19_997));
    assert_eq!((found.missing_in_batch, found.missing_in_stream, found.different), (0, 1, 2));
    assert_eq!(found.different_columns, [("place".to_owned(), 1), ("price".to_owned(), 1)].into());
}

#[tokio::test]
async fn too_many_rows_for_the_disk_are_refused() {
    let limits = QueryLimits { memory_bytes: 200_000, spill_bytes: 10_000, ..QueryLimits::default() };
    let shop = Shop::of(pipeline(), &HashMap::from([("order".to_owned(), order_columns())]), limits);
    let rows: Vec<_> = (0..20_000).map(row).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    let error = shop.engine.reconcile("order", &CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("disk space"), "{error}");
}
