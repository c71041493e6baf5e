//! A pipeline with one stream, `order`, and three rows of it on the batch lane.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use pinflow_pipeline::{LaneSpec, Pipeline, Query, Stream, TextFile};
use pinflow_query::{QueryEngine, QueryLimits, SystemTables};
use pinflow_table::{Commit, Table, TableRoot, Upkeep};
use tempfile::TempDir;

/// Rows that no test waits for.
pub const ENDLESS: &str = "SELECT count(*) FROM range(0, 1000000000000000) WHERE value % 7 = 3";

pub struct Shop {
    pub engine: Arc<QueryEngine>,
    folder: TempDir,
}

#[derive(Debug)]
struct NoTables;

#[async_trait]
impl SystemTables for NoTables {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<RecordBatch, String> {
        Err(format!("no {name}"))
    }
}

fn pipeline() -> Pipeline {
    let text = |text: &str| TextFile { path: PathBuf::from("x.sql"), text: text.to_owned() };
    let lane = |topic: &str| LaneSpec { topic: topic.parse().unwrap(), table: "order".to_owned() };
    Pipeline {
        name: "shop".to_owned(),
        variables: BTreeMap::new(),
        streams: vec![Stream {
            name: "order".to_owned(),
            batch: lane("orders"),
            stream: lane("streaming-orders"),
            key: Some("id".to_owned()),
            schema: Vec::new(),
            clean: text("SELECT * FROM input"),
            within: None,
            unknown_fields: pinflow_pipeline::UnknownFieldPolicies::default(),
        }],
        queries: vec![Query {
            name: "never_run".to_owned(),
            title: String::new(),
            chart: None,
            sql: text("SELECT 1 AS one"),
        }],
        jobs: Vec::new(),
        tests: Vec::new(),
        source: None,
    }
}

impl Shop {
    /// Commits the three rows once more.
    pub async fn append(&self) {
        let root = TableRoot::local(self.folder.path(), Upkeep::default()).unwrap();
        let mut table = Table::open(&root.table("batch", "order").unwrap(), &rows().schema()).await.unwrap();
        table.commit(&Commit { rows: vec![rows()], ..Commit::default() }).await.unwrap();
    }
}

fn rows() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let places: ArrayRef = Arc::new(StringArray::from(vec![Some("Oslo"), None, Some("say \"hi\"")]));
    let prices: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), Some(2.0), None]));
    let columns = [("id", ids, true), ("place", places, true), ("price", prices, true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

pub async fn shop(limits: QueryLimits) -> Shop {
    let folder = TempDir::new().unwrap();
    let root = TableRoot::local(folder.path(), Upkeep::default()).unwrap();
    let columns = HashMap::from([("order".to_owned(), rows().schema())]);
    let engine = QueryEngine::open(Arc::new(pipeline()), &root, &columns, Some(Arc::new(NoTables)), limits).unwrap();
    let shop = Shop { engine: Arc::new(engine), folder };
    shop.append().await;
    shop
}
