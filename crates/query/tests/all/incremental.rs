//! Answers that go on from what was counted before are those of all rows.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use pinflow_pipeline::{Lane, Pipeline, Query};
use pinflow_query::{Counted, QueryEngine, QueryLimits};
use pinflow_table::{Commit, Table, TableRoot, Upkeep};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Shop, order_columns, orders, pipeline, text_file};

/// Queries that have a part to which rows can be added.
const GROWING: &[(&str, &str)] = &[
    (
        "aggregates",
        "SELECT place, count(*), count(price), sum(price), min(price), max(price), avg(price), percentile_approx(price, 0.5), \
         percentile_approx(price, array(0.1, 0.9)), count(DISTINCT price), round(stddev(price), 9), round(var_pop(price), 9), median(price), sum(DISTINCT price), bool_or(price > 5), \
         bit_xor(id), approx_distinct(id) FROM `order` GROUP BY place ORDER BY place",
    ),
    ("of_all", "SELECT count(*) AS orders, max(price) AS dearest, min(place) FROM `order`"),
    (
        "filtered",
        "SELECT place, count(*) FILTER (WHERE price > 2) AS dear FROM `order` WHERE id % 3 <> 0 GROUP BY place ORDER BY place",
    ),
    (
        "joined",
        "SELECT kind, place, sum(price) AS total FROM note JOIN `order` USING (id) GROUP BY kind, place HAVING sum(price) > 1 ORDER BY kind, place",
    ),
    (
        "joined_with_itself",
        "SELECT a.place, count(*) AS pairs FROM `order` AS a JOIN `order` AS b ON a.price = b.price JOIN note ON note.id = b.id GROUP BY a.place ORDER BY 1",
    ),
    (
        "counted_twice",
        "WITH c AS (SELECT place, count(*) AS n FROM `order` GROUP BY place) SELECT n, count(*) AS places FROM c GROUP BY n ORDER BY n",
    ),
    (
        "first_by_rank",
        "WITH ranked AS (SELECT kind, place, price, rank() OVER (PARTITION BY kind ORDER BY price DESC) AS r FROM note JOIN `order` USING (id)) \
         SELECT kind, place, price FROM ranked WHERE r = 1 ORDER BY kind, place, price",
    ),
    (
        "first_three",
        "WITH ranked AS (SELECT id, price, row_number() OVER (ORDER BY price DESC NULLS LAST, id) AS r FROM `order`) \
         SELECT id, price, r FROM ranked WHERE r <= 3 ORDER BY r",
    ),
    (
        "first_without_what_orders_them",
        "WITH ranked AS (SELECT id, place, dense_rank() OVER (PARTITION BY place ORDER BY price DESC) AS r FROM `order`) \
         SELECT id AS dear FROM ranked WHERE r <= 2 ORDER BY id",
    ),
    (
        "largest_twice",
        "WITH t AS (SELECT max(price) AS p FROM `order`) SELECT a.p, b.p + 1 AS q FROM t AS a CROSS JOIN t AS b",
    ),
];

/// Queries that have none, or read a table beside it.
const WHOLE: &[(&str, &str)] = &[
    ("plain", "SELECT id, place FROM `order` ORDER BY id, place"),
    ("outer", "SELECT count(kind) AS kinds, count(*) AS n FROM `order` LEFT JOIN note USING (id)"),
    ("without", "SELECT count(*) AS n FROM `order` WHERE id NOT IN (SELECT id FROM note WHERE id IS NOT NULL)"),
    ("in_order", "SELECT array_agg(id ORDER BY id) AS ids FROM `order`"),
    ("random", "SELECT count(*) AS n FROM `order` WHERE random() < 2"),
    (
        "joined_with_the_largest",
        "WITH top AS (SELECT place, max(price) AS price FROM `order` GROUP BY place) \
         SELECT place, id, price FROM top JOIN `order` USING (place, price) ORDER BY place, id",
    ),
    ("older", "SELECT count(*) AS n FROM `order` VERSION AS OF 1"),
];

fn note_columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("kind", DataType::Utf8, true)]))
}

