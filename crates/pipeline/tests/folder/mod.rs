//! A pipeline folder for a test, valid until it is changed.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;

use pinflow_pipeline::{Overrides, Pipeline, PipelineError};
use tempfile::TempDir;

pub const PIPELINE: &str = r#"name: shop
variables: {shop: main}
streams:
  orders:
    batch: {topic: "${shop}.orders"}
    stream: {topic: "live-${shop}-orders", table: "${shop}_orders"}
    key: id
    schema:
      id: {type: bigint, required: true}
      item: string
      price: {type: double, wrong_type: "null"}
      gift: boolean
    clean: streams/orders.sql
  visits:
    batch: {topic: "${shop}.visits"}
    stream: {topic: "live-${shop}-visits"}
    schema: {page: string}
    clean: streams/visits.sql
queries: queries/*.sql
jobs:
  nightly:
    schedule: "@daily"
    retries: 2
    retry_delay: 1m30s
    tasks:
      - clean: "*"
      - query: "*"
      - reconcile: orders
        after: [query.*]
tests: tests/*.yaml
"#;

const TESTS: &str = r#"# two cases
- name: prices
  stream: orders
  events:
    - {price: 1.5, id: 1, item: tea, gift: null}
    - {raw: "not json"}
    - {base64: "Yf8="}
  rows: [{id: 1, price: 1.5}]
  dead: [{event: 1, reason: JSON}, {event: 2, reason: JSON}]
- name: both
  streams:
    visits:
      events: [{page: home}]
    orders:
      events: [{id: 1}]
  answers:
    turnover: [{item: null, turnover: null}]
"#;

pub struct PipelineFolder(TempDir);

impl PipelineFolder {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn valid() -> Self {
        let folder = Self::empty();
        folder.write("pipeline.yaml", PIPELINE);
        folder.write("streams/orders.sql", "SELECT id, item, price, '${shop}' AS shop FROM input\n");
        folder.write("streams/visits.sql", "SELECT page FROM input\n");
        folder.write("queries/a_last.sql", "SELECT 1 AS one\n");
        folder.write(
            "queries/best_items.sql",
            "-- A comment is no header.\n-- title: The best items\nSELECT item FROM orders\n",
        );
        folder.write(
            "queries/turnover.sql",
            "-- title: Turnover: by item\n-- chart: bar x=item y=turnover\n-- order: 1\n\nSELECT item, sum(price) AS turnover FROM orders GROUP BY item\n",
        );
        folder.write("tests/orders.yaml", TESTS);
        folder
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.0.path().join(file)).unwrap();
    }

    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.path().join(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` must stand once in {file}");
        self.write(file, text.replace(from, to));
    }

    /// Replaces everything from the first place of `from` on.
    pub fn replace_from(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.path().join(file)).unwrap();
        let at = text.find(from).unwrap();
        self.write(file, format!("{}{to}", &text[..at]));
    }

    pub fn load(&self) -> Result<Pipeline, PipelineError> {
        self.load_with(&Overrides::default())
    }

    pub fn load_with(&self, overrides: &Overrides) -> Result<Pipeline, PipelineError> {
        pinflow_pipeline::load(self.0.path(), overrides)
    }

    /// All that is wrong, as it is printed.
    pub fn problems(&self) -> String {
        self.load().map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }
}

/// What is printed about the valid folder once `from` in `file` is replaced by `to`.
pub fn problems_after(file: &str, from: &str, to: &str) -> String {
    let folder = PipelineFolder::valid();
    folder.replace(file, from, to);
    folder.problems()
}
