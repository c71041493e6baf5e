//! What is refused, and what the message says.

use pinflow_pipeline::Lane;
use pinflow_query::QueryError;
use tokio_util::sync::CancellationToken;

use crate::fixture::Shop;

#[tokio::test]
async fn whatever_is_no_reading_is_refused() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), None, None)]).await;
    let outside = shop.folder.path().join("outside.csv");
    std::fs::write(&outside, "a\n1\n").unwrap();
    let outside = outside.display();
    for sql in [
        "INSERT INTO `order` VALUES (2, 'x', 1.0)",
        "UPDATE `order` SET place = 'x'",
        "DELETE FROM `order`",
        "MERGE INTO `order` USING note ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE TABLE `order`",
        "DROP TABLE `order`",
        "DROP SCHEMA batch",
        "ALTER TABLE `order` ADD COLUMN x int",
        "CREATE TABLE t AS SELECT 1 AS x",
        "CREATE VIEW v AS SELECT 1 AS x",
        "CREATE SCHEMA s",
        &format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{outside}'"),
        &format!("COPY (SELECT 1) TO '{outside}'"),
        &format!("COPY `order` TO '{outside}' STORED AS CSV"),
        "SELECT * INTO t FROM `order`",
        "SET datafusion.execution.time_zone = 'CET'",
        "RESET datafusion.execution.time_zone",
        "EXPLAIN INSERT INTO `order` VALUES (2, 'x', 1.0)",
        "EXPLAIN ANALYZE DELETE FROM `order`",
        "WITH x AS (SELECT 2 AS id) INSERT INTO `order` SELECT id, 'x', 1.0 FROM x",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "COMMIT",
        "USE batch",
        "CACHE TABLE `order`",
        "VACUUM `order`",
        "CALL something()",
    ] {
        let error = shop.query(sql).await.unwrap_err();
        assert!(matches!(error, QueryError::NotReadOnly { .. } | QueryError::Syntax { .. }), "{sql}: {error:?}");
    }
    for sql in [
        &format!("SELECT * FROM '{outside}'"),
        &format!("SELECT * FROM `{outside}`"),
        &format!("SELECT * FROM read_csv('{outside}')"),
        &format!("SELECT * FROM delta.`{outside}`"),
        "SELECT * FROM other.batch.`order`",
        "SELECT * FROM `../batch/order`",
    ] {
        assert!(shop.query(sql).await.is_err(), "{sql}");
    }
    assert_eq!(shop.rows("SELECT count(*) FROM `order`").await, "1\n", "nothing was written");
}

#[tokio::test]
async fn unknown_names_come_with_the_nearest_known_one() {
    let shop = Shop::open();
    for (sql, message) in [
        ("SELECT * FROM ordr", "there is no table `ordr`; did you mean `order`?"),
        ("SELECT * FROM streem.note", "there is no table `streem.note`; did you mean `stream.note`?"),
        (
            "SELECT * FROM zzzzzzzz",
            "there is no table `zzzzzzzz`; `SHOW TABLES` lists them all, `batch` is the schema where none is written",
        ),
        ("SELECT pric FROM `order`", "there is no column `pric`; did you mean `price`?"),
        ("SELECT o.zzzzzz FROM `order` AS o", "there is no column `zzzzzz`; the columns are `id`, `place`, `price`"),
        ("SELECT * FROM `order` WHERE palce = 'x'", "there is no column `palce`; did you mean `place`?"),
    ] {
        assert_eq!(shop.refusal(sql).await, message, "{sql}");
    }
    let none = CancellationToken::new();
    let error = shop.engine.ask("by_plac", Lane::Batch, &none).await.unwrap_err();
    assert_eq!(error.to_string(), "the pipeline has no query `by_plac`; did you mean `by_place`?");
    let error = shop.engine.reconcile("ordr", &none).await.unwrap_err();
    assert_eq!(error.to_string(), "the pipeline has no stream `ordr`; did you mean `order`?");
}

#[tokio::test]
async fn nonsense_is_an_error_and_never_a_panic() {
    let shop = Shop::open();
    let deep = format!("SELECT {}1{}", "(".repeat(3_000), ")".repeat(3_000));
    let long = format!("SELECT {}", vec!["1"; 5_000].join(" + "));
    let longest = format!("SELECT {} FROM `order`", vec!["id"; 128].join(" + "));
    for sql in [
        "",
        ";",
        "--",
        "/*",
        "SELECT",
        "SELECT 1; SELECT 2",
        "SELECT 'open",
        "SELECT `open",
        "\0",
        "SELECT \u{1F4CC}",
        "SELECT * FROM",
        &deep,
        "SELECT unknown_function(1)",
        "SELECT sum(place) OVER FROM `order`",
        "SELECT id FROM `order` GROUP BY place",
        "SELECT 1 + array(1)",
        "SELECT $1",
        "SELECT @x",
        "SELECT element_at(array(1), 0)",
        "SELECT regexp_replace('a', '(', '')",
        "SELECT date_format(now(), 'QQ')",
        "SELECT CAST('1' AS nothing)",
        "SELECT (SELECT id FROM `order`, note)",
        "SELECT * FROM `order` LIMIT -1",
        "WITH RECURSIVE r AS (SELECT 1) SELECT * FROM x",
    ] {
        assert!(shop.query(sql).await.is_err(), "{sql}");
    }
    assert!(shop.refusal(&long).await.contains("operators in a row"));
    assert_eq!(shop.query(&longest).await.unwrap().row_count(), 0);
    assert_eq!(shop.rows("SELECT 1").await, "1\n");
}
