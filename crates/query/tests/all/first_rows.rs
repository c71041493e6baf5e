//! The first rows by rank are found without sorting all rows.

use pinflow_pipeline::Lane;

use crate::fixture::Shop;

/// The same question twice: as the rule knows it, and so that it does not.
async fn same(shop: &Shop, rank: &str, condition: &str, rest: &str) -> String {
    let ranked = format!("SELECT id, place, price, {rank} AS r FROM `order`");
    let quick = format!("SELECT id, place, price FROM ({ranked}) AS x WHERE r {condition} {rest}");
    let slow = format!("SELECT id, place, price FROM ({ranked}) AS x WHERE r + 0 {condition} {rest}");
    let plan = |sql: &str| format!("EXPLAIN {sql}");
    assert!(shop.rows(&plan(&quick)).await.contains("WindowGroupLimitExec"), "{quick}");
    assert!(!shop.rows(&plan(&slow)).await.contains("WindowGroupLimitExec"), "{slow}");
    let rows = shop.rows(&quick).await;
    assert_eq!(rows, shop.rows(&slow).await, "{quick}");
    rows
}

#[tokio::test]
async fn the_first_of_each_group_are_those_of_a_sort() {
    let shop = Shop::open();
    let places = [Some("Vienna"), None, Some("Graz"), Some("")];
    let prices = [Some(1.5), None, Some(-0.0), Some(0.0), Some(9.0), Some(f64::NAN), Some(9.0)];
    for part in 0..3 {
        let row = |id: usize| (Some(id as i64), places[id % 4], prices[(id * 5 + part) % 7]);
        let rows: Vec<_> = (part * 50..(part + 1) * 50).map(row).collect();
        shop.append_orders(Lane::Batch, &rows).await;
    }
    for order in ["price", "price DESC", "price DESC NULLS LAST", "price NULLS FIRST", "price, id DESC"] {
        for group in ["PARTITION BY place", "PARTITION BY place, id % 3", ""] {
            for (rank, condition) in [("rank", "= 1"), ("dense_rank", "<= 1"), ("rank", "< 2")] {
                let rows =
                    same(&shop, &format!("{rank}() OVER ({group} ORDER BY {order})"), condition, "ORDER BY id").await;
                assert!(!rows.is_empty());
            }
        }
    }
    let rows =
        same(&shop, "row_number() OVER (PARTITION BY place ORDER BY price DESC, id)", "= 1", "ORDER BY id").await;
    assert_eq!(rows.lines().count(), 4);
}

/// A join keeps the order of one side, so DataFusion would sort that side, all of it.
#[tokio::test]
async fn rows_are_limited_before_they_are_sorted() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), Some("Graz"), Some(1.0)), (Some(2), None, None)]).await;
    let ranked =
        "SELECT a.id, rank() OVER (ORDER BY b.price DESC) AS r FROM `order` AS a JOIN `order` AS b ON a.id = b.id";
    let plan = shop.rows(&format!("EXPLAIN SELECT id FROM ({ranked}) AS x WHERE r = 1")).await;
    let (above, below) = plan.split_once("WindowGroupLimitExec").unwrap();
    assert!(above.contains("SortExec") && !below.contains("SortExec"), "{plan}");
}

#[tokio::test]
async fn other_conditions_and_windows_are_left_alone() {
    let shop = Shop::open();
    shop.append_orders(Lane::Batch, &[(Some(1), Some("Graz"), Some(1.0)), (Some(2), None, None)]).await;
    for (rank, condition) in [
        ("rank() OVER (PARTITION BY place ORDER BY price)", "= 2"),
        ("rank() OVER (PARTITION BY place ORDER BY price)", "<= 3"),
        ("rank() OVER (PARTITION BY place ORDER BY price)", "> 1"),
        ("ntile(2) OVER (PARTITION BY place ORDER BY price)", "= 1"),
        ("count(*) OVER (PARTITION BY place ORDER BY price)", "= 1"),
    ] {
        let sql = format!("SELECT id FROM (SELECT id, {rank} AS r FROM `order`) AS x WHERE r {condition}");
        assert!(!shop.rows(&format!("EXPLAIN {sql}")).await.contains("WindowGroupLimitExec"), "{sql}");
        shop.rows(&sql).await;
    }
}

/// More groups than are held in memory.
#[tokio::test]
async fn a_group_a_row_is_left_to_the_sort() {
    let shop = Shop::open();
    const ROWS: i64 = 300_000;
    let names: Vec<String> = (0..ROWS).map(|id| format!("place {}", id % (ROWS - 10))).collect();
    let rows: Vec<_> =
        names.iter().zip(0..).map(|(name, id)| (Some(id), Some(name.as_str()), Some((id % 7) as f64))).collect();
    shop.append_orders(Lane::Batch, &rows).await;
    let rank = "row_number() OVER (PARTITION BY place ORDER BY price, id)";
    let of = |condition: &str| {
        format!("SELECT count(*), sum(id) FROM (SELECT id, {rank} AS r FROM `order`) AS x WHERE {condition}")
    };
    assert_eq!(shop.rows(&of("r = 1")).await, shop.rows(&of("r + 0 = 1")).await);
}
