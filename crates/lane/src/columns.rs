//! Cleaned rows in the columns of their table. Where the stream's policy makes a column of a field that the schema lacks, the table
//! gets it just before the first rows that have it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, SchemaRef};
use pinflow_table::missing_columns;

use crate::error::LaneError;
use crate::gathering::Gathering;
use crate::writer::LaneWriter;

impl LaneWriter {
    /// The rows in the columns of the table. The files of `gathering` that were begun before a column is added go without it: there
    /// it is null. Values of columns that the table does not take are counted in `gathering`.
    pub(crate) async fn in_table_columns(
        &mut self,
        gathering: &mut Gathering,
        rows: RecordBatch,
    ) -> Result<RecordBatch, LaneError> {
        if rows.schema_ref().fields() == self.table.schema().fields() {
            return Ok(rows);
        }
        let new = missing_columns(self.table.schema(), rows.schema_ref());
        if !new.is_empty() {
            self.add_columns(gathering, &new).await?;
        }
        for (field, values) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let lost = values.len() - values.null_count();
            if lost > 0 && self.table.schema().field_with_name(field.name()).is_err() {
                gathering.unknown.leave_out(field.name(), lost as u64);
            }
        }
        Ok(fit(self.table.schema(), &rows))
    }

    async fn add_columns(&mut self, gathering: &mut Gathering, new: &[Field]) -> Result<(), LaneError> {
        let names: Vec<&str> = new.iter().map(|field| field.name().as_str()).collect();
        tracing::warn!(lane = %self.name(), columns = ?names, "the table gets columns for fields that the schema lacks");
        // Where that fails, whether the table has them is not known.
        let doubted = std::mem::replace(&mut self.in_doubt, true);
        self.table.evolve(new).await?;
        let before = std::mem::replace(&mut gathering.files, self.table.begin_files()?);
        gathering.written.join(before.finish().await?);
        self.in_doubt = doubted;
        Ok(())
    }
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
