//! `raw.<topic>`: the archived events as they came, for looking into what the lanes made of them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::raw_filter::RawFilter;

/// An archived event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The name of the object that holds it.
    pub object: Arc<str>,
}

/// Which events are wanted. More may be given: they are sorted out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSelection {
    /// The partitions with these numbers.
    pub partitions: Range<u32>,
    /// The events with these offsets.
    pub offsets: Range<u64>,
}

/// Events some at a time, or in words why there are no more.
pub type RawEvents = BoxStream<'static, std::result::Result<Vec<RawEvent>, String>>;

/// Where archived events come from.
#[async_trait]
pub trait RawTopics: Send + Sync + fmt::Debug {
    /// The topics that are archived.
    fn topics(&self) -> Vec<String>;

    /// The events of a topic, object by object as they are asked for: whoever wants a few reads a few objects.
    fn events(&self, topic: &str, selection: RawSelection) -> RawEvents;
}

/// A topic as a table.
#[derive(Debug)]
pub(crate) struct RawTable {
    topic: String,
    topics: Arc<dyn RawTopics>,
    schema: SchemaRef,
}

impl RawTable {
    pub fn new(topic: String, topics: Arc<dyn RawTopics>) -> Self {
        let schema = Arc::new(Schema::new(vec![
            Field::new("topic", DataType::Utf8, false),
            Field::new("partition", DataType::Int32, false),
            Field::new("offset", DataType::Int64, false),
            Field::new("value", DataType::Utf8, true),
            Field::new("bytes", DataType::Binary, true),
            Field::new("object", DataType::Utf8, false),
        ]));
        Self { topic, topics, schema }
    }
}

#[async_trait]
impl TableProvider for RawTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Objects are passed over by their names; what else is in them, the engine sorts out.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let scan = RawScan {
            topic: self.topic.clone(),
            topics: Arc::clone(&self.topics),
            selection: RawFilter::of(filters).selection(),
            schema: Arc::new(self.schema.project(&columns)?),
            columns,
        };
        let schema = Arc::clone(&scan.schema);
        // The columns are chosen by the scan: values that nobody asks for are not copied.
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?))
    }
}

/// One reading of a topic.
#[derive(Debug)]
struct RawScan {
    topic: String,
    topics: Arc<dyn RawTopics>,
    selection: RawSelection,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl PartitionStream for RawScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (topic, columns, schema) = (self.topic.clone(), self.columns.clone(), Arc::clone(&self.schema));
        let batches =
            self.topics.events(&self.topic, self.selection.clone()).map(move |events| -> Result<RecordBatch> {
                let failed = |reason| DataFusionError::Execution(format!("`raw.{topic}` cannot be read: {reason}"));
                Ok(batch(&topic, &events.map_err(failed)?, &columns, &schema)?)
            });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

fn batch(
    topic: &str,
    events: &[RawEvent],
    columns: &[usize],
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let values = || events.iter().map(|event| event.value.as_deref());
    let column = |number: &usize| -> ArrayRef {
        match number {
            0 => Arc::new(events.iter().map(|_| Some(topic)).collect::<StringArray>()),
            1 => Arc::new(events.iter().map(|event| event.partition as i32).collect::<Int32Array>()),
            2 => Arc::new(events.iter().map(|event| event.offset as i64).collect::<Int64Array>()),
            3 => Arc::new(values().map(|value| std::str::from_utf8(value?).ok()).collect::<StringArray>()),
            4 => Arc::new(values().collect::<BinaryArray>()),
            _ => Arc::new(events.iter().map(|event| Some(&*event.object)).collect::<StringArray>()),
        }
    };
    let options = RecordBatchOptions::new().with_row_count(Some(events.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.iter().map(column).collect(), &options)
}
