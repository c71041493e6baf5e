//! `element_at(array, i)`, `get(array, i)` and `array[i]`: null where there is no such element.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, row_of};

/// `get(array, i)`, also what `array[i]` means: counts from 0, null out of range.
pub(crate) static GET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(
        Function::new("get", types("get"), |arrays| {
            pick(arrays, |index, length| Ok((0..length).contains(&index).then_some(index)))
        })
        .build(),
    )
});

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![
        GET.as_ref().clone(),
        Function::new("element_at", types("element_at"), |arrays| pick(arrays, element_at)).build(),
    ]
}

fn types(name: &'static str) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 2, 2)?;
        let item = match &arguments[0] {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                item.data_type().clone()
            }
            other => return plan_err!("`{name}` takes an array, not {other}"),
        };
        let list = DataType::List(Arc::new(Field::new_list_field(item.clone(), true)));
        Ok((vec![list, DataType::Int64], item))
    }
}

/// Counts from 1, and from the end where the number is negative.
fn element_at(index: i64, length: i64) -> Result<Option<i64>> {
    match index {
        0 => exec_err!("`element_at` counts from 1: there is no element 0"),
        1.. => Ok((index <= length).then(|| index - 1)),
        _ => Ok((index >= -length).then(|| length + index)),
    }
}

/// Takes of each array the element that `place` finds for its index and length.
fn pick(arrays: &[ArrayRef], place: impl Fn(i64, i64) -> Result<Option<i64>>) -> Result<ArrayRef> {
    let lists = arrays[0].as_list::<i32>();
    let indices = cast(&arrays[1], &DataType::Int64)?;
    let indices: &Int64Array = indices.as_primitive::<Int64Type>();
    let offsets = lists.value_offsets();
    let positions = (0..lists.len()).map(|row| {
        let at = row_of(indices, row);
        if lists.is_null(row) || indices.is_null(at) {
            return Ok(None);
        }
        let start = i64::from(offsets[row]);
        let length = i64::from(offsets[row + 1]) - start;
        let position = place(indices.value(at), length)?;
        Ok(position.and_then(|position| u64::try_from(start + position).ok()))
    });
    let positions: UInt64Array = positions.collect::<Result<_>>()?;
    Ok(take(lists.values(), &positions, None)?)
}
