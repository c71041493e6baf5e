//! Dead letters of one lane among those of both: they share a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use pinflow_event::{Offset, Partition};
use pinflow_table::{Commit, Progress, Table, TableFiles, dead_letter_schema};

use crate::error::LaneError;
use crate::writer::LaneParts;

/// Where the letters of one lane and topic stand, among rows that begin with lane, topic, partition, offset; `None` for those of others.
pub(crate) fn places_of(
    rows: &RecordBatch,
    lane: &str,
    topic: &str,
) -> Result<Vec<Option<(Partition, Offset)>>, ArrowError> {
    let column = |number: usize, kind: &DataType| cast(rows.column(number), kind);
    let (lanes, topics) = (column(0, &DataType::Utf8)?, column(1, &DataType::Utf8)?);
    let (partitions, offsets) = (column(2, &DataType::UInt32)?, column(3, &DataType::UInt64)?);
    let (lanes, topics) = (lanes.as_string::<i32>(), topics.as_string::<i32>());
    let (partitions, offsets) = (partitions.as_primitive::<UInt32Type>(), offsets.as_primitive::<UInt64Type>());
    let place = |row: usize| (Partition(partitions.value(row)), Offset(offsets.value(row)));
    let is_ours = |row: usize| lanes.value(row) == lane && topics.value(row) == topic;
    Ok((0..rows.num_rows()).map(|row| is_ours(row).then(|| place(row))).collect())
}

/// Copies the lane's letters below the given offsets into the table of a replay.
pub(crate) async fn copy_letters(
    from: &Table,
    to: &mut Table,
    parts: &LaneParts,
    below: &BTreeMap<Partition, Offset>,
) -> Result<(), LaneError> {
    let files = to.begin_files()?;
    let is_below = |(partition, offset): (Partition, Offset)| below.get(&partition).is_some_and(|end| offset < *end);
    let copied = write_letters(from, &files, parts, |place| place.is_some_and(is_below)).await?;
    if copied > 0 {
        to.commit_files(files.finish().await?, &Commit::default()).await?;
    }
    Ok(())
}

/// Puts the letters of a replay in the place of the lane's own, in one commit.
pub(crate) async fn exchange_letters(
    letters: &mut Table,
    shadow: &Table,
    parts: &LaneParts,
    progress: Progress,
) -> Result<(), LaneError> {
    let files = letters.begin_files()?;
    write_letters(letters, &files, parts, |place| place.is_none()).await?;
    write_letters(shadow, &files, parts, |place| place.is_some()).await?;
    let commit = Commit { progress: vec![progress], ..Commit::default() };
    letters.overwrite(files.finish().await?, &commit).await?;
    Ok(())
}

/// Writes the letters whose place is wanted; `None` is that of another lane or topic. Returns how many.
async fn write_letters(
    from: &Table,
    files: &TableFiles,
    parts: &LaneParts,
    wanted: impl Fn(Option<(Partition, Offset)>) -> bool,
) -> Result<usize, LaneError> {
    let failed = |error: ArrowError| LaneError::Key { stream: parts.stream.name.clone(), reason: error.to_string() };
    let topic = parts.stream.lane(parts.lane).topic.to_string();
    let schema = dead_letter_schema();
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut letters = from.scan_large_rows(&columns).await?;
    let mut count = 0;
    while let Some(batch) = letters.try_next().await? {
        let places = places_of(&batch, parts.lane.as_str(), &topic).map_err(failed)?;
        let chosen: BooleanArray = places.into_iter().map(|place| Some(wanted(place))).collect();
        let rows = filter_record_batch(&batch, &chosen).and_then(|rows| {
            // The table may give the same texts in another layout.
            let fitted = rows.columns().iter().zip(schema.fields());
            let fitted: Result<Vec<ArrayRef>, _> = fitted.map(|(rows, field)| cast(rows, field.data_type())).collect();
            RecordBatch::try_new(Arc::clone(&schema), fitted?)
        });
        let rows = rows.map_err(failed)?;
        count += rows.num_rows();
        files.write(rows).await;
    }
    Ok(count)
}
