//! Looks at rows that do not match: shows a few of each kind, and counts in which columns rows differ.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use pinflow_pipeline::Lane;
use serde_json::{Map, Value};

use crate::answer::{plain_batch, plain_schema};
use crate::reconcile::{Difference, Sample, Side, digests};
use crate::reconcile_difference::BucketTally;
use crate::render::json_values;
use crate::row_digest::{Digest, RowDigest};

/// A row that is looked for.
struct Wanted {
    difference: Difference,
    /// Where the row is shown.
    sample: Option<Sample>,
    /// The digests of the batch lane's columns.
    batch_columns: Vec<Digest>,
}

/// Reads the lanes again for the rows that `found` names.
pub(crate) async fn look(
    sides: &[Side; 2],
    session: &SessionContext,
    plain: &SchemaRef,
    key: Option<&str>,
    found: BucketTally,
) -> Result<(Vec<Sample>, BTreeMap<String, u64>), DataFusionError> {
    let empty = |difference| Sample { difference, batch: None, stream: None, columns: Vec::new() };
    let wanted = found.wanted().map(|(key, difference, is_shown)| {
        let sample = is_shown.then(|| empty(difference));
        (key, Wanted { difference, sample, batch_columns: Vec::new() })
    });
    let mut wanted: HashMap<Digest, Wanted> = wanted.collect();
    let mut different = vec![0_u64; plain.fields().len()];
    for side in sides {
        let mut batches = side.rows(session, plain)?.execute_stream().await?;
        let (of_key, of_row) = digests(&batches.schema(), plain, key)?;
        let of_keys = of_key.as_ref().unwrap_or(&of_row);
        let of_columns = columns(&batches.schema(), plain)?;
        while let Some(batch) = batches.try_next().await? {
            let keys = of_keys.of(&batch)?;
            let places: UInt64Array =
                (0_u64..).zip(&keys).filter(|(_, key)| wanted.contains_key(key)).map(|(place, _)| place).collect();
            if places.is_empty() {
                continue;
            }
            let rows = take_record_batch(&batch, &places)?;
            let digests = of_columns.iter().map(|column| column.of(&rows)).collect::<Result<Vec<_>, _>>()?;
            for (row, place) in places.values().iter().enumerate() {
                let Some(wanted) = wanted.get_mut(&keys[*place as usize]) else { continue };
                let columns = digests.iter().map(|column| column[row]);
                wanted.see(side.lane, columns, &mut different);
                wanted.show(side.lane, &rows.slice(row, 1))?;
            }
        }
    }
    let names = plain.fields().iter().map(|field| field.name().clone());
    let different = names.zip(different).filter(|(_, rows)| *rows > 0).collect();
    // In the order of their keys, so that a second look shows the same.
    let mut samples: Vec<(Difference, Digest, Sample)> = wanted
        .into_iter()
        .filter_map(|(key, wanted)| Some((wanted.difference, key, wanted.sample?.compared())))
        .collect();
    samples.sort_by_key(|(difference, key, _)| (*difference, *key));
    Ok((samples.into_iter().map(|(_, _, sample)| sample).collect(), different))
}

/// A digest of each column by itself.
fn columns(schema: &SchemaRef, plain: &SchemaRef) -> Result<Vec<RowDigest>, DataFusionError> {
    let digest = |name: &str| RowDigest::new(schema, plain, &[name]);
    Ok(plain.fields().iter().map(|field| digest(field.name())).collect::<Result<_, _>>()?)
}

impl Wanted {
    /// Keeps the columns of the batch lane, and counts those of the stream lane that are others.
    fn see(&mut self, lane: Lane, columns: impl Iterator<Item = Digest>, different: &mut [u64]) {
        match (self.difference, lane) {
            (Difference::Different, Lane::Batch) => self.batch_columns = columns.collect(),
            (Difference::Different, Lane::Stream) => {
                let pairs = columns.zip(&self.batch_columns).zip(different);
                pairs.for_each(|((live, batch), rows)| *rows += u64::from(live != *batch));
            }
            (Difference::MissingInBatch | Difference::MissingInStream, _) => {}
        }
    }

    fn show(&mut self, lane: Lane, row: &RecordBatch) -> Result<(), DataFusionError> {
        let Some(sample) = &mut self.sample else { return Ok(()) };
        let shown = Some(json_row(row)?);
        match lane {
            Lane::Batch => sample.batch = shown,
            Lane::Stream => sample.stream = shown,
        }
        Ok(())
    }
}

impl Sample {
    /// With the columns that differ.
    fn compared(mut self) -> Self {
        if let (Difference::Different, Some(batch), Some(stream)) = (self.difference, &self.batch, &self.stream) {
            let differs = |(name, value): &(&String, &Value)| stream.get(*name) != Some(value);
            self.columns = batch.iter().filter(differs).map(|(name, _)| name.clone()).collect();
        }
        self
    }
}

fn json_row(row: &RecordBatch) -> Result<Map<String, Value>, DataFusionError> {
    let row = plain_batch(row, &plain_schema(&row.schema()))?;
    let names = row.schema();
    let values = names.fields().iter().zip(row.columns());
    Ok(values.filter_map(|(field, column)| Some((field.name().clone(), json_values(column).next()?))).collect())
}
