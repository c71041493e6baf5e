//! Parquet objects as records: their rows are handed out in the frames of a `.raw` object, one behind the other.

use std::io::{self, Cursor, Read};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::ObjectKind;
use crate::format;

/// The columns of our own objects.
pub(crate) const OFFSET: &str = "offset";
pub(crate) const TIMESTAMP: &str = "timestamp";
pub(crate) const KEY: &str = "key";
pub(crate) const VALUE: &str = "value";

/// Rows that are read at a time.
const ROWS: usize = 1024;

/// The records of a Parquet object as framed bytes.
pub(crate) struct ParquetRows {
    reader: ParquetRecordBatchReader,
    /// Ours: the record is the column `value`. Else it is JSON of all columns.
    has_values: bool,
    frames: Cursor<Vec<u8>>,
}

impl ParquetRows {
    /// The rows in `content`, the whole of an object.
    pub fn new(content: Bytes) -> io::Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(content).map_err(io::Error::other)?;
        let schema = builder.schema();
        let has_values =
            schema.column_with_name(OFFSET).is_some_and(|(_, field)| *field.data_type() == DataType::Int64)
                && schema.column_with_name(VALUE).is_some_and(|(_, field)| *field.data_type() == DataType::Utf8);
        let mask = match has_values {
            true => ProjectionMask::columns(builder.parquet_schema(), [VALUE]),
            false => ProjectionMask::all(),
        };
        let reader = builder.with_projection(mask).with_batch_size(ROWS).build().map_err(io::Error::other)?;
        Ok(Self { reader, has_values, frames: Cursor::default() })
    }

    fn frame(&self, batch: &RecordBatch) -> io::Result<Vec<u8>> {
        let mut frames = Vec::new();
        if self.has_values {
            for value in batch.column(0).as_string::<i32>() {
                format::append(ObjectKind::Raw, value.map(str::as_bytes), &mut frames);
            }
        } else {
            let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
            writer.write(batch).and_then(|()| writer.finish()).map_err(io::Error::other)?;
            for line in writer.into_inner().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                format::append(ObjectKind::Raw, Some(line), &mut frames);
            }
        }
        Ok(frames)
    }
}

impl Read for ParquetRows {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.frames.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let Some(batch) = self.reader.next() else { return Ok(0) };
            self.frames = Cursor::new(self.frame(&batch.map_err(io::Error::other)?)?);
        }
    }
}
