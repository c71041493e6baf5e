//! Time, memory, rows and cancellation end a query with an error of their own.

use std::time::Duration;

use pinflow_pipeline::Lane;
use pinflow_query::{QueryError, QueryLimits};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::fixture::Shop;

/// Rows that no test waits for.
const ENDLESS: &str = "SELECT count(*) FROM range(0, 1000000000000000) WHERE value % 7 = 3";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_past_its_time_ends() {
    let shop = Shop::with_limits(QueryLimits { time: Duration::from_millis(50), ..QueryLimits::default() });
    let error = shop.query(ENDLESS).await.unwrap_err();
    assert!(matches!(error, QueryError::TimeLimit { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_query_ends() {
    let shop = Shop::open();
    let cancellation = CancellationToken::new();
    let query = shop.engine.query(ENDLESS, Lane::Batch, &cancellation);
    let (outcome, ()) = tokio::join!(query, async {
        tokio::task::yield_now().await;
        cancellation.cancel();
    });
    assert!(matches!(outcome, Err(QueryError::Cancelled)), "{outcome:?}");
}

/// Joins that compare for hours and have nothing to show.
const FRUITLESS: [&str; 3] = [
    "SELECT count(*) FROM range(0, 1000000) AS a JOIN range(0, 1000000) AS b ON a.value * b.value = -1",
    "SELECT count(*) FROM (SELECT value % 2 AS k, value FROM range(0, 1000000)) AS a \
     JOIN (SELECT value % 2 AS k, value FROM range(0, 1000000)) AS b ON a.k = b.k AND a.value + b.value < 0",
    "SELECT max(a.value + b.value) FROM range(0, 1000000) AS a CROSS JOIN range(0, 1000000) AS b",
];

/// On one thread, which a query must not keep to itself.
#[tokio::test]
async fn a_join_that_shows_nothing_ends_in_its_time() {
    for sql in FRUITLESS {
        let time = Duration::from_millis(300);
        let shop = Shop::with_limits(QueryLimits { time, ..QueryLimits::default() });
        let error = shop.query(sql).await.unwrap_err();
        assert!(matches!(error, QueryError::TimeLimit { .. }), "{error}");
        // Its threads stop computing for nobody.
        while shop.engine.running() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn an_answer_past_the_row_limit_is_refused_and_not_cut() {
    let shop = Shop::with_limits(QueryLimits { rows: 10, ..QueryLimits::default() });
    assert_eq!(shop.query("SELECT * FROM range(0, 10)").await.unwrap().row_count(), 10);
    let error = shop.query("SELECT * FROM range(0, 11)").await.unwrap_err();
    assert!(matches!(error, QueryError::RowLimit { limit: 10 }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sort_spills_within_its_memory_and_a_query_that_cannot_is_refused() {
    let spill = TempDir::new().unwrap();
    let limits =
        QueryLimits { memory_bytes: 24 << 20, spill_folder: Some(spill.path().to_owned()), ..QueryLimits::default() };
    let shop = Shop::with_limits(limits);
    let sorted = "SELECT max(n) FROM (SELECT value, row_number() OVER (ORDER BY value * 7919 % 1000003, repeat('x', 60)) AS n FROM range(0, 300000)) AS r";
    let answer = shop.query(sorted).await;
    assert!(matches!(&answer, Ok(answer) if answer.to_csv().ends_with("\n300000\n")), "{answer:?}");
    let hoarding = "SELECT length(array_join(collect_list(repeat('x', 500)), '')) AS n FROM range(0, 200000)";
    let error = shop.query(hoarding).await.unwrap_err();
    assert!(matches!(error, QueryError::MemoryLimit { .. }), "{error:?}");
    // The memory is given back.
    assert_eq!(shop.rows("SELECT count(*) FROM range(0, 1000)").await, "1000\n");
}
