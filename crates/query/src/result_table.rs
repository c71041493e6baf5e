//! Stored answers: `result.<query>` holds the query's columns and, of each row, the run that it is of.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use datafusion::logical_expr::sqlparser::ast::Statement;
use pinflow_dialect::parse;
use pinflow_event::Timestamp;
use pinflow_pipeline::Query;

use crate::answer::Answer;

/// The column with the run's id.
pub const RUN_ID: &str = "run_id";
/// The column with the run's time.
pub const RUN_TIME: &str = "run_time";

impl Answer {
    /// The columns that the table of this answer's query has.
    pub fn result_schema(&self) -> SchemaRef {
        let run = [
            Field::new(RUN_ID, DataType::Utf8, true),
            Field::new(RUN_TIME, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ];
        let fields = self.schema.fields().iter().cloned().chain(run.map(Arc::new));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The rows of this answer as rows of its query's table.
    ///
    /// # Errors
    /// Where the query has a column of a run's name itself.
    pub fn to_result_rows(&self, run_id: &str, run_time: Timestamp) -> Result<Vec<RecordBatch>, ArrowError> {
        let schema = self.result_schema();
        let taken = self.schema.fields().iter().find(|field| [RUN_ID, RUN_TIME].contains(&field.name().as_str()));
        if let Some(field) = taken {
            return Err(ArrowError::SchemaError(format!(
                "the query has a column `{}`; rename it: results use that name",
                field.name()
            )));
        }
        let rows = self.batches.iter().map(|batch| {
            let ids: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(run_id, batch.num_rows())));
            let times =
                TimestampMicrosecondArray::from_value(run_time.as_micros(), batch.num_rows()).with_timezone("UTC");
            let columns = batch.columns().iter().cloned().chain([ids, Arc::new(times) as ArrayRef]).collect();
            RecordBatch::try_new(Arc::clone(&schema), columns)
        });
        rows.collect()
    }
}

/// The application under which a query's table says which run is its newest (Delta's `txn` action): the run's time, in milliseconds
/// since the Unix epoch, as in the column [`RUN_TIME`] of the run's rows.
pub fn result_application(pipeline: &str, query: &str) -> String {
    format!("pinflow/{pipeline}/result/{query}")
}

/// The SQL that reads the newest run of a query's table; with the query's own order where `ordered`.
pub(crate) fn latest_run_sql(query: &Query, ordered: bool) -> String {
    let table = format!("latest.`{}`", query.name.replace('`', "``"));
    let rows = format!("SELECT * EXCEPT ({RUN_ID}, {RUN_TIME}) FROM {table}");
    match order_by(query).filter(|_| ordered) {
        Some(order) => format!("SELECT * FROM ({rows}) AS latest {order}"),
        None => rows,
    }
}

/// The query's outermost `ORDER BY`: a table keeps no order.
fn order_by(query: &Query) -> Option<String> {
    match parse(&query.sql.text).ok()? {
        Statement::Query(query) => query.order_by.map(|order| order.to_string()),
        _ => None,
    }
}
