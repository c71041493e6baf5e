//! `stream.<name>` as a query sees it: the committed table, and behind it the acknowledged events that are not in it yet.
//!
//! Both parts belong together: the table's version says up to where it has the events, and the rest is cleaned from there on. An
//! event is seen once, whether its commit comes before or after the question.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use pinflow_pipeline::Lane;
use pinflow_table::missing_columns;

use crate::delta::LazyTable;
use crate::error::QueryError;

/// What names without a schema mean, and whether `stream.*` shows what is not committed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The schema of names that have none.
    pub lane: Lane,
    /// Whether `stream.*` has the acknowledged events that are not committed yet.
    pub fresh: bool,
}

impl From<Lane> for Scope {
    /// The lane's tables, fresh.
    fn from(lane: Lane) -> Self {
        Self { lane, fresh: true }
    }
}

/// What a stream's table does not hold yet.
#[derive(Clone, Debug)]
pub enum Tail {
    /// The rows that the events since then make, as the table would hold them.
    Rows(Vec<RecordBatch>),
    /// The table's writer is elsewhere than the version that was asked for: look at the table again.
    Moved {
        /// Why the writer stands still, where it does.
        trouble: Option<String>,
    },
    /// So much is missing that it cannot be cleaned for one question.
    TooFar {
        /// Records that are not committed, at least.
        records: u64,
    },
}

/// Where fresh rows come from: the stream lanes of the node.
#[async_trait]
pub trait FreshRows: Send + Sync + fmt::Debug {
    /// The application ids under which the table of `stream` keeps how far it is (Delta's `txn` actions).
    ///
    /// # Errors
    /// In words, where the stream's log cannot be asked.
    async fn applications(&self, stream: &str) -> std::result::Result<Vec<String>, String>;

    /// What is acknowledged and not in the version of the table that is at `progress`, in the order of the applications.
    ///
    /// # Errors
    /// In words, where it cannot be read or cleaned.
    async fn tail(&self, stream: &str, progress: &[i64]) -> std::result::Result<Tail, String>;
}

/// How often a table and its writer are asked until they agree, and the pause between: a writer tells what it committed a moment
/// after the table has it.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// How often a writer is asked that stands still: it may have got over that just now.
const TRIES_IN_TROUBLE: u32 = 20;

/// A stream's table with its tail.
///
/// # Errors
/// [`QueryError::NotFresh`]; as [`LazyTable::provider`].
pub(crate) async fn provider(
    stream: &str,
    table: &LazyTable,
    fresh: &dyn FreshRows,
) -> std::result::Result<Arc<dyn TableProvider>, QueryError> {
    let failed = |reason: String| QueryError::NotFresh { stream: stream.to_owned(), reason };
    for tried in 0..TRIES {
        let applications = fresh.applications(stream).await.map_err(failed)?;
        let (committed, progress) = table.provider_at(&applications).await?;
        match fresh.tail(stream, &progress).await.map_err(failed)? {
            Tail::Rows(rows) if rows.iter().all(|batch| batch.num_rows() == 0) => return Ok(committed),
            Tail::Rows(rows) => {
                let schema = widened(&committed.schema(), &rows);
                let rows = in_columns_of(&schema, &rows).map_err(|error| failed(error.to_string()))?;
                let tail = MemTable::try_new(schema, vec![rows]).map_err(|e| failed(e.to_string()))?;
                return Ok(Arc::new(Fresh { committed, tail }));
            }
            Tail::Moved { trouble: Some(why) } if tried >= TRIES_IN_TROUBLE => {
                return Err(failed(format!("its lane stands still: {why}")));
            }
            Tail::Moved { .. } => tokio::time::sleep(PAUSE).await,
            Tail::TooFar { records } => {
                return Err(failed(format!(
                    "{records} records or more are not committed yet, too many for one question"
                )));
            }
        }
    }
    Err(failed("its table and its writer do not agree on how far it is".to_owned()))
}

/// The committed columns, and behind them those that the next commit adds for fields that the stream's schema lacks.
fn widened(committed: &SchemaRef, rows: &[RecordBatch]) -> SchemaRef {
    let mut schema = Arc::clone(committed);
    for batch in rows {
        let new = missing_columns(&schema, batch.schema_ref());
        if !new.is_empty() {
            let known = schema.fields().iter().map(|field| field.as_ref().clone());
            schema = Arc::new(Schema::new(known.chain(new).collect::<Vec<_>>()));
        }
    }
    schema
}

/// The table may hold the same texts in another layout, and columns that a part of the rows lacks.
fn in_columns_of(
    schema: &SchemaRef,
    rows: &[RecordBatch],
) -> std::result::Result<Vec<RecordBatch>, arrow::error::ArrowError> {
    let fitted = rows.iter().map(|batch| {
        let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
        RecordBatch::try_new(Arc::clone(schema), columns.collect::<std::result::Result<_, _>>()?)
    });
    fitted.collect()
}

/// Committed rows and those behind them. The tail may have columns behind the committed ones: in committed rows they are null.
#[derive(Debug)]
struct Fresh {
    committed: Arc<dyn TableProvider>,
    tail: MemTable,
}

impl Fresh {
    /// Scans the committed rows for columns of the tail.
    async fn scan_committed(
        &self,
        state: &dyn Session,
        columns: &[usize],
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let width = self.committed.schema().fields().len();
        let held: Vec<usize> = columns.iter().copied().filter(|column| *column < width).collect();
        let scan = self.committed.scan(state, Some(&held), filters, limit).await?;
        if held.len() == columns.len() {
            return Ok(scan);
        }
        let schema = self.schema();
        let mut places = 0..held.len();
        let mut expressions = Vec::with_capacity(columns.len());
        for column in columns {
            let field = schema.field(*column);
            let place = if *column < width { places.next() } else { None };
            let expression: Arc<dyn PhysicalExpr> = match place {
                Some(place) => Arc::new(Column::new(field.name(), place)),
                None => Arc::new(Literal::new(ScalarValue::try_from(field.data_type())?)),
            };
            expressions.push((expression, field.name().clone()));
        }
        Ok(Arc::new(ProjectionExec::try_new(expressions, scan)?))
    }
}

#[async_trait]
impl TableProvider for Fresh {
    fn schema(&self) -> SchemaRef {
        self.tail.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema().fields().len()).collect());
        let committed = self.scan_committed(state, &columns, filters, limit).await?;
        let tail = self.tail.scan(state, projection, &[], limit).await?;
        UnionExec::try_new(vec![committed, tail])
    }

    /// The tail does not filter, so whoever asks does it again. The committed table cannot filter by columns that it lacks.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let committed = self.committed.schema();
        let support = |filter: &&Expr| {
            if filter.column_refs().iter().all(|column| committed.field_with_name(&column.name).is_ok()) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(support).collect())
    }
}
