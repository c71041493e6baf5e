//! The names that SQL knows: schemas `batch`, `stream`, `raw`, `dead`, `result`, `latest`, `system`, and the tables in them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use deltalake::DeltaTable;
use pinflow_pipeline::{Lane, Pipeline};
use pinflow_table::{TableError, TableRoot, dead_letter_schema};

use crate::delta::LazyTable;
use crate::error::QueryError;
use crate::fresh::{self, FreshRows};
use crate::hint::nearest;
use crate::latest::LatestSchema;
use crate::raw::{RawTable, RawTopics};
use crate::system::SystemTables;
use crate::time_travel;

/// The catalog's own name: `pinflow.batch.pin` in full.
pub(crate) const CATALOG: &str = "pinflow";
/// The schema of dead letters.
const DEAD: &str = "dead";
/// The schema of stored answers.
pub(crate) const RESULT: &str = "result";
/// The schema of archived events.
const RAW: &str = "raw";
/// The schema of each query's newest stored answer.
const LATEST: &str = "latest";
/// The schema of the node's own tables.
const SYSTEM: &str = "system";

/// All schemas of a pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    delta: BTreeMap<&'static str, Arc<DeltaSchema>>,
    /// What the schema `stream` shows: fresh where there is somebody to ask.
    stream: Arc<dyn SchemaProvider>,
    latest: Arc<LatestSchema>,
    raw: Arc<RawSchema>,
    system: Arc<SystemSchema>,
}

impl Catalog {
    /// The catalog of `pipeline` on the tables below `root`; `columns` are the cleaned columns of each stream.
    pub fn new(
        pipeline: &Pipeline,
        root: &TableRoot,
        columns: &HashMap<String, SchemaRef>,
        system: Option<Arc<dyn SystemTables>>,
    ) -> std::result::Result<Self, TableError> {
        let mut delta = BTreeMap::new();
        for lane in Lane::ALL {
            let tables = pipeline.streams.iter().map(|stream| {
                let made_by = format!("the {lane} lane of stream `{}` makes it with its first rows", stream.name);
                let location = root.table(lane.as_str(), &stream.lane(lane).table)?.url().clone();
                Ok(lazy(lane.as_str(), &stream.name, location, columns.get(&stream.name).cloned(), made_by))
            });
            delta.insert(lane.as_str(), schema(tables)?);
        }
        let dead = pipeline.streams.iter().map(|stream| {
            let location = root.table(DEAD, &stream.name)?.url().clone();
            Ok(lazy(DEAD, &stream.name, location, Some(dead_letter_schema()), String::new()))
        });
        delta.insert(DEAD, schema(dead)?);
        let results = pipeline.queries.iter().map(|query| {
            let made_by = format!("a job that runs query `{}` makes it; to ask now, run the query itself", query.name);
            let location = root.table(RESULT, &query.name)?.url().clone();
            Ok(lazy(RESULT, &query.name, location, None, made_by))
        });
        let results = schema(results)?;
        let latest = Arc::new(LatestSchema::new(&pipeline.name, results.0.clone()));
        delta.insert(RESULT, results);
        let stream = Arc::clone(&delta[Lane::Stream.as_str()]) as Arc<dyn SchemaProvider>;
        let streams = pipeline.streams.iter();
        let topics = streams.map(|stream| (stream.name.clone(), stream.batch.topic.to_string())).collect();
        let raw = Arc::new(RawSchema { streams: topics, topics: OnceLock::new() });
        Ok(Self { delta, stream, latest, raw, system: Arc::new(SystemSchema(system)) })
    }

    /// Tells the schema `raw` where its events are; the first who tells is believed.
    pub fn set_raw(&self, topics: Arc<dyn RawTopics>) {
        self.raw.topics.get_or_init(|| topics);
    }

    /// The same catalog, whose schema `stream` has the rows that are not committed yet, too.
    pub fn with_fresh(&self, fresh: Arc<dyn FreshRows>) -> Self {
        let tables = Arc::clone(&self.delta[Lane::Stream.as_str()]);
        Self { stream: Arc::new(FreshSchema { tables, fresh }), ..self.clone() }
    }

    /// The table of a stream on a lane.
    pub fn lane_table(&self, stream: &str, lane: Lane) -> Option<Arc<LazyTable>> {
        self.delta.get(lane.as_str())?.0.get(stream).cloned()
    }

    /// The table that `provider` reads all of, at its newest version.
    pub async fn table_of(&self, provider: &Arc<dyn TableProvider>) -> Option<DeltaTable> {
        for table in self.delta.values().flat_map(|schema| schema.0.values()) {
            if let Some(table) = table.table_of(provider).await {
                return Some(table);
            }
        }
        None
    }

    /// Refuses a name that is no table, with the nearest one that is.
    pub fn check(&self, reference: &TableReference, default: &str) -> std::result::Result<(), QueryError> {
        if reference.catalog().is_some_and(|catalog| catalog != CATALOG) {
            return Err(self.unknown(reference, default));
        }
        let schema = reference.schema().unwrap_or(default);
        // DataFusion's own tables about tables, which `SHOW TABLES` reads.
        let exists = schema == "information_schema"
            || self.schema(schema).is_some_and(|schema| schema.table_exist(reference.table()));
        if exists { Ok(()) } else { Err(self.unknown(reference, default)) }
    }

