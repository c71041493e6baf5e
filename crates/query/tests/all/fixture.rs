//! A small pipeline (`order`, keyed by `id`, and `note`, without a key) and tables for it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use pinflow_event::Timestamp;
use pinflow_pipeline::{Lane, LaneSpec, Pipeline, Query, Stream, TextFile};
use pinflow_query::{Answer, QueryEngine, QueryError, QueryLimits, SystemTables, result_application};
use pinflow_table::{Commit, Progress, Table, TableRoot, Upkeep};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A row of `order`.
pub type Order<'a> = (Option<i64>, Option<&'a str>, Option<f64>);

pub fn text_file(path: &str, text: &str) -> TextFile {
    TextFile { path: PathBuf::from(path), text: text.to_owned() }
}

fn stream(name: &str, key: Option<&str>) -> Stream {
    let lane = |topic: String, table: String| LaneSpec { topic: topic.parse().unwrap(), table };
    Stream {
        name: name.to_owned(),
        batch: lane(format!("{name}s"), name.to_owned()),
        stream: lane(format!("streaming-{name}"), format!("demo_{name}_table")),
        key: key.map(str::to_owned),
        within: None,
        schema: Vec::new(),
        unknown_fields: Default::default(),
        clean: text_file("streams/x.sql", "SELECT * FROM input"),
    }
}

fn query(name: &str, sql: &str) -> Query {
    Query { name: name.to_owned(), title: name.to_owned(), chart: None, sql: text_file("queries/x.sql", sql) }
}

pub fn pipeline() -> Pipeline {
    Pipeline {
        name: "shop".to_owned(),
        variables: BTreeMap::new(),
        streams: vec![stream("order", Some("id")), stream("note", None)],
        queries: vec![
            query(
                "by_place",
                "SELECT place, count(*) AS orders FROM `order` GROUP BY place ORDER BY orders DESC, place",
            ),
            query("never_run", "SELECT 1 AS one"),
        ],
        jobs: Vec::new(),
        tests: Vec::new(),
        source: None,
    }
}

pub fn order_columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("place", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
    ]))
}

pub fn orders(rows: &[Order<'_>]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let places: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let prices: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
    RecordBatch::try_new(order_columns(), vec![ids, places, prices]).unwrap()
}

#[derive(Debug)]
pub struct Balance;

#[async_trait]
impl SystemTables for Balance {
    fn names(&self) -> Vec<String> {
        vec!["balance".to_owned()]
    }

    async fn table(&self, _: &str) -> Result<RecordBatch, String> {
        let accepted: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        Ok(RecordBatch::try_from_iter([("accepted", accepted)]).unwrap())
    }
}

/// Tables in a folder that goes with it, and an engine on them.
pub struct Shop {
    pub folder: TempDir,
    pub engine: QueryEngine,
}

impl Shop {
    pub fn open() -> Self {
        Self::with_limits(QueryLimits::default())
    }

    pub fn with_limits(limits: QueryLimits) -> Self {
        let columns = HashMap::from([("order".to_owned(), order_columns())]);
        Self::of(pipeline(), &columns, limits)
    }

    pub fn of(pipeline: Pipeline, columns: &HashMap<String, SchemaRef>, limits: QueryLimits) -> Self {
        let folder = TempDir::new().unwrap();
        let root = TableRoot::local(folder.path(), Upkeep::default()).unwrap();
        let engine = QueryEngine::open(Arc::new(pipeline), &root, columns, Some(Arc::new(Balance)), limits).unwrap();
        Self { folder, engine }
    }

    /// Appends rows to the table `folder` of `schema`.
    pub async fn append(&self, schema: &str, folder: &str, rows: Vec<RecordBatch>) {
        let columns = rows[0].schema();
        self.commit(schema, folder, &columns, Commit { rows, ..Commit::default() }).await;
    }

    async fn commit(&self, schema: &str, folder: &str, columns: &SchemaRef, commit: Commit) {
        let location = TableRoot::local(self.folder.path(), Upkeep::default()).unwrap().table(schema, folder).unwrap();
        let mut table = Table::open(&location, columns).await.unwrap();
        table.commit(&commit).await.unwrap();
    }

    /// Stores the answer that `query` has now as the one of a run at `millis`, whose run before was at `from`.
    pub async fn store_answer(&self, query: &str, run: &str, (from, millis): (i64, i64)) -> Answer {
        let answer = self.engine.ask(query, Lane::Batch, &CancellationToken::new()).await.unwrap();
        let rows = answer.to_result_rows(run, Timestamp::from_millis(millis)).unwrap();
        let application = result_application("shop", query);
        let progress = vec![Progress { application, from, to: millis }];
        self.commit("result", query, &answer.result_schema(), Commit { rows, progress, ..Commit::default() }).await;
        answer
    }

    pub async fn append_orders(&self, lane: Lane, rows: &[Order<'_>]) {
        let folder = if lane == Lane::Batch { "order" } else { "demo_order_table" };
        self.append(lane.as_str(), folder, vec![orders(rows)]).await;
    }

    pub async fn query(&self, sql: &str) -> Result<Answer, QueryError> {
        self.engine.query(sql, Lane::Batch, &CancellationToken::new()).await
    }

    /// The answer as CSV without its header.
    pub async fn rows(&self, sql: &str) -> String {
        let csv = self.query(sql).await.unwrap().to_csv();
        csv.split_once('\n').unwrap().1.to_owned()
    }

    /// The message of a query that has no answer.
    pub async fn refusal(&self, sql: &str) -> String {
        self.query(sql).await.unwrap_err().to_string()
    }
}
