//! A table that is looked up when it is read, not when a statement is planned: clients prepare a statement once and ask it for days.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use pinflow_query::QueryError;
use tokio::sync::Mutex;

/// When a query began: its mark among the executions of a plan.
type Began = Option<i64>;

/// A table of a schema, by its name.
pub(super) struct LateTable {
    name: String,
    /// The table as it was when the statement was planned. Its columns count.
    planned: Arc<dyn TableProvider>,
    /// Where it is looked up.
    schema: Arc<dyn SchemaProvider>,
    /// What the newest query found: a query that reads the table twice reads one version of it.
    found: Mutex<Option<(Began, Arc<dyn TableProvider>)>>,
}

impl LateTable {
    /// The table `name` of `schema`, planned with the columns of `planned`.
    pub fn new(name: &str, planned: Arc<dyn TableProvider>, schema: Arc<dyn SchemaProvider>) -> Self {
        Self { name: name.to_owned(), planned, schema, found: Mutex::default() }
    }

    async fn find(&self, began: Began) -> Result<Arc<dyn TableProvider>> {
        let mut found = self.found.lock().await;
        if let Some((known, table)) = &*found
            && known.is_some()
            && *known == began
        {
            return Ok(Arc::clone(table));
        }
        let changed = || {
            let message = format!("the columns of table `{}` have changed: prepare the statement again", self.name);
            DataFusionError::External(Box::new(QueryError::Plan { message }))
        };
        let table = self.schema.table(&self.name).await?.ok_or_else(changed)?;
        if table.schema().fields() != self.planned.schema().fields() {
            return Err(changed());
        }
        *found = Some((began, Arc::clone(&table)));
        Ok(table)
    }
}

#[async_trait]
impl TableProvider for LateTable {
    fn schema(&self) -> SchemaRef {
        self.planned.schema()
    }

    fn table_type(&self) -> TableType {
        self.planned.table_type()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let began = session.execution_props().query_execution_start_time.and_then(|time| time.timestamp_nanos_opt());
        // Filters are applied again above, so rows must not be counted before that.
        let limit = limit.filter(|_| filters.is_empty());
        self.find(began).await?.scan(session, projection, filters, limit).await
    }

    /// The table of the time of reading may filter otherwise than the planned one, so whoever asks filters again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let planned = self.planned.supports_filters_pushdown(filters)?;
        let inexact = |support| match support {
            TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
            other => other,
        };
        Ok(planned.into_iter().map(inexact).collect())
    }
}

impl fmt::Debug for LateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateTable").field("name", &self.name).finish_non_exhaustive()
    }
}
