//! Columns that a table gets after it was made. Nothing is written again: in the files there are, a column that they lack is null.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake::kernel::{MetadataValue, StructField, StructType};
use deltalake::{DeltaTable, DeltaTableError};

use crate::error::TableError;
use crate::location::TableLocation;
use crate::table::{Table, delta};
use crate::upkeep;

/// In a column's metadata: it was added for a field that the pipeline does not declare.
const EVOLVED: &str = "pinflow.evolved";

/// Columns that a table may have at most, where some of them are made of what clients send.
const MOST_COLUMNS: usize = 500;

/// The columns of `rows` that a table of the columns `table` lacks and can get: names that differ in case alone are one to SQL and to
/// the table's format, which compares them in Unicode's lower case.
pub fn missing_columns(table: &Schema, rows: &Schema) -> Vec<Field> {
    let mut taken: HashSet<String> = table.fields().iter().map(|field| field.name().to_lowercase()).collect();
    let free = MOST_COLUMNS.saturating_sub(table.fields().len());
    let new = rows.fields().iter().filter(|field| taken.insert(field.name().to_lowercase()));
    new.take(free).map(|field| field.as_ref().clone()).collect()
}

impl Table {
    /// Adds nullable columns for what the pipeline does not declare, in a commit of its own. [`Table::open`] takes them for granted.
    /// A column that the table's format refuses, as where it has one of that name, is left out.
    ///
    /// # Errors
    /// [`TableError::Delta`].
    pub async fn evolve(&mut self, columns: &[Field]) -> Result<(), TableError> {
        // A merge under way would conflict: it was planned on the columns as they were.
        self.rest_all_the_same().await;
        let marked = |field: StructField| field.add_metadata([(EVOLVED, MetadataValue::Boolean(true))]);
        let fields: Vec<StructField> = struct_fields(&self.name, columns)?.into_iter().map(marked).collect();
        let fields = self.acceptable(fields)?;
        if fields.is_empty() {
            return Ok(());
        }
        let added = self.table.clone().add_columns().with_fields(fields);
        let added = added.with_commit_properties(upkeep::without_cleaning()).await;
        self.table = added.map_err(|e| delta("add columns to", &self.name, e))?;
        let stored = stored_schema(&self.name, &self.table)?;
        self.schema = with_evolved(&self.schema, &stored);
        Ok(())
    }

    /// Those of new columns that the table's format takes beside the present ones. It is asked before anything is written: what it
    /// refuses once it refuses at every further try.
    fn acceptable(&self, new: Vec<StructField>) -> Result<Vec<StructField>, TableError> {
        let stored = self.table.snapshot().map_err(|e| delta("read", &self.name, e))?.schema();
        let with = |new: &[StructField]| StructType::try_new(stored.fields().chain(new).cloned());
        if with(&new).is_ok() {
            return Ok(new);
        }
        let mut accepted = Vec::new();
        for field in new {
            accepted.push(field);
            if let Err(error) = with(&accepted) {
                let refused = accepted.pop();
                let column = refused.as_ref().map(StructField::name);
                tracing::warn!(table = %self.name, column, %error, "no column is made for a field");
            }
        }
        Ok(accepted)
    }

    /// As [`Table::open`], for a table whose columns are the program's own: one that was made before some of them gets them.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub async fn open_and_widen(location: &TableLocation, schema: &SchemaRef) -> Result<Self, TableError> {
        let name = location.name();
        let table = location.load().await.map_err(|e| delta("open", &name, e))?;
        if table.version().is_some() {
            let stored = stored_schema(&name, &table)?;
            let missing = schema.fields().iter().filter(|field| stored.field_with_name(field.name()).is_err());
            let missing: Vec<Field> = missing.map(|field| field.as_ref().clone()).collect();
            if !missing.is_empty() {
                let added = table.add_columns().with_fields(struct_fields(&name, &missing)?);
                let added = added.with_commit_properties(upkeep::without_cleaning()).await;
                added.map_err(|e| delta("add columns to", &name, e))?;
            }
        }
        Self::open(location, schema).await
    }
}

/// The columns as the table has them.
pub(crate) fn stored_schema(name: &str, table: &DeltaTable) -> Result<Schema, TableError> {
    let stored = table.snapshot().map_err(|e| delta("open", name, e))?.schema();
    stored.as_ref().try_into_arrow().map_err(|error| delta("open", name, DeltaTableError::from(error)))
}

/// Whether a stored column was added by [`Table::evolve`].
pub(crate) fn is_evolved(stored: &Field) -> bool {
    stored.metadata().contains_key(EVOLVED)
}

/// The wanted columns, and behind them those that the table got by [`Table::evolve`] and that are not wanted by now, in whatever case.
pub(crate) fn with_evolved(wanted: &SchemaRef, stored: &Schema) -> SchemaRef {
    let taken: HashSet<String> = wanted.fields().iter().map(|field| field.name().to_lowercase()).collect();
    let further = |field: &Field| is_evolved(field) && !taken.contains(&field.name().to_lowercase());
    let evolved = stored.fields().iter().filter(|field| further(field));
    let evolved: Vec<Field> = evolved.map(|field| field.as_ref().clone()).collect();
    if evolved.is_empty() {
        return Arc::clone(wanted);
    }
    let wanted = wanted.fields().iter().map(|field| field.as_ref().clone());
    Arc::new(Schema::new(wanted.chain(evolved).collect::<Vec<_>>()))
}

/// The columns of [`with_evolved`] that were wanted.
pub(crate) fn without_evolved(columns: &Schema) -> SchemaRef {
    let wanted = columns.fields().iter().filter(|field| !is_evolved(field));
    Arc::new(Schema::new(wanted.map(|field| field.as_ref().clone()).collect::<Vec<_>>()))
}

fn struct_fields(table: &str, columns: &[Field]) -> Result<Vec<StructField>, TableError> {
    let converted = columns.iter().map(|field| field.try_into_kernel());
    converted.collect::<Result<_, _>>().map_err(|error| delta("add columns to", table, DeltaTableError::from(error)))
}
