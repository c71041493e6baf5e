//! Proves that the two lanes of a stream hold the same rows, or shows where they differ.
//!
//! Each lane is read once, on all cores; of a row only digests are kept (24 bytes), in memory or on disk, so that any number of rows
//! can be compared. Where something differs, both lanes are read again for some of those rows. Rows are told apart by the stream's
//! key; without a key the lanes are compared as bags of rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::prelude::{DataFrame, SessionContext, lit};
use futures::{StreamExt, TryStreamExt, stream};

use pinflow_pipeline::{Lane, Stream};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::answer::plain_schema;
use crate::error::QueryError;
use crate::reconcile_buckets::{BUCKETS, Buckets, Entry};
use crate::reconcile_difference::{BucketTally, Tally};
use crate::reconcile_samples;
use crate::row_digest::RowDigest;

/// What a comparison of the two lanes found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The stream.
    pub stream: String,
    /// Rows of the batch lane.
    pub batch_rows: u64,
    /// Rows of the stream lane.
    pub stream_rows: u64,
    /// Rows that both lanes hold, alike in every column.
    pub matching: u64,
    /// Rows that the stream lane alone holds.
    pub missing_in_batch: u64,
    /// Rows that the batch lane alone holds.
    pub missing_in_stream: u64,
    /// Rows whose key both lanes hold, with other values. Always 0 for a stream without a key.
    pub different: u64,
    /// In how many of these rows each column differs, as far as they were looked at: 10,000 at most.
    pub different_columns: BTreeMap<String, u64>,
    /// A few of the rows that do not match, of each kind.
    pub samples: Vec<Sample>,
}

impl Reconciliation {
    /// Whether the lanes hold the same rows.
    pub fn is_equal(&self) -> bool {
        self.missing_in_batch == 0 && self.missing_in_stream == 0 && self.different == 0
    }
}

/// Why a row does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The stream lane alone holds it.
    MissingInBatch,
    /// The batch lane alone holds it.
    MissingInStream,
    /// Both lanes hold its key, with other values.
    Different,
}

/// A row that does not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Why.
    pub difference: Difference,
    /// The row in the batch lane.
    pub batch: Option<Map<String, Value>>,
    /// The row in the stream lane.
    pub stream: Option<Map<String, Value>>,
    /// The columns whose values differ, for [`Difference::Different`].
    pub columns: Vec<String>,
}

/// Compares what the providers hold. Both passes read the same versions of the tables.
pub(crate) async fn lanes(
    stream: &Stream,
    session: &SessionContext,
    batch: Arc<dyn TableProvider>,
    live: Arc<dyn TableProvider>,
    memory_limit: usize,
) -> Result<Reconciliation, QueryError> {
    let failed = |cause: DataFusionError| QueryError::from_datafusion(&cause, memory_limit);
    let sides = [Side::new(Lane::Batch, batch), Side::new(Lane::Stream, live)];
    let plain = common_columns(stream, &sides)?;
    let key = stream.key.as_deref();
    let mut lanes = Vec::new();
    for side in &sides {
        lanes.push(read(side, session, &plain, key).await.map_err(failed)?);
    }
    let rows = [lanes[0].rows(), lanes[1].rows()];
    let found = compare(lanes, session, key.is_some()).await.map_err(failed)?;
    let mut reconciliation = found.totals.reconciliation(&stream.name, rows);
    if !reconciliation.is_equal() {
        let seen = reconcile_samples::look(&sides, session, &plain, key, found).await.map_err(failed)?;
        (reconciliation.samples, reconciliation.different_columns) = seen;
    }
    Ok(reconciliation)
}

impl Tally {
    fn reconciliation(self, stream: &str, [batch_rows, stream_rows]: [u64; 2]) -> Reconciliation {
        let Self { matching, missing_in_batch, missing_in_stream, different } = self;
        Reconciliation {
            stream: stream.to_owned(),
            batch_rows,
            stream_rows,
            matching,
            missing_in_batch,
            missing_in_stream,
            different,
            different_columns: BTreeMap::new(),
            samples: Vec::new(),
        }
    }
}

/// One lane's table.
pub(crate) struct Side {
    pub lane: Lane,
    pub table: Arc<dyn TableProvider>,
}

impl Side {
    fn new(lane: Lane, table: Arc<dyn TableProvider>) -> Self {
        Self { lane, table }
    }

    /// Its rows; a column of `plain` that it lacks is null.
    pub fn rows(&self, session: &SessionContext, plain: &SchemaRef) -> Result<DataFrame, DataFusionError> {
        let own = self.table.schema();
        let mut missing = plain.fields().iter().filter(|field| own.field_with_name(field.name()).is_err());
        missing.try_fold(session.read_table(Arc::clone(&self.table))?, |rows, field| {
            rows.with_column(field.name(), lit(ScalarValue::try_from(field.data_type())?))
        })
    }
}

