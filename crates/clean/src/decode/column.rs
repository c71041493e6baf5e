//! The columns that decoded values become.

use arrow::array::{ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow::datatypes::DataType;
use pinflow_pipeline::FieldType;

use super::Slot;

/// The type of a field's column.
pub(super) fn arrow_type(kind: FieldType) -> DataType {
    match kind {
        FieldType::String => DataType::Utf8,
        FieldType::Bigint => DataType::Int64,
        FieldType::Double => DataType::Float64,
        FieldType::Boolean => DataType::Boolean,
    }
}

/// A growing column of one type.
pub(super) enum Column {
    Text(StringBuilder),
    Whole(Int64Builder),
    Real(Float64Builder),
    Truth(BooleanBuilder),
}

impl Column {
    /// A column with room for `rows` values, those of a text column together of `text_bytes`.
    pub fn new(kind: FieldType, rows: usize, text_bytes: usize) -> Self {
        match kind {
            FieldType::String => Column::Text(StringBuilder::with_capacity(rows, text_bytes)),
            FieldType::Bigint => Column::Whole(Int64Builder::with_capacity(rows)),
            FieldType::Double => Column::Real(Float64Builder::with_capacity(rows)),
            FieldType::Boolean => Column::Truth(BooleanBuilder::with_capacity(rows)),
        }
    }

    pub fn push(&mut self, slot: &Slot<'_>, unescaped: &str) {
        match (self, slot) {
            (Column::Text(builder), Slot::Text(text)) => builder.append_value(text),
            (Column::Text(builder), Slot::Unescaped(range)) => builder.append_value(&unescaped[range.clone()]),
            (Column::Whole(builder), Slot::Whole(number)) => builder.append_value(*number),
            (Column::Real(builder), Slot::Real(number)) => builder.append_value(*number),
            (Column::Truth(builder), Slot::Truth(truth)) => builder.append_value(*truth),
            (Column::Text(builder), _) => builder.append_null(),
            (Column::Whole(builder), _) => builder.append_null(),
            (Column::Real(builder), _) => builder.append_null(),
            (Column::Truth(builder), _) => builder.append_null(),
        }
    }

    /// The bytes of its texts; 0 where it has none.
    pub fn text_bytes(&self) -> usize {
        match self {
            Column::Text(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }

    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(builder) => ArrayBuilder::finish(builder),
            Column::Whole(builder) => ArrayBuilder::finish(builder),
            Column::Real(builder) => ArrayBuilder::finish(builder),
            Column::Truth(builder) => ArrayBuilder::finish(builder),
        }
    }
}
