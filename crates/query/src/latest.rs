//! `latest.<query>`: of `result.<query>` the rows of the newest run alone, as whoever shows an answer wants them.
//!
//! Which run that is stands in the table's own commit, beside the rows. So an answer without rows is an empty table, and not the answer
//! before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::{TableType, ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit};

use crate::delta::LazyTable;
use crate::result_table::{RUN_TIME, result_application};

/// The newest answers of all queries of a pipeline.
#[derive(Debug)]
pub(crate) struct LatestSchema {
    pipeline: String,
    results: BTreeMap<String, Arc<LazyTable>>,
}

impl LatestSchema {
    /// Of the tables that hold the answers of all runs.
    pub fn new(pipeline: &str, results: BTreeMap<String, Arc<LazyTable>>) -> Self {
        Self { pipeline: pipeline.to_owned(), results }
    }
}

#[async_trait]
impl SchemaProvider for LatestSchema {
    fn table_names(&self) -> Vec<String> {
        self.results.iter().filter(|(_, table)| table.is_readable()).map(|(name, _)| name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.results.get(name) else { return Ok(None) };
        let application = result_application(&self.pipeline, name);
        let (runs, newest) =
            table.provider_at(&[application]).await.map_err(|cause| DataFusionError::External(Box::new(cause)))?;
        let newest = newest.first().copied().unwrap_or_default();
        let rows = LogicalPlanBuilder::scan(name, provider_as_source(runs), None)?.filter(of_run(newest))?.build()?;
        Ok(Some(Arc::new(ViewTable::new(rows, None))))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.results.contains_key(name)
    }
}

/// The rows of the run at that time, milliseconds since the Unix epoch.
fn of_run(millis: i64) -> Expr {
    let time = ScalarValue::TimestampMicrosecond(Some(millis.saturating_mul(1_000)), Some("UTC".into()));
    col(RUN_TIME).eq(lit(time))
}
