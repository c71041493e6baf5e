//! Division that is null by zero: `/` on doubles, `DIV` and `%` on whole numbers. The operators plan onto these.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, row_of};

/// `/` on doubles.
pub(crate) static DIVIDE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let kernel = |arrays: &[ArrayRef]| Ok(divided::<Float64Type>(arrays, |left, right| (right != 0.0).then(|| left / right)));
    Arc::new(Function::new("try_divide", both("try_divide", DataType::Float64), kernel).build())
});

/// `DIV`: whole-number division that cuts towards zero; the smallest number by -1 wraps.
pub(crate) static DIV: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let kernel = |arrays: &[ArrayRef]| Ok(divided::<Int64Type>(arrays, |left, right| (right != 0).then(|| left.wrapping_div(right))));
    Arc::new(Function::new("div", both("div", DataType::Int64), kernel).build())
});

/// Both by name too.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![DIVIDE.as_ref().clone(), DIV.as_ref().clone()]
}

fn both(name: &'static str, number: DataType) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 2, 2)?;
        Ok((vec![number.clone(); 2], number.clone()))
    }
}

fn divided<T: ArrowPrimitiveType>(
    arrays: &[ArrayRef],
    divide: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> ArrayRef {
    let divisors = arrays[1].as_primitive::<T>();
    let quotients = arrays[0].as_primitive::<T>().iter().enumerate().map(|(row, dividend)| {
        let at = row_of(divisors, row);
        let divisor = divisors.is_valid(at).then(|| divisors.value(at))?;
        divide(dividend?, divisor)
    });
    Arc::new(quotients.collect::<PrimitiveArray<T>>())
}
