//! Dead letters as rows of `dead.<stream>`: what arrived, where it stands, and why it could not be cleaned.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake::datafusion::logical_expr::Expr;
use deltalake::datafusion::prelude::{col, lit};
use pinflow_event::{Position, Timestamp};

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
}

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
    ]))
}

/// What holds for the dead letters of a lane in a partition from an offset on.
pub fn dead_letters_from(lane: &str, topic: &str, from: Position) -> Expr {
    let Position { partition, offset } = from;
    col("lane")
        .eq(lit(lane))
        .and(col("topic").eq(lit(topic)))
        .and(col("partition").eq(lit(partition.0.cast_signed())))
        .and(col("offset").gt_eq(lit(offset.0.cast_signed())))
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
    ];
    RecordBatch::try_new(dead_letter_schema(), columns)
        .expect("the columns are built in the order and types of the schema")
}
