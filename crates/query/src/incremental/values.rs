//! Which rows have one of some values in a column: a function for a filter.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::take_function_args;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use futures::StreamExt;

/// Not more are held in memory.
const MOST: usize = 1 << 20;

/// Bits for each value: one in so many others is mistaken for one of them at first.
const BITS_A_VALUE: usize = 32;

/// Some values of one type, none of them null.
struct Values {
    converter: RowConverter,
    values: HashSet<Box<[u8]>>,
    /// A bit for each hash: most rows have none of the values, and are told by it.
    bits: Vec<u64>,
    state: RandomState,
}

impl Values {
    /// Those in the first column of some rows; `None` where they are too many.
    async fn read(mut rows: SendableRecordBatchStream) -> Result<Option<Self>> {
        let kind = rows.schema().field(0).data_type().clone();
        let converter = RowConverter::new(vec![SortField::new(kind)])?;
        let (mut values, mut all_hashes, state) = (HashSet::new(), Vec::new(), RandomState::default());
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let column = batch.column(0);
            all_hashes.extend(hashes(&state, column)?);
            for (place, row) in converter.convert_columns(&[Arc::clone(column)])?.iter().enumerate() {
                if column.is_valid(place) {
                    values.insert(row.data().into());
                }
            }
            if values.len() > MOST {
                return Ok(None);
            }
        }
        let mut bits = vec![0; (values.len() * BITS_A_VALUE / u64::BITS as usize).next_power_of_two()];
        for hash in all_hashes {
            let (word, bit) = place_of(hash, bits.len());
            bits[word] |= bit;
        }
        Ok(Some(Self { converter, values, bits, state }))
    }

    fn are_in(&self, column: &ArrayRef) -> Result<BooleanArray> {
        let mut found = BooleanBufferBuilder::new(column.len());
        found.append_n(column.len(), false);
        let may_be = hashes(&self.state, column)?.into_iter().enumerate().filter(|(_, hash)| {
            let (word, bit) = place_of(*hash, self.bits.len());
            self.bits[word] & bit != 0
        });
        let places: UInt32Array = may_be.map(|(place, _)| place as u32).collect();
        let rows = self.converter.convert_columns(&[take(column, &places, None)?])?;
        for (place, row) in places.values().iter().zip(&rows) {
            if self.values.contains(row.data()) {
                found.set_bit(*place as usize, true);
            }
        }
        Ok(BooleanArray::new(found.finish(), None))
    }
}

fn hashes(state: &RandomState, column: &ArrayRef) -> Result<Vec<u64>> {
    let mut hashes = vec![0; column.len()];
    create_hashes([column], state, &mut hashes)?;
    Ok(hashes)
}

/// The word and the bit in it, of so many words, a power of two.
fn place_of(hash: u64, words: usize) -> (usize, u64) {
    ((hash >> 6) as usize & (words - 1), 1 << (hash & 63))
}

/// Whether a value is among those in the first column of some rows; `None` where they are too many to be held.
pub(super) async fn is_among(rows: SendableRecordBatchStream, value: Expr) -> Result<Option<Expr>> {
    let kind = rows.schema().field(0).data_type().clone();
    let Some(values) = Values::read(rows).await? else { return Ok(None) };
    let signature = Signature::exact(vec![kind], Volatility::Immutable);
    let function = ScalarUDF::from(IsAmong { values: Arc::new(values), signature });
    Ok(Some(function.call(vec![value])))
}

struct IsAmong {
    values: Arc<Values>,
    signature: Signature,
}

impl ScalarUDFImpl for IsAmong {
    fn name(&self) -> &str {
        "is_among"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        let found = self.values.are_in(&value.into_array(args.number_rows)?)?;
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}

impl fmt::Debug for IsAmong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsAmong").field("values", &self.values.values.len()).finish_non_exhaustive()
    }
}

impl PartialEq for IsAmong {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for IsAmong {}

impl Hash for IsAmong {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.values), state);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{Int32Array, Int64Array, RecordBatch, StringViewArray};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;

    use super::*;

    async fn values(columns: &[ArrayRef]) -> Option<Values> {
        let batches: Vec<_> =
            columns.iter().map(|column| RecordBatch::try_from_iter([("a", Arc::clone(column))]).unwrap()).collect();
        let schema = batches[0].schema();
        let rows = stream::iter(batches.into_iter().map(Ok));
        Values::read(Box::pin(RecordBatchStreamAdapter::new(schema, rows))).await.unwrap()
    }

    #[tokio::test]
    async fn exactly_the_values_are_found() {
        let odd: Vec<ArrayRef> = (0..4)
            .map(|part| Arc::new(Int64Array::from_iter_values((0..5_000).map(|n| (part * 5_000 + n) * 2 + 1))) as _)
            .collect();
        let all: ArrayRef = Arc::new(Int64Array::from_iter((0..40_000).map(Some).chain([None])));
        let found = values(&odd).await.unwrap().are_in(&all).unwrap();
        assert!((0..40_000).all(|place| found.value(place) == (place % 2 == 1)));
        assert!(!found.value(40_000), "nothing is equal to null");
    }

    #[tokio::test]
    async fn texts_are_found_and_null_is_not() {
        let some: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("a"), None, Some("a text of many letters"), Some("")]));
        let all: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("b"), None, Some("a text of many letters"), Some(""), Some("a")]));
        let found = values(&[some]).await.unwrap().are_in(&all).unwrap();
        assert_eq!(found, BooleanArray::from(vec![false, false, true, true, true]));
    }

    #[tokio::test]
    async fn of_no_values_none_is_found_and_of_too_many_none_is_told() {
        let nothing: ArrayRef = Arc::new(Int32Array::from(vec![None::<i32>]));
        let found = values(&[nothing]).await.unwrap().are_in(&(Arc::new(Int32Array::from(vec![Some(0), None])) as _));
        assert_eq!(found.unwrap(), BooleanArray::from(vec![false, false]));
        let many: ArrayRef = Arc::new(Int32Array::from_iter_values(0..=MOST as i32));
        assert!(values(&[many]).await.is_none());
    }
}
