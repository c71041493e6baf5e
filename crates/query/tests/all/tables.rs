//! Which tables there are, when they are opened, and how new what they show is.

use pinflow_pipeline::Lane;
use pinflow_query::QueryError;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Shop, order_columns};

#[tokio::test]
async fn names_without_a_schema_are_of_the_lane() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), Some("Oslo"), None)]).await;
    shop.append_orders(Lane::Stream, &[(Some(1), Some("Bonn"), None), (Some(2), Some("Bonn"), None)]).await;
    let none = CancellationToken::new();
    for (lane, rows) in [(Lane::Batch, "n\n1\n"), (Lane::Stream, "n\n2\n")] {
        let answer = shop.engine.query("SELECT count(*) AS n FROM `order`", lane, &none).await.unwrap();
        assert_eq!(answer.to_csv(), rows);
    }
    let both = "SELECT b.id, b.place, s.place AS other FROM batch.`order` AS b JOIN stream.`order` AS s ON b.id = s.id";
    assert_eq!(shop.rows(both).await, "1,Oslo,Bonn\n");
    assert_eq!(shop.rows("SELECT id FROM pinflow.batch.`order`").await, "1\n");
}

#[tokio::test]
async fn a_table_without_rows_yet_is_empty_and_leaves_no_folder() {
    let shop = Shop::open();
    let answer = shop.query("SELECT * FROM `order`").await.unwrap();
    assert_eq!(answer.row_count(), 0);
    assert_eq!(answer.schema, order_columns());
    assert_eq!(shop.rows("SELECT count(*) FROM dead.`order`").await, "0\n");
    assert!(!shop.folder.path().join("batch").exists(), "a reader makes nothing");
}

#[tokio::test]
async fn a_table_without_rows_and_known_columns_is_an_error_that_tells_who_makes_it() {
    let shop = Shop::open();
    let message = shop.refusal("SELECT * FROM note").await;
    assert_eq!(
        message,
        "table `batch.note` does not exist yet; the batch lane of stream `note` makes it with its first rows"
    );
    let error = shop.query("SELECT * FROM result.by_place").await.unwrap_err();
    assert!(matches!(error, QueryError::NotYetWritten { .. }), "{error}");
}

#[tokio::test]
async fn each_query_sees_the_newest_rows() {
    let shop = Shop::open();
    let count = "SELECT count(*) FROM `order`";
    assert_eq!(shop.rows(count).await, "0\n");
    for n in 1..4 {
        shop.append_orders(Lane::Batch, &[(Some(n), None, None)]).await;
        assert_eq!(shop.rows(count).await, format!("{n}\n"));
    }
}

#[tokio::test]
async fn a_table_that_was_made_anew_is_opened_again() {
    let shop = Shop::open();
    for n in 1..4 {
        shop.append_orders(Lane::Batch, &[(Some(n), None, None)]).await;
    }
    assert_eq!(shop.rows("SELECT count(*) FROM `order`").await, "3\n");
    std::fs::remove_dir_all(shop.folder.path().join("batch")).unwrap();
    assert_eq!(shop.rows("SELECT count(*) FROM `order`").await, "0\n");
    shop.append_orders(Lane::Batch, &[(Some(9), None, None)]).await;
    assert_eq!(shop.rows("SELECT id FROM `order`").await, "9\n");
}

#[tokio::test]
async fn a_damaged_table_is_an_error_with_its_place() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), None, None)]).await;
    let log = shop.folder.path().join("batch/order/_delta_log");
    std::fs::write(log.join("00000000000000000001.json"), "{ this is no action").unwrap();
    let error = shop.query("SELECT * FROM `order`").await.unwrap_err();
    let QueryError::Table { table, location, .. } = &error else { panic!("{error:?}") };
    assert_eq!(table, "batch.order");
    assert!(location.ends_with("batch/order/"), "{location}");
    // The other tables are not harmed.
    assert_eq!(shop.rows("SELECT accepted FROM system.balance").await, "7\n");
}

#[tokio::test]
async fn tables_and_columns_can_be_listed() {
    let shop = Shop::open();
    shop.store_answer("by_place", "r1", (0, 1_000)).await;
    let tables = shop.rows("SHOW TABLES").await;
    for table in ["batch,order", "dead,note", "result,by_place", "latest,by_place", "system,balance"] {
        assert!(tables.contains(table), "{table} in\n{tables}");
    }
    for unwritten in ["stream,note", "never_run"] {
        assert!(!tables.contains(unwritten), "{unwritten} cannot be read, but is in\n{tables}");
    }
    assert!(shop.rows("SHOW COLUMNS FROM result.by_place").await.contains("run_time"));
    assert!(shop.rows("DESCRIBE `order`").await.contains("price,Float64,YES"));
    assert!(shop.rows("EXPLAIN SELECT id FROM `order`").await.contains("logical_plan"));
}
