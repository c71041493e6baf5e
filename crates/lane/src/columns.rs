//! Cleaned rows in the columns of their table. Where the stream's policy makes a column of a field that the schema lacks, the table
//! gets it just before the first rows that have it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, SchemaRef};

use crate::error::LaneError;
use crate::gathering::Gathering;
use crate::writer::LaneWriter;

/// Columns that a table may have at most, those that the pipeline gives it counted in.
const MOST_COLUMNS: usize = 500;

impl LaneWriter {
    /// The rows in the columns of the table. The files of `gathering` that were begun before a column is added go without it: there
    /// it is null.
    pub(crate) async fn in_table_columns(
        &mut self,
        gathering: &mut Gathering,
        rows: RecordBatch,
    ) -> Result<RecordBatch, LaneError> {
        if rows.schema_ref().fields() == self.table.schema().fields() {
            return Ok(rows);
        }
        let new = new_columns(self.table.schema(), rows.schema_ref());
        if !new.is_empty() {
            let names: Vec<&str> = new.iter().map(|field| field.name().as_str()).collect();
            tracing::warn!(lane = %self.name(), columns = ?names, "the table gets columns for fields that the schema lacks");
            // Where that fails, whether the table has them is not known.
            let doubted = std::mem::replace(&mut self.in_doubt, true);
            self.table.evolve(&new).await?;
            let before = std::mem::replace(&mut gathering.files, self.table.begin_files()?);
            gathering.written.join(before.finish().await?);
            self.in_doubt = doubted;
        }
        Ok(fit(self.table.schema(), &rows))
    }
}

/// The columns of rows that the table lacks and can take: SQL does not tell cases apart.
fn new_columns(table: &SchemaRef, rows: &SchemaRef) -> Vec<Field> {
    let taken = |name: &str| table.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name));
    let free = MOST_COLUMNS.saturating_sub(table.fields().len());
    let new = rows.fields().iter().filter(|field| !taken(field.name()));
    new.take(free).map(|field| field.as_ref().clone()).collect()
}

/// The rows in the columns of `schema`, null where they lack one.
fn fit(schema: &SchemaRef, rows: &RecordBatch) -> RecordBatch {
    let column = |field: &Field| -> ArrayRef {
        let column = rows.column_by_name(field.name()).map(Arc::clone);
        column.unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
    };
    let columns = schema.fields().iter().map(|field| column(field)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .expect("a table is opened with the types of the cleaned rows, and is extended with them")
}
