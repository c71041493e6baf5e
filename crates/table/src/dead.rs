//! Dead letters as rows of `dead.<stream>`: what arrived, where it stands, and why it could not be cleaned.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use deltalake::datafusion::logical_expr::Expr;
use deltalake::datafusion::prelude::{col, lit};
use pinflow_event::{Offset, Partition, Position, Timestamp};

/// A record that a lane could not clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// `batch` or `stream`.
    pub lane: String,
    /// The topic that it came in on.
    pub topic: String,
    /// Where it stands in the topic.
    pub position: Position,
    /// Why it could not be cleaned.
    pub reason: String,
    /// The schema's field or the SQL file that it failed on.
    pub place: Option<String>,
    /// The bytes as they came; `None` is a tombstone.
    pub raw: Option<Vec<u8>>,
    /// When it arrived, where the lane knows it.
    pub arrived: Option<Timestamp>,
    /// When the lane met it.
    pub rejected: Timestamp,
    /// The number of the removal that is taking it out, where one is under way; see the lane's `removal.rs`.
    pub removal: Option<i64>,
}

/// The number of the column that holds the records.
const RAW: usize = 6;

/// The columns of `dead.<stream>`.
pub fn dead_letter_schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("lane", DataType::Utf8, true),
        Field::new("topic", DataType::Utf8, true),
        Field::new("partition", DataType::Int32, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("reason", DataType::Utf8, true),
        Field::new("place", DataType::Utf8, true),
        Field::new("raw", DataType::Binary, true),
        Field::new("arrived", time.clone(), true),
        Field::new("rejected", time, true),
        Field::new("removal", DataType::Int64, true),
    ]))
}

/// What holds for some rows of a table.
pub type Condition = Expr;

/// What holds for the dead letters of a lane in a partition from an offset on.
pub fn dead_letters_from(lane: &str, topic: &str, from: Position) -> Condition {
    of_lane(lane, topic).and(of_partition(from.partition)).and(from_offset(from.offset))
}

/// What holds for the dead letters of a lane from the first to the last offset given of each partition.
pub fn dead_letters_within(lane: &str, topic: &str, spans: &BTreeMap<Partition, (Offset, Offset)>) -> Condition {
    let within = spans.iter().map(|(partition, (first, last))| {
        of_partition(*partition).and(from_offset(*first)).and(col("offset").lt_eq(lit(last.0.cast_signed())))
    });
    of_lane(lane, topic).and(within.reduce(Expr::or).unwrap_or_else(|| lit(false)))
}

/// What holds for the dead letters of a lane that a removal takes.
pub fn dead_letters_marked(lane: &str, topic: &str) -> Condition {
    of_lane(lane, topic).and(col("removal").is_not_null())
}

fn of_lane(lane: &str, topic: &str) -> Expr {
    col("lane").eq(lit(lane)).and(col("topic").eq(lit(topic)))
}

fn of_partition(partition: Partition) -> Expr {
    col("partition").eq(lit(partition.0.cast_signed()))
}

fn from_offset(offset: Offset) -> Expr {
    col("offset").gt_eq(lit(offset.0.cast_signed()))
}

/// Changes the dead letters that rows of [`dead_letter_schema`] are, and leaves those out of which `change` makes none. It sees them
/// without their records: these stay as they are, and may be large.
///
/// # Errors
/// Where the columns are others.
pub fn change_dead_letters(
    rows: &RecordBatch,
    change: impl FnMut(DeadLetter) -> Option<DeadLetter>,
) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    let raw = rows.schema().index_of("raw")?;
    let raw = std::mem::replace(&mut columns[raw], new_null_array(&DataType::Binary, rows.num_rows()));
    let light = RecordBatch::try_new(rows.schema(), columns)?;
    let changed: Vec<Option<DeadLetter>> = dead_letters_in(&light)?.map(change).collect();
    let kept: BooleanArray = changed.iter().map(|letter| Some(letter.is_some())).collect();
    let raw = if kept.true_count() == kept.len() { raw } else { filter(&raw, &kept)? };
    let changed = dead_letter_rows(&changed.into_iter().flatten().collect::<Vec<_>>());
    let mut columns = changed.columns().to_vec();
    columns[RAW] = raw;
    RecordBatch::try_new(dead_letter_schema(), columns)
}

