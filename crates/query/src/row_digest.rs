//! Short digests of rows, equal where the values are equal, whatever arrow types hold them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// A 128-bit digest: among ten million rows two different ones share it with a chance of one in 10^24.
pub(crate) type Digest = u128;

/// Digests some columns of batches of one schema.
pub(crate) struct RowDigest {
    /// Where each column stands in the batch, and the type that it is compared in.
    columns: Vec<(usize, DataType)>,
    converter: RowConverter,
}

impl RowDigest {
    /// A digest of `names`, in that order, of batches of `schema`, compared in the types of `plain`.
    pub fn new(schema: &SchemaRef, plain: &SchemaRef, names: &[&str]) -> Result<Self, ArrowError> {
        let columns: Vec<(usize, DataType)> = names
            .iter()
            .map(|name| Ok((schema.index_of(name)?, plain.field_with_name(name)?.data_type().clone())))
            .collect::<Result<_, ArrowError>>()?;
        let fields = columns.iter().map(|(_, data_type)| SortField::new(data_type.clone())).collect();
        Ok(Self { columns, converter: RowConverter::new(fields)? })
    }

    /// The digest of each row.
    pub fn of(&self, batch: &RecordBatch) -> Result<Vec<Digest>, ArrowError> {
        let columns = self.columns.iter().map(|(at, data_type)| {
            let column = batch.column(*at);
            if column.data_type() == data_type { Ok(Arc::clone(column)) } else { cast(column, data_type) }
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
        let rows = self.converter.convert_columns(&columns)?;
        Ok(rows.iter().map(|row| digest(row.data())).collect())
    }
}

fn digest(bytes: &[u8]) -> Digest {
    // The keys are fixed: the same row has the same digest in every process.
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish128().as_u128()
}