fn notes(rows: &[(i64, Option<&str>)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let kinds: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    RecordBatch::try_new(note_columns(), vec![ids, kinds]).unwrap()
}

fn asking(queries: impl IntoIterator<Item = (&'static str, &'static str)>) -> Pipeline {
    let query = |(name, sql): (&str, &str)| Query {
        name: name.to_owned(),
        title: name.to_owned(),
        chart: None,
        sql: text_file("queries/x.sql", sql),
    };
    Pipeline { queries: queries.into_iter().map(query).collect(), ..pipeline() }
}

fn columns() -> HashMap<String, SchemaRef> {
    HashMap::from([("order".to_owned(), order_columns()), ("note".to_owned(), note_columns())])
}

fn shop() -> Shop {
    let all = || asking(GROWING.iter().chain(WHOLE).copied());
    reopened(Shop::of(all(), &columns(), QueryLimits::default()), all())
}

/// The same tables and states, as a node that starts finds them.
fn reopened(shop: Shop, pipeline: Pipeline) -> Shop {
    let root = TableRoot::local(shop.folder.path(), Upkeep::default()).unwrap();
    let engine = QueryEngine::open(Arc::new(pipeline), &root, &columns(), None, QueryLimits::default()).unwrap();
    Shop { engine: engine.with_states(shop.folder.path().join("states")), ..shop }
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    async fn append(&mut self, shop: &Shop, orders_more: usize, notes_more: usize) {
        const PLACES: [Option<&str>; 4] = [Some("Vienna"), Some("Graz"), None, Some("Linz")];
        const KINDS: [Option<&str>; 3] = [Some("gift"), None, Some("return")];
        if orders_more > 0 {
            let price = |number: u64| (number < 12).then_some(number as f64 / 2.0);
            let rows: Vec<_> = (0..orders_more)
                .map(|_| (Some(self.below(40) as i64), PLACES[self.below(4) as usize], price(self.below(13))))
                .collect();
            shop.append("batch", "order", vec![orders(&rows)]).await;
        }
        if notes_more > 0 {
            let rows: Vec<_> =
                (0..notes_more).map(|_| (self.below(40) as i64, KINDS[self.below(3) as usize])).collect();
            shop.append("batch", "note", vec![notes(&rows)]).await;
        }
    }
}

/// Asks both ways, and tells whether all rows were counted.
async fn ask(shop: &Shop, query: &str) -> Counted {
    let stop = CancellationToken::new();
    let (answer, counted) = shop.engine.ask_again(query, false, &stop).await.unwrap();
    let whole = shop.engine.ask(query, Lane::Batch, &stop).await.unwrap();
    assert_eq!(answer.to_csv(), whole.to_csv(), "{query}");
    assert_eq!(answer.schema, whole.schema, "{query}");
    counted
}

#[tokio::test]
async fn rows_are_added_to_what_was_counted_before() {
    let (shop, mut numbers) = (shop(), Numbers(1));
    // A query may name the table's first version.
    numbers.append(&shop, 5, 4).await;
    for (name, _) in GROWING.iter().chain(WHOLE) {
        assert_eq!(ask(&shop, name).await, Counted::All, "{name}: nothing was kept yet");
    }
    for (orders_more, notes_more) in [(0, 0), (7, 0), (0, 3), (20, 20), (1, 1), (60, 5)] {
        numbers.append(&shop, orders_more, notes_more).await;
        for (name, _) in GROWING {
            assert_eq!(ask(&shop, name).await, Counted::New, "{name}");
        }
        for (name, _) in WHOLE {
            assert_eq!(ask(&shop, name).await, Counted::All, "{name}");
        }
    }
    // Several appends at once.
    numbers.append(&shop, 9, 9).await;
    numbers.append(&shop, 9, 0).await;
    for (name, _) in GROWING {
        assert_eq!(ask(&shop, name).await, Counted::New, "{name}");
    }
}

#[tokio::test]
async fn a_table_that_was_made_anew_is_counted_anew() {
    let (shop, mut numbers) = (shop(), Numbers(2));
    numbers.append(&shop, 30, 10).await;
    assert_eq!(ask(&shop, "joined").await, Counted::All);
    fs::remove_dir_all(shop.folder.path().join("batch/order")).unwrap();
    numbers.append(&shop, 20, 0).await;
    let shop = reopened(shop, asking(GROWING.iter().copied()));
    assert_eq!(ask(&shop, "joined").await, Counted::All);
    numbers.append(&shop, 20, 3).await;
    assert_eq!(ask(&shop, "joined").await, Counted::New);
}

/// Rows of one table that came with others of their key, before them, and after them; some that have none.
#[tokio::test]
async fn rows_meet_others_of_their_key_whenever_those_come() {
    let shop = shop();
    let come = async |orders_more: &[i64], notes_more: &[i64]| {
        let rows: Vec<_> = orders_more.iter().map(|id| (Some(*id), Some("Graz"), Some(*id as f64))).collect();
        if !rows.is_empty() {
            shop.append("batch", "order", vec![orders(&rows)]).await;
        }
        let rows: Vec<_> = notes_more.iter().map(|id| (*id, Some("gift"))).collect();
        if !rows.is_empty() {
            shop.append("batch", "note", vec![notes(&rows)]).await;
        }
    };
    come(&[1, 2], &[1]).await;
    assert_eq!(ask(&shop, "joined").await, Counted::All);
    let steps: [(&[i64], &[i64]); 7] =
        [(&[3], &[4]), (&[5], &[5]), (&[4], &[]), (&[], &[3, 2]), (&[6, 7], &[8]), (&[8], &[7, 9]), (&[8], &[])];
    for (orders_more, notes_more) in steps {
        come(orders_more, notes_more).await;
        assert_eq!(ask(&shop, "joined").await, Counted::New, "{orders_more:?} {notes_more:?}");
    }
}

#[tokio::test]
async fn after_a_merge_of_small_files_all_rows_are_counted_once() {
    let (shop, mut numbers) = (shop(), Numbers(6));
    numbers.append(&shop, 30, 10).await;
    assert_eq!(ask(&shop, "joined").await, Counted::All);
    let root = TableRoot::local(shop.folder.path(), Upkeep::default()).unwrap();
    let mut table = Table::open(&root.table("batch", "order").unwrap(), &order_columns()).await.unwrap();
    let (mut files, mut before) = (table.file_count().unwrap(), 0);
    while files > before {
        let rows = vec![orders(&[(Some(1), Some("Graz"), Some(2.0))])];
        table.commit(&Commit { rows, ..Commit::default() }).await.unwrap();
        table.keep_healthy().await.unwrap();
        table.rest().await.unwrap();
        (before, files) = (files, table.file_count().unwrap());
    }
    assert_eq!(ask(&shop, "joined").await, Counted::All);
    assert_eq!(ask(&shop, "joined").await, Counted::New);
}

#[tokio::test]
async fn whoever_wants_it_counts_all_rows() {
    let (shop, mut numbers) = (shop(), Numbers(3));
    numbers.append(&shop, 10, 10).await;
    ask(&shop, "aggregates").await;
    let (_, counted) = shop.engine.ask_again("aggregates", true, &CancellationToken::new()).await.unwrap();
    assert_eq!(counted, Counted::All);
    assert_eq!(ask(&shop, "aggregates").await, Counted::New);
}

#[tokio::test]
async fn a_damaged_state_and_that_of_another_query_are_not_used() {
    let (shop, mut numbers) = (shop(), Numbers(4));
    numbers.append(&shop, 10, 10).await;
    ask(&shop, "of_all").await;
    let state = shop.folder.path().join("states/of_all/0.parquet");
    let bytes = fs::read(&state).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], b"", b"PAR1"] {
        fs::write(&state, damaged).unwrap();
        assert_eq!(ask(&shop, "of_all").await, Counted::All);
        assert_eq!(ask(&shop, "of_all").await, Counted::New);
    }

    let changed = asking([("of_all", "SELECT count(*) AS orders, max(price) AS dearest, max(place) FROM `order`")]);
    let shop = reopened(shop, changed);
    assert_eq!(ask(&shop, "of_all").await, Counted::All);
    assert_eq!(ask(&shop, "of_all").await, Counted::New);
}

#[tokio::test]
async fn without_a_place_to_keep_anything_all_rows_are_counted() {
    let (shop, mut numbers) = (shop(), Numbers(5));
    numbers.append(&shop, 10, 10).await;
    fs::write(shop.folder.path().join("states"), "a file in the way").unwrap();
    assert_eq!(ask(&shop, "aggregates").await, Counted::All);
    assert_eq!(ask(&shop, "aggregates").await, Counted::All);
}
