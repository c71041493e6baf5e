//! Proves that the two lanes of a stream hold the same rows, or shows where they differ.
//!
//! Each lane is read once; of a row only digests are kept (about 40 bytes), so that ten million rows fit into half a gigabyte.
//! Where something differs, both lanes are read again for a few of those rows. Rows are told apart by the stream's key;
//! without a key the lanes are compared as bags of rows.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::prelude::{DataFrame, SessionContext, lit};
use futures::TryStreamExt;
use pinflow_pipeline::{Lane, Stream};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::{plain_batch, plain_schema};
use crate::error::QueryError;
use crate::render::json_values;
use crate::row_digest::{Digest, RowDigest};

/// How many rows of each kind of difference are shown.
const SAMPLES: usize = 5;

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
    let mut lanes = Comparison::new(MemoryConsumer::new("reconcile").register(&session.runtime_env().memory_pool));
    for side in &sides {
        lanes.read(side, session, &plain, key).await.map_err(failed)?;
    }
    let mut found = lanes.count(&stream.name, key.is_some());
    if !found.is_equal() {
        let wanted = lanes.sample(key.is_some());
        found.samples = samples(&sides, session, &plain, key, wanted).await.map_err(failed)?;
    }
    Ok(found)
}

struct Side {
    lane: Lane,
    table: Arc<dyn TableProvider>,
}

impl Side {
    fn new(lane: Lane, table: Arc<dyn TableProvider>) -> Self {
        Self { lane, table }
    }