/// Dead letters as rows of [`dead_letter_schema`].
pub fn dead_letter_rows(letters: &[DeadLetter]) -> RecordBatch {
    let text =
        |of: fn(&DeadLetter) -> Option<&str>| -> ArrayRef { Arc::new(letters.iter().map(of).collect::<StringArray>()) };
    let time = |of: fn(&DeadLetter) -> Option<Timestamp>| -> ArrayRef {
        let micros = letters.iter().map(|letter| of(letter).map(Timestamp::as_micros));
        Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    // Partitions and offsets fit: a log with more than 2^31 partitions or 2^63 records does not exist.
    let partitions = letters.iter().map(|letter| i32::try_from(letter.position.partition.0).ok());
    let offsets = letters.iter().map(|letter| i64::try_from(letter.position.offset.0).ok());
    let columns: Vec<ArrayRef> = vec![
        text(|letter| Some(&letter.lane)),
        text(|letter| Some(&letter.topic)),
        Arc::new(partitions.collect::<Int32Array>()),
        Arc::new(offsets.collect::<Int64Array>()),
        text(|letter| Some(&letter.reason)),
        text(|letter| letter.place.as_deref()),
        Arc::new(letters.iter().map(|letter| letter.raw.as_deref()).collect::<BinaryArray>()),
        time(|letter| letter.arrived),
        time(|letter| Some(letter.rejected)),
        Arc::new(letters.iter().map(|letter| letter.removal).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(dead_letter_schema(), columns)
        .expect("the columns are built in the order and types of the schema")
}

/// The dead letters that rows of [`dead_letter_schema`] are, in whatever layout they were read. Each is copied when its turn comes.
///
/// # Errors
/// Where the columns are others.
pub fn dead_letters_in(rows: &RecordBatch) -> Result<impl Iterator<Item = DeadLetter> + use<>, ArrowError> {
    let schema = dead_letter_schema();
    let columns = schema.fields().iter().map(|field| {
        let column = rows.column_by_name(field.name());
        let column = column.ok_or_else(|| ArrowError::SchemaError(format!("there is no column `{}`", field.name())))?;
        cast(column, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
    let text = |number: usize| columns[number].as_string::<i32>().clone();
    let times = |number: usize| columns[number].as_primitive::<TimestampMicrosecondType>().clone();
    let (lanes, topics, reasons, places) = (text(0), text(1), text(4), text(5));
    let partitions = columns[2].as_primitive::<Int32Type>().clone();
    let offsets = columns[3].as_primitive::<Int64Type>().clone();
    let (raw, arrived, rejected) = (columns[6].as_binary::<i32>().clone(), times(7), times(8));
    let removals = columns[9].as_primitive::<Int64Type>().clone();
    let time = |micros: i64| Timestamp::from_millis(micros.div_euclid(1_000));
    let letter = move |row: usize| DeadLetter {
        lane: lanes.value(row).to_owned(),
        topic: topics.value(row).to_owned(),
        position: Position {
            partition: Partition(partitions.value(row).cast_unsigned()),
            offset: Offset(offsets.value(row).cast_unsigned()),
        },
        reason: reasons.value(row).to_owned(),
        place: places.is_valid(row).then(|| places.value(row).to_owned()),
        raw: raw.is_valid(row).then(|| raw.value(row).to_owned()),
        arrived: arrived.is_valid(row).then(|| time(arrived.value(row))),
        rejected: time(rejected.value(row)),
        removal: removals.is_valid(row).then(|| removals.value(row)),
    };
    Ok((0..rows.num_rows()).map(letter))
}
