//! How rows are encoded in files: what is worth its time on the way in, and read everywhere.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use deltalake::DeltaTableError;
use deltalake::parquet::arrow::ArrowSchemaConverter;
use deltalake::parquet::basic::Compression;
use deltalake::parquet::file::properties::{EnabledStatistics, WriterProperties};

/// Rows of a row group. A group is held in memory until it is full, and readers share the groups of a file out among their threads.
const GROUP_ROWS: usize = 128 << 10;

/// Rows that are looked at to tell whether a column's values repeat.
const SAMPLE_ROWS: usize = 4096;

/// Fewer rows tell nothing.
const LEAST_SAMPLE_ROWS: usize = 256;

/// The properties of files whose rows are like those of `sample`.
///
/// Statistics are kept by file, which is what a reader of Delta skips by; those of pages would cost a comparison of all texts again. A
/// column whose values hardly repeat has no dictionary: each group would fill one, find it too large and begin anew without it.
pub(crate) fn file_properties(sample: &RecordBatch) -> Result<WriterProperties, DeltaTableError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    let leaves = ArrowSchemaConverter::new().convert(&sample.schema())?;
    let repeats = sample.columns().iter().map(has_repeats).collect::<Result<Vec<_>, _>>()?;
    for (number, leaf) in leaves.columns().iter().enumerate() {
        if !repeats[leaves.get_column_root_idx(number)] {
            properties = properties.set_column_dictionary_enabled(leaf.path().clone(), false);
        }
    }
    Ok(properties.build())
}

/// Whether at least a fifth of the first values are there more than once, as far as one can tell.
fn has_repeats(column: &ArrayRef) -> Result<bool, ArrowError> {
    let rows = column.len().min(SAMPLE_ROWS);
    if rows < LEAST_SAMPLE_ROWS {
        return Ok(true);
    }
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let values = converter.convert_columns(&[column.slice(0, rows)])?;
    let distinct: HashSet<&[u8]> = values.iter().map(|row| row.data()).collect();
    Ok(distinct.len() < rows - rows / 5)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Float64Type;
    use deltalake::parquet::schema::types::ColumnPath;

    use super::*;

    fn dictionaries(rows: i64) -> Vec<bool> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let kinds: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("kind {}", row % 9))));
        let halves: ArrayRef = Arc::new(Float64Array::from_iter_values((0..rows).map(|row| (row / 2) as f64)));
        let pairs = (0..rows).map(|row| Some(vec![Some(row as f64), None]));
        let pairs: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(pairs));
        let columns = [("number", numbers), ("kind", kinds), ("half", halves), ("pair", pairs)];
        let properties = file_properties(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let leaves = [vec!["number"], vec!["kind"], vec!["half"], vec!["pair", "list", "item"]];
        let path = |leaf: Vec<&str>| ColumnPath::new(leaf.into_iter().map(str::to_owned).collect());
        leaves.into_iter().map(|leaf| properties.dictionary_enabled(&path(leaf))).collect()
    }

    #[test]
    fn values_that_repeat_have_a_dictionary() {
        assert_eq!(dictionaries(10_000), [false, true, true, false]);
    }

    #[test]
    fn a_few_rows_tell_nothing() {
        assert_eq!(dictionaries(100), [true; 4]);
    }
}