    /// Its rows; a column of `plain` that it lacks is null.
    fn rows(&self, session: &SessionContext, plain: &SchemaRef) -> Result<DataFrame, DataFusionError> {
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

/// What is kept of all rows with one key (or, without a key, of all equal rows).
#[derive(Clone, Copy, Default)]
struct Rows {
    batch: u32,
    stream: u32,
    /// The digests of the batch lane's rows less those of the stream lane's: 0 where the rows are the same.
    balance: u64,
}

impl Rows {
    /// Rows that match, are only in the stream lane, are only in the batch lane, differ.
    fn tally(self, keyed: bool) -> [u64; 4] {
        let (batch, stream) = (u64::from(self.batch), u64::from(self.stream));
        let common = batch.min(stream);
        let same = !keyed || (batch == stream && self.balance == 0);
        [if same { common } else { 0 }, stream - common, batch - common, if same { 0 } else { common }]
    }

    fn difference(self, keyed: bool) -> Option<Difference> {
        match self.tally(keyed) {
            [_, 0, 0, 0] => None,
            [_, _, _, different] if different > 0 => Some(Difference::Different),
            [_, only_stream, _, _] if only_stream > 0 => Some(Difference::MissingInBatch),
            _ => Some(Difference::MissingInStream),
        }
    }
}

/// The keys are digests already.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All rows of both lanes, as digests.
struct Comparison {
    rows: HashMap<Digest, Rows, BuildHasherDefault<DigestHasher>>,
    memory: MemoryReservation,
}

impl Comparison {
    fn new(memory: MemoryReservation) -> Self {
        Self { rows: HashMap::default(), memory }
    }

    async fn read(
        &mut self,
        side: &Side,
        session: &SessionContext,
        plain: &SchemaRef,
        key: Option<&str>,
    ) -> Result<(), DataFusionError> {
        let mut batches = side.rows(session, plain)?.execute_stream().await?;
        let (of_key, of_row) = digests(&batches.schema(), plain, key)?;
        while let Some(batch) = batches.try_next().await? {
            let rows = of_row.of(&batch)?;
            let keys = of_key.as_ref().map(|of_key| of_key.of(&batch)).transpose()?;
            self.reserve(batch.num_rows())?;
            self.add(side.lane, keys.as_deref().unwrap_or(&rows), &rows);
        }
        Ok(())
    }

    fn add(&mut self, lane: Lane, keys: &[Digest], rows: &[Digest]) {
        for (key, row) in keys.iter().zip(rows) {
            let kept = self.rows.entry(*key).or_default();
            match lane {
                Lane::Batch => {
                    kept.batch += 1;
                    kept.balance = kept.balance.wrapping_add(*row as u64);
                }
                Lane::Stream => {
                    kept.stream += 1;
                    kept.balance = kept.balance.wrapping_sub(*row as u64);
                }
            }
        }
    }

    /// Makes room for `more` keys, within the engine's memory.
    fn reserve(&mut self, more: usize) -> Result<(), DataFusionError> {
        if self.rows.capacity() - self.rows.len() >= more {
            return Ok(());
        }
        const ENTRY: usize = size_of::<(Digest, Rows)>() + 1;
        // A table of a power of two of places, seven eighths of them used; while it grows the old one stands beside it.
        let places = ((self.rows.len() + more) * 8 / 7 + 1).next_power_of_two();
        self.memory.try_resize(places * ENTRY * 3 / 2)?;
        self.rows.reserve(more);
        Ok(())
    }

    fn count(&self, stream: &str, keyed: bool) -> Reconciliation {
        let mut total = [0; 4];
        let (mut batch_rows, mut stream_rows) = (0, 0);
        for rows in self.rows.values() {
            batch_rows += u64::from(rows.batch);
            stream_rows += u64::from(rows.stream);
            for (sum, part) in total.iter_mut().zip(rows.tally(keyed)) {
                *sum += part;
            }
        }
        let [matching, missing_in_batch, missing_in_stream, different] = total;
        let stream = stream.to_owned();
        Reconciliation {
            stream,
            batch_rows,
            stream_rows,
            matching,
            missing_in_batch,
            missing_in_stream,
            different,
            samples: Vec::new(),
        }
    }

    /// A few keys of each kind of difference; the smallest, so that a second comparison shows the same.
    fn sample(&self, keyed: bool) -> BTreeMap<Digest, Difference> {
        let mut kinds: BTreeMap<Difference, BTreeMap<Digest, ()>> = BTreeMap::new();
        for (key, rows) in &self.rows {
            let Some(kind) = rows.difference(keyed) else { continue };
            let keys = kinds.entry(kind).or_default();
            keys.insert(*key, ());
            if keys.len() > SAMPLES {
                keys.pop_last();
            }
        }
        kinds.into_iter().flat_map(|(kind, keys)| keys.into_keys().map(move |key| (key, kind))).collect()
    }
}

/// Digests of the key (where there is one) and of the whole row, the columns in one order for both lanes.
fn digests(
    schema: &SchemaRef,
    plain: &SchemaRef,
    key: Option<&str>,
) -> Result<(Option<RowDigest>, RowDigest), DataFusionError> {
    let names: Vec<&str> = plain.fields().iter().map(|field| field.name().as_str()).collect();
    let of_key = key.map(|key| RowDigest::new(schema, plain, &[key])).transpose()?;
    Ok((of_key, RowDigest::new(schema, plain, &names)?))
}

/// Reads the lanes again for the rows that `wanted` names.
async fn samples(
    sides: &[Side; 2],
    session: &SessionContext,
    plain: &SchemaRef,
    key: Option<&str>,
    wanted: BTreeMap<Digest, Difference>,
) -> Result<Vec<Sample>, DataFusionError> {
    let empty = |difference| Sample { difference, batch: None, stream: None, columns: Vec::new() };
    let mut found: BTreeMap<Digest, Sample> = wanted.into_iter().map(|(key, kind)| (key, empty(kind))).collect();
    for side in sides {
        let mut batches = side.rows(session, plain)?.execute_stream().await?;
        let (of_key, of_row) = digests(&batches.schema(), plain, key)?;
        while let Some(batch) = batches.try_next().await? {
            let keys = of_key.as_ref().unwrap_or(&of_row).of(&batch)?;
            for (row, key) in keys.iter().enumerate() {
                let Some(sample) = found.get_mut(key) else { continue };
                let shown = Some(json_row(&batch.slice(row, 1))?);
                match side.lane {
                    Lane::Batch => sample.batch = shown,
                    Lane::Stream => sample.stream = shown,
                }
            }
        }
    }
    for sample in found.values_mut() {
        if let (Difference::Different, Some(batch), Some(stream)) = (sample.difference, &sample.batch, &sample.stream) {
            sample.columns = batch
                .iter()
                .filter(|(name, value)| stream.get(*name) != Some(value))
                .map(|(name, _)| name.clone())
                .collect();
        }
    }
    let mut samples: Vec<Sample> = found.into_values().collect();
    samples.sort_by_key(|sample| sample.difference);
    Ok(samples)
}

fn json_row(row: &RecordBatch) -> Result<Map<String, Value>, DataFusionError> {
    let row = plain_batch(row, &plain_schema(&row.schema()))?;
    let names = row.schema();
    let values = names.fields().iter().zip(row.columns());
    Ok(values.filter_map(|(field, column)| Some((field.name().clone(), json_values(column).next()?))).collect())
}
