//! How rows are encoded in files: what is worth its time on the way in, and read everywhere.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use deltalake::DeltaTableError;
use deltalake::parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use deltalake::parquet::basic::Compression;
use deltalake::parquet::file::properties::{EnabledStatistics, WriterProperties};

/// Rows of a row group. A group is held in memory until it is full, and readers share the groups of a file out among their threads.
const GROUP_ROWS: usize = 128 << 10;

/// Rows that are looked at to tell whether a column's values repeat.
const SAMPLE_ROWS: usize = 4096;

/// Fewer rows tell nothing.
const LEAST_SAMPLE_ROWS: usize = 256;

/// What Snappy makes smaller by less than a third is stored as it is.
const LEAST_RATIO: f64 = 1.5;

/// The properties of files whose rows are like those of `sample`.
///
/// Statistics are kept by file, which is what a reader of Delta skips by; those of pages would cost a comparison of all texts again. A
/// column whose values hardly repeat has no dictionary: each group would fill one, find it too large and begin anew without it. If it
/// hardly shrinks either, as keys do, it is not compressed: undoing that was half the time of looking keys up, for a tenth of the table.
pub(crate) fn file_properties(sample: &RecordBatch) -> Result<WriterProperties, DeltaTableError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    let sample = sample.slice(0, sample.num_rows().min(SAMPLE_ROWS));
    let repeats = sample.columns().iter().map(has_repeats).collect::<Result<Vec<_>, _>>()?;
    let distinct: Vec<usize> = (0..repeats.len()).filter(|column| !repeats[*column]).collect();
    let distinct = sample.project(&distinct)?;
    for leaf in ArrowSchemaConverter::new().convert(&distinct.schema())?.columns() {
        properties = properties.set_column_dictionary_enabled(leaf.path().clone(), false);
    }
    if distinct.num_columns() > 0 {
        let mut trial = ArrowWriter::try_new(io::sink(), distinct.schema(), Some(properties.clone().build()))?;
        trial.write(&distinct)?;
        for leaf in trial.close()?.row_groups().iter().flat_map(|group| group.columns()) {
            if (leaf.uncompressed_size() as f64) < leaf.compressed_size() as f64 * LEAST_RATIO {
                let path = leaf.column_path().clone();
                properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
            }
        }
    }
    Ok(properties.build())
}

/// Whether at least a fifth of the values are there more than once, as far as one can tell.
fn has_repeats(column: &ArrayRef) -> Result<bool, ArrowError> {
    let rows = column.len();
    if rows < LEAST_SAMPLE_ROWS {
        return Ok(true);
    }
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let values = converter.convert_columns(&[Arc::clone(column)])?;
    let distinct: HashSet<&[u8]> = values.iter().map(|row| row.data()).collect();
    Ok(distinct.len() < rows - rows / 5)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Float64Type;
    use deltalake::parquet::schema::types::ColumnPath;

    use super::*;

    /// For each column whether it has a dictionary, and how it is compressed.
    fn encodings(rows: i64) -> Vec<(bool, Compression)> {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (0..rows).map(|row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)),
        ));
        let kinds: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("kind {}", row % 9))));
        let halves: ArrayRef = Arc::new(Float64Array::from_iter_values((0..rows).map(|row| (row / 2) as f64)));
        let places = (0..rows).map(|row| format!("https://example.com/pictures/originals/{row}.jpeg"));
        let places: ArrayRef = Arc::new(StringArray::from_iter_values(places));
        let pairs = (0..rows).map(|row| Some(vec![Some((row as f64).sqrt()), None]));
        let pairs: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(pairs));
        let columns = [("number", numbers), ("kind", kinds), ("half", halves), ("place", places), ("pair", pairs)];
        let properties = file_properties(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let leaves = [vec!["number"], vec!["kind"], vec!["half"], vec!["place"], vec!["pair", "list", "item"]];
        let path = |leaf: Vec<&str>| ColumnPath::new(leaf.into_iter().map(str::to_owned).collect());
        let encoding = |path: ColumnPath| (properties.dictionary_enabled(&path), properties.compression(&path));
        leaves.into_iter().map(path).map(encoding).collect()
    }

    #[test]
    fn values_that_repeat_have_a_dictionary_and_others_are_compressed_where_they_shrink() {
        let (snappy, plain) = (Compression::SNAPPY, Compression::UNCOMPRESSED);
        let expected = [(false, plain), (true, snappy), (true, snappy), (false, snappy), (false, plain)];
        assert_eq!(encodings(10_000), expected);
    }

    #[test]
    fn a_few_rows_tell_nothing() {
        assert_eq!(encodings(100), [(true, Compression::SNAPPY); 5]);
    }
}
