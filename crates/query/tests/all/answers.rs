//! What answers look like: types, JSON, CSV, stored results.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use pinflow_event::Timestamp;
use pinflow_pipeline::Lane;
use pinflow_query::{QueryError, QueryLimits};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::fixture::Shop;

#[tokio::test]
async fn json_keeps_numbers_nulls_and_the_order_of_columns() {
    let shop = Shop::open();
    let answer = shop
        .query(
            "SELECT 9007199254740993 AS whole, 1.5D AS half, 1.10 AS price, 'it''s' AS text, CAST(NULL AS int) AS nothing, true AS yes, \
             CAST('2020-08-28 03:52:47' AS timestamp) AS at, DATE '2020-08-28' AS day, array(1.5D, NULL) AS pair, 'NaN' = 'x' AS no, \
             CAST('NaN' AS double) AS nan, CAST('a' AS binary) AS raw",
        )
        .await
        .unwrap();
    let row = &answer.to_json_rows()[0];
    assert_eq!(
        row,
        &json!({"whole": 9_007_199_254_740_993_i64, "half": 1.5, "price": "1.10", "text": "it's", "nothing": null, "yes": true,
            "at": "2020-08-28 03:52:47", "day": "2020-08-28", "pair": [1.5, null], "no": false, "nan": "NaN", "raw": "a"})
    );
    assert_eq!(row.as_object().unwrap().keys().next().unwrap(), "whole");
}

#[tokio::test]
async fn csv_tells_null_from_empty_and_quotes_what_must_be() {
    let shop = Shop::open();
    let csv = shop
        .query("SELECT CAST(NULL AS string) AS a, '' AS b, 'x,y' AS `c,d`, 'say \"hi\"' AS e, 'two\\nlines' AS f, array(1, 2) AS g")
        .await
        .unwrap()
        .to_csv();
    assert_eq!(csv, "a,b,\"c,d\",e,f,g\n,\"\",\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\",\"[1,2]\"\n");
}

#[tokio::test]
async fn types_are_plain_whatever_the_table_gives() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), Some("Oslo"), Some(0.5))]).await;
    let answer = shop
        .query("SELECT place, try_to_timestamp('2020') AS at, rank() OVER (ORDER BY id) AS r FROM `order`")
        .await
        .unwrap();
    let types: Vec<&DataType> = answer.schema.fields().iter().map(|field| field.data_type()).collect();
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(types, [&DataType::Utf8, &instant, &DataType::Int32]);
    assert_eq!(answer.batches[0].schema(), answer.schema);
}

#[tokio::test]
async fn nulls_sort_first_and_ties_are_kept() {
    let shop = Shop::open();
    shop.append_orders(
        Lane::Batch,
        &[
            (Some(1), Some("Oslo"), Some(2.0)),
            (Some(2), None, Some(2.0)),
            (Some(3), Some("Bonn"), None),
            (Some(4), None, Some(1.0)),
        ],
    )
    .await;
    assert_eq!(shop.rows("SELECT place FROM `order` GROUP BY place ORDER BY place").await, "\nBonn\nOslo\n");
    let best = "SELECT id FROM (SELECT id, rank() OVER (ORDER BY price DESC) AS place FROM `order`) AS r WHERE place = 1 ORDER BY id";
    assert_eq!(shop.rows(best).await, "1\n2\n");
}

#[tokio::test]
async fn the_latest_result_is_the_newest_runs_in_the_querys_order() {
    let shop = Shop::open();
    let none = CancellationToken::new();
    let mut expected = String::new();
    for (run, times, places) in
        [("r1", (0, 1_000), vec!["Oslo"]), ("r2", (1_000, 2_000), vec!["Bonn", "Oslo", "Rome", "Rome"])]
    {
        let rows: Vec<_> = places.iter().map(|place| (None, Some(*place), None)).collect();
        shop.append_orders(Lane::Batch, &rows).await;
        expected = shop.store_answer("by_place", run, times).await.to_csv();
    }
    let latest = shop.engine.latest_result("by_place", &none).await.unwrap();
    assert_eq!(latest.to_csv(), expected);
    assert_eq!(expected, "place,orders\nOslo,2\nRome,2\nBonn,1\n");
    let runs = shop.rows("SELECT run_id, run_time, count(*) FROM result.by_place GROUP BY ALL ORDER BY run_id").await;
    assert_eq!(runs, "r1,1970-01-01 00:00:01,1\nr2,1970-01-01 00:00:02,3\n");
    let error = shop.engine.latest_result("never_run", &none).await.unwrap_err();
    assert!(matches!(error, QueryError::NotYetWritten { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_without_rows_is_the_latest_one_too() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(None, Some("Oslo"), None)]).await;
    shop.store_answer("by_place", "r1", (0, 1_000)).await;
    assert_eq!(shop.rows("SELECT place, orders, run_id FROM latest.by_place").await, "Oslo,1,r1\n");
    // As if the rows had gone from the table.
    std::fs::remove_dir_all(shop.folder.path().join("batch")).unwrap();
    shop.store_answer("by_place", "r2", (1_000, 2_000)).await;
    assert_eq!(shop.rows("SELECT * FROM latest.by_place").await, "");
    assert_eq!(shop.rows("SELECT run_id FROM result.by_place").await, "r1\n", "the runs before are there still");
    let latest = shop.engine.latest_result("by_place", &CancellationToken::new()).await.unwrap();
    assert_eq!(latest.to_csv(), "place,orders\n");
}

#[tokio::test]
async fn an_answer_comes_in_while_it_is_found() {
    let shop = Shop::with_limits(QueryLimits { rows: 100_000, ..QueryLimits::default() });
    let none = CancellationToken::new();
    let mut rows = shop.engine.stream("SELECT value FROM range(0, 1000000)", Lane::Batch, &none).await.unwrap();
    assert_eq!(rows.schema().field(0).name(), "value");
    let mut count = 0;
    let error = loop {
        match rows.next().await {
            Ok(batch) => count += batch.expect("the limit comes first").num_rows(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, QueryError::RowLimit { limit: 100_000 }), "{error}");
    assert!((1..=100_000).contains(&count), "{count}");
}

#[tokio::test]
async fn a_query_with_a_runs_column_cannot_be_stored() {
    let shop = Shop::open();
    let answer = shop.query("SELECT 1 AS run_id").await.unwrap();
    assert!(answer.to_result_rows("r", Timestamp::from_millis(0)).unwrap_err().to_string().contains("`run_id`"));
}

#[tokio::test]
async fn columns_are_known_without_running() {
    let shop = Shop::open();
    let columns = shop.engine.columns("SELECT id, place || '!' AS p FROM `order`", Lane::Stream).await.unwrap();
    let types: Vec<_> =
        columns.fields().iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    assert_eq!(types, [("id", DataType::Int64), ("p", DataType::Utf8)]);
    assert_eq!(columns, Arc::clone(&shop.query("SELECT id, place || '!' AS p FROM `order`").await.unwrap().schema));
}