/// The columns, in the batch lane's order and as plain types. The lanes must have the same ones; a column that one of them got for a
/// field outside of the schema is null in the other.
fn common_columns(stream: &Stream, sides: &[Side; 2]) -> Result<SchemaRef, QueryError> {
    let [batch, live] = sides.each_ref().map(|side| plain_schema(&side.table.schema()));
    let incomparable = |reason| QueryError::Incomparable { stream: stream.name.clone(), reason };
    for (here, there, lane) in [(&batch, &live, Lane::Stream), (&live, &batch, Lane::Batch)] {
        for field in here.fields() {
            match there.field_with_name(field.name()) {
                Err(_) if stream.unknown_fields.may_evolve() => {}
                Err(_) => return Err(incomparable(format!("the {lane} lane has no column `{}`", field.name()))),
                Ok(other) if other.data_type() != field.data_type() => {
                    let (name, one, two) = (field.name(), field.data_type(), other.data_type());
                    return Err(incomparable(format!("column `{name}` is {one} in one lane and {two} in the other")));
                }
                Ok(_) => {}
            }
        }
    }
    match &stream.key {
        Some(key) if batch.field_with_name(key).is_err() => {
            Err(incomparable(format!("they have no key column `{key}`")))
        }
        _ => {
            let further = live.fields().iter().filter(|field| batch.field_with_name(field.name()).is_err());
            let all = batch.fields().iter().chain(further);
            Ok(Arc::new(Schema::new(all.cloned().collect::<Vec<_>>())))
        }
    }
}

/// Reads a lane, its files side by side.
async fn read(
    side: &Side,
    session: &SessionContext,
    plain: &SchemaRef,
    key: Option<&str>,
) -> Result<Buckets, DataFusionError> {
    let runtime = session.runtime_env();
    let memory = MemoryConsumer::new("reconcile").with_can_spill(true).register(&runtime.memory_pool);
    let mut buckets = Buckets::new(memory, Arc::clone(&runtime.disk_manager));
    let parts = side.rows(session, plain)?.execute_stream_partitioned().await?;
    let (sender, mut digested) = mpsc::channel::<Vec<Entry>>(parts.len() * 2 + 1);
    let mut reading = JoinSet::new();
    for mut batches in parts {
        let (of_key, of_row) = digests(&batches.schema(), plain, key)?;
        let sender = sender.clone();
        reading.spawn(async move {
            while let Some(batch) = batches.try_next().await? {
                let rows = of_row.of(&batch)?;
                let keys = of_key.as_ref().map(|of_key| of_key.of(&batch)).transpose()?;
                let keys = keys.as_deref().unwrap_or(&rows);
                let entries = keys.iter().zip(&rows).map(|(key, row)| Entry::new(*key, *row)).collect();
                if sender.send(entries).await.is_err() {
                    break;
                }
            }
            Ok::<_, DataFusionError>(())
        });
    }
    drop(sender);
    while let Some(entries) = digested.recv().await {
        buckets.extend(&entries)?;
    }
    while let Some(part) = reading.join_next().await {
        part.expect("digesting rows does not panic, and nobody aborts it")?;
    }
    Ok(buckets)
}

/// Compares bucket by bucket, on all cores.
async fn compare(
    mut lanes: Vec<Buckets>,
    session: &SessionContext,
    keyed: bool,
) -> Result<BucketTally, DataFusionError> {
    if lanes.iter().any(Buckets::is_spilled) {
        // What is left in memory makes room for the buckets that come back.
        lanes.iter_mut().try_for_each(Buckets::spill)?;
    }
    let memory = MemoryConsumer::new("reconcile").register(&session.runtime_env().memory_pool);
    let pairs = (0..BUCKETS).map(|number| {
        let [batch, live] = [0, 1].map(|lane: usize| lanes[lane].take(number));
        let reserved = memory.new_empty();
        async move {
            reserved.try_grow(batch.bytes_on_disk() + live.bytes_on_disk())?;
            // The memory is given back once the bucket is compared.
            let compare = move || {
                let tally = BucketTally::of(&batch.load()?, &live.load()?, keyed);
                drop(reserved);
                Ok::<_, DataFusionError>(tally)
            };
            tokio::task::spawn_blocking(compare).await.expect("comparing rows does not panic")
        }
    });
    let at_once = session.copied_config().target_partitions();
    let mut tallies = stream::iter(pairs).buffered(at_once);
    let mut all = BucketTally::default();
    while let Some(tally) = tallies.try_next().await? {
        all.append(tally);
    }
    Ok(all)
}

/// Digests of the key (where there is one) and of the whole row, the columns in one order for both lanes.
pub(crate) fn digests(
    schema: &SchemaRef,
    plain: &SchemaRef,
    key: Option<&str>,
) -> Result<(Option<RowDigest>, RowDigest), DataFusionError> {
    let names: Vec<&str> = plain.fields().iter().map(|field| field.name().as_str()).collect();
    let of_key = key.map(|key| RowDigest::new(schema, plain, &[key])).transpose()?;
    Ok((of_key, RowDigest::new(schema, plain, &names)?))
}