    fn unknown(&self, reference: &TableReference, default: &str) -> QueryError {
        let written = reference.to_string();
        let name = time_travel::split(&written).0.to_owned();
        let mut known: Vec<String> = Vec::new();
        for schema in self.schema_names() {
            // Those that are not written yet are meant all the same.
            let tables = match self.delta.get(schema.as_str()) {
                Some(tables) => tables.0.keys().cloned().collect(),
                None => self.schema(&schema).map(|schema| schema.table_names()).unwrap_or_default(),
            };
            for table in tables {
                if schema == default {
                    known.push(table.clone());
                }
                let is_plain = table.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                known.push(if is_plain { format!("{schema}.{table}") } else { format!("{schema}.`{table}`") });
            }
        }
        let hint = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) if near.contains('`') => format!("did you mean {near}?"),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`SHOW TABLES` lists them all, `{default}` is the schema where none is written"),
        };
        QueryError::UnknownTable { name, hint }
    }
}

fn lazy(
    schema: &str,
    name: &str,
    location: url::Url,
    columns: Option<SchemaRef>,
    made_by: String,
) -> (String, Arc<LazyTable>) {
    (name.to_owned(), Arc::new(LazyTable::new(format!("{schema}.{name}"), location, columns, made_by)))
}

fn schema(
    tables: impl Iterator<Item = std::result::Result<(String, Arc<LazyTable>), TableError>>,
) -> std::result::Result<Arc<DeltaSchema>, TableError> {
    Ok(Arc::new(DeltaSchema(tables.collect::<std::result::Result<_, _>>()?)))
}

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        self.delta.keys().copied().chain([LATEST, RAW, SYSTEM]).map(str::to_owned).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == SYSTEM {
            return Some(Arc::clone(&self.system) as Arc<dyn SchemaProvider>);
        }
        if name == LATEST {
            return Some(Arc::clone(&self.latest) as Arc<dyn SchemaProvider>);
        }
        if name == RAW {
            return Some(Arc::clone(&self.raw) as Arc<dyn SchemaProvider>);
        }
        if name == Lane::Stream.as_str() {
            return Some(Arc::clone(&self.stream));
        }
        self.delta.get(name).map(|schema| Arc::clone(schema) as Arc<dyn SchemaProvider>)
    }
}

/// Tables by name, each opened when it is asked for.
#[derive(Debug)]
struct DeltaSchema(BTreeMap<String, Arc<LazyTable>>);

#[async_trait]
impl SchemaProvider for DeltaSchema {
    /// Those that can be read now: whoever lists them goes on to ask for their columns.
    fn table_names(&self) -> Vec<String> {
        self.0.iter().filter(|(_, table)| table.is_readable()).map(|(name, _)| name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (name, version) = time_travel::split(name);
        let Some(table) = self.0.get(name) else { return Ok(None) };
        let provider = match version {
            Some(version) => table.provider_of(version).await,
            None => table.provider().await,
        };
        provider.map(Some).map_err(|cause| DataFusionError::External(Box::new(cause)))
    }

    /// Said without opening the table, for `SHOW TABLES`.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(time_travel::split(name).0)
    }
}

/// The tables of the stream lanes, each with its tail.
#[derive(Debug)]
struct FreshSchema {
    tables: Arc<DeltaSchema>,
    fresh: Arc<dyn FreshRows>,
}

#[async_trait]
impl SchemaProvider for FreshSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        // What is not committed belongs to no older version.
        let Some(table) = self.tables.0.get(name) else { return self.tables.table(name).await };
        let provider = fresh::provider(name, table, self.fresh.as_ref()).await;
        provider.map(Some).map_err(|cause| DataFusionError::External(Box::new(cause)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        self.tables.table_type(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}

#[derive(Debug)]
struct SystemSchema(Option<Arc<dyn SystemTables>>);

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.as_ref().map(|system| system.names()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(system) = self.0.as_ref().filter(|_| self.table_exist(name)) else { return Ok(None) };
        let rows = system.table(name).await.map_err(DataFusionError::Execution)?;
        Ok(Some(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}

/// The archived topics, each under its own name and that of the stream which it feeds.
#[derive(Debug)]
struct RawSchema {
    /// The topic of each stream.
    streams: BTreeMap<String, String>,
    topics: OnceLock<Arc<dyn RawTopics>>,
}

impl RawSchema {
    /// The topic that is meant by `name`.
    fn topic(&self, name: &str) -> Option<(String, &Arc<dyn RawTopics>)> {
        let topics = self.topics.get()?;
        let known = topics.topics();
        let is_known = |topic: &&str| known.iter().any(|known| known == topic);
        let topic = [Some(name), self.streams.get(name).map(String::as_str)].into_iter().flatten().find(is_known)?;
        Some((topic.to_owned(), topics))
    }
}

#[async_trait]
impl SchemaProvider for RawSchema {
    fn table_names(&self) -> Vec<String> {
        let topics = self.topics.get().map(|topics| topics.topics()).unwrap_or_default();
        let streams = self.streams.iter().filter(|(_, topic)| topics.contains(topic)).map(|(stream, _)| stream.clone());
        let mut names: Vec<String> = streams.chain(topics.iter().cloned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some((topic, topics)) = self.topic(name) else { return Ok(None) };
        Ok(Some(Arc::new(RawTable::new(topic, Arc::clone(topics)))))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.topic(name).is_some()
    }
}
