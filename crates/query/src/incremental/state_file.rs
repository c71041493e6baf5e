//! A state between two answers: a Parquet file that says what it was made of. It is a cache: without it the next answer takes longer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderMetadata;
use datafusion::parquet::file::metadata::KeyValue;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use url::Url;

use super::growth::Files;

/// Where the file says what it was made of.
const COVERS: &str = "pinflow.covers";
/// Counts up when states of the same plan mean something else than before.
const FORMAT: u32 = 1;

/// What a state was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Covers {
    format: u32,
    program: String,
    /// The part of the plan, as text.
    plan: String,
    pub files: Files,
}

impl Covers {
    pub fn new(plan: &LogicalPlan, files: Files) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, program, plan: plan.display_indent_schema().to_string(), files }
    }

    /// Whether both are of the same part of the same query, as the same program counts.
    pub fn is_of_same_plan(&self, other: &Self) -> bool {
        (self.format, &self.program, &self.plan) == (other.format, &other.program, &other.plan)
    }
}

/// A state that is there.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    schema: SchemaRef,
    pub covers: Covers,
}

impl StateFile {
    /// The state in the file `path`; `None` where there is none, or none that can be read.
    pub fn open(path: &Path) -> Option<Self> {
        let read = || {
            let metadata = ArrowReaderMetadata::load(&File::open(path)?, Default::default())?;
            let entries = metadata.metadata().file_metadata().key_value_metadata();
            let covers = entries.into_iter().flatten().find(|entry| entry.key == COVERS);
            let covers = covers.and_then(|entry| entry.value.as_deref()).unwrap_or_default();
            let covers = serde_json::from_str(covers).map_err(|error| DataFusionError::External(Box::new(error)))?;
            Ok::<_, DataFusionError>(Self { path: path.to_owned(), schema: Arc::clone(metadata.schema()), covers })
        };
        if !path.exists() {
            return None;
        }
        let state = read();
        if let Err(error) = &state {
            tracing::warn!(path = %path.display(), %error, "the state of an answer cannot be read; it is made anew");
        }
        state.ok()
    }

    /// Writes `rows` in place of what is in the file `path`.
    pub async fn write(path: &Path, covers: Covers, mut rows: SendableRecordBatchStream) -> Result<Self> {
        let (sender, mut batches) = mpsc::channel(2);
        let (target, schema, written) = (path.to_owned(), rows.schema(), covers.clone());
        // Encoding and syncing take their time, and the threads here answer clients, too.
        let writer = tokio::task::spawn_blocking(move || {
            let unfinished = target.with_extension("tmp");
            // Not into the same file as somebody whose answer was broken off, and who may not have noticed yet. A file that does not go is
            // an error in the next line.
            let _ = fs::remove_file(&unfinished);
            let file = File::create_new(&unfinished)?;
            let mut writer = ArrowWriter::try_new(&file, schema, None)?;
            while let Some(batch) = batches.blocking_recv() {
                let Some(batch) = batch else {
                    // Whoever sends has all rows.
                    let covers =
                        serde_json::to_string(&written).map_err(|error| DataFusionError::External(Box::new(error)))?;
                    writer.append_key_value_metadata(KeyValue::new(COVERS.to_owned(), covers));
                    writer.close()?;
                    file.sync_all()?;
                    return Ok(fs::rename(unfinished, target)?);
                };
                writer.write(&batch)?;
            }
            Ok::<_, DataFusionError>(())
        });
        let schema = rows.schema();
        while let Some(batch) = rows.next().await {
            if sender.send(Some(batch?)).await.is_err() {
                break;
            }
        }
        // A writer that has ended says why below.
        let _ = sender.send(None).await;
        writer.await.map_err(|error| DataFusionError::External(Box::new(error)))??;
        Ok(Self { path: path.to_owned(), schema, covers })
    }

    /// Whether a scan reads a state, and not a table.
    pub fn is_read_by(source: &Arc<dyn TableSource>) -> bool {
        source_as_provider(source).is_ok_and(|provider| provider.is::<ListingTable>())
    }

    /// Its rows.
    pub fn scan(&self) -> Result<LogicalPlan> {
        let url = Url::from_file_path(&self.path)
            .map_err(|()| DataFusionError::Plan(format!("{} is not absolute", self.path.display())))?;
        let config = ListingTableConfig::new(ListingTableUrl::try_new(url, None)?)
            .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
            .with_schema(Arc::clone(&self.schema));
        let table = ListingTable::try_new(config)?;
        LogicalPlanBuilder::scan("state", provider_as_source(Arc::new(table)), None)?.build()
    }
}
