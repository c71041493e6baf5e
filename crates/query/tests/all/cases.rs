//! A `CASE` of whole numbers is evaluated once a value.

use pinflow_pipeline::Lane;

use crate::fixture::Shop;

#[tokio::test]
async fn a_case_by_value_answers_as_one_by_row() {
    let shop = Shop::open();
    let rows: Vec<_> = (0..500).map(|row| ((row % 9 > 0).then_some(row % 83), None, Some(row as f64))).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    // No price is negative.
    let sql = |more: &str| {
        let case = format!("CASE WHEN id BETWEEN 18 AND 24 {more} THEN 'a' WHEN id >= 51 THEN 'b' ELSE 'c' END");
        let kinds = format!("SELECT coalesce({case}, '') AS kind, price FROM `order`");
        format!("SELECT kind, count(*), sum(price) FROM ({kinds}) AS x GROUP BY kind ORDER BY kind")
    };
    let (by_value, by_row) = (sql(""), sql("AND price >= 0"));
    assert!(shop.rows(&format!("EXPLAIN {by_value}")).await.contains("by_value("), "{by_value}");
    assert!(!shop.rows(&format!("EXPLAIN {by_row}")).await.contains("by_value("), "{by_row}");
    let rows = shop.rows(&by_value).await;
    assert_eq!(rows.lines().count(), 3);
    assert_eq!(rows, shop.rows(&by_row).await);
}
