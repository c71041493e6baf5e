//! The bytes of an answer, batch by batch.

use std::io;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use axum::body::Body;
use pinflow_query::{AnswerStream, QueryError, csv_header, csv_rows, json_arrays, json_rows, sql_type};
use serde_json::{Value, json};

use super::format::Format;

/// The body of an answer whose first rows were fetched already.
///
/// # Errors
/// [`QueryError::Execution`] where a column's type has no place in the format.
pub(super) fn of(rows: AnswerStream, first: Option<RecordBatch>, format: Format) -> Result<Body, QueryError> {
    let unwritable = |error: io::Error| QueryError::Execution { message: error.to_string() };
    let mut writer = Writer::begin(format, rows.schema()).map_err(unwritable)?;
    let Some(first) = first else {
        writer.end().map_err(unwritable)?;
        return Ok(Body::from(writer.take()));
    };
    writer.write(&first).map_err(unwritable)?;
    let chunks = futures::stream::try_unfold(Some((rows, writer)), |state| async move {
        let Some((mut rows, mut writer)) = state else { return Ok::<_, io::Error>(None) };
        // What was written before goes out first.
        let written = writer.take();
        if !written.is_empty() {
            return Ok(Some((written, Some((rows, writer)))));
        }
        match rows.next().await.map_err(|error| broken_off(&error))? {
            Some(batch) => {
                writer.write(&batch)?;
                Ok(Some((writer.take(), Some((rows, writer)))))
            }
            None => {
                writer.end()?;
                Ok(Some((writer.take(), None)))
            }
        }
    });
    Ok(Body::from_stream(chunks))
}

fn broken_off(error: &QueryError) -> io::Error {
    tracing::info!(%error, "an answer over HTTP broke off");
    io::Error::other(error.to_string())
}

/// Writes rows in a format.
enum Writer {
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Text { format: Format, text: Vec<u8>, rows: u64 },
}

impl Writer {
    fn begin(format: Format, schema: &SchemaRef) -> io::Result<Self> {
        let text = match format {
            Format::Arrow => {
                let writer = StreamWriter::try_new(Vec::new(), schema).map_err(io::Error::other)?;
                return Ok(Self::Arrow(Box::new(writer)));
            }
            Format::Json => "[".to_owned(),
            Format::Ndjson => String::new(),
            Format::Csv => csv_header(schema),
            Format::Rows => {
                let columns =
                    schema.fields().iter().map(|f| json!({ "name": f.name(), "type": sql_type(f.data_type()) }));
                format!("{}\n", Value::Array(columns.collect()))
            }
        };
        Ok(Self::Text { format, text: text.into_bytes(), rows: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match self {
            Self::Arrow(writer) => writer.write(batch).map_err(io::Error::other),
            Self::Text { format: Format::Csv, text, .. } => {
                text.extend_from_slice(csv_rows(batch).as_bytes());
                Ok(())
            }
            Self::Text { format: Format::Rows, text, .. } => {
                for row in json_arrays(batch) {
                    serde_json::to_writer(&mut *text, &row)?;
                    text.push(b'\n');
                }
                Ok(())
            }
            Self::Text { format, text, rows } => {
                for row in json_rows(batch) {
                    match format {
                        Format::Ndjson => {}
                        _ => text.extend_from_slice(if *rows == 0 { b"\n" } else { b",\n" }),
                    }
                    serde_json::to_writer(&mut *text, &row)?;
                    if *format == Format::Ndjson {
                        text.push(b'\n');
                    }
                    *rows += 1;
                }
                Ok(())
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Arrow(writer) => writer.finish().map_err(io::Error::other),
            Self::Text { format: Format::Json, text, rows } => {
                text.extend_from_slice(if *rows == 0 { b"]\n" } else { b"\n]\n" });
                Ok(())
            }
            Self::Text { .. } => Ok(()),
        }
    }

    /// The bytes since the last time.
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Arrow(writer) => std::mem::take(writer.get_mut()),
            Self::Text { text, .. } => std::mem::take(text),
        }
    }
}
