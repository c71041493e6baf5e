//! Division that is null by zero: `/` on doubles, `DIV` and `%` on whole numbers. The operators plan onto these.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, row_of};

/// `/` on doubles.
pub(crate) static DIVIDE: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let kernel =
        |arrays: &[ArrayRef]| Ok(divided::<Float64Type>(arrays, |left, right| (right != 0.0).then(|| left / right)));
    Arc::new(Function::new("try_divide", both("try_divide", DataType::Float64), kernel).build())
});

/// `DIV`: whole-number division that cuts towards zero; the smallest number by -1 wraps.
pub(crate) static DIV: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let kernel = |arrays: &[ArrayRef]| {
        Ok(divided::<Int64Type>(arrays, |left, right| (right != 0).then(|| left.wrapping_div(right))))
    };
    Arc::new(Function::new("div", both("div", DataType::Int64), kernel).build())
});

/// Both by name too, and the functions on doubles that DataFusion answers otherwise.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    // DataFusion refuses the root of a negative number; it is NaN.
    let root = |arrays: &[ArrayRef]| {
        Ok(Arc::new(arrays[0].as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::sqrt)) as ArrayRef)
    };
    let sign = |arrays: &[ArrayRef]| {
        let sign = |value: f64| if value == 0.0 || value.is_nan() { value } else { value.signum() };
        Ok(Arc::new(arrays[0].as_primitive::<Float64Type>().unary::<_, Float64Type>(sign)) as ArrayRef)
    };
    vec![
        DIVIDE.as_ref().clone(),
        DIV.as_ref().clone(),
        logarithm("ln", f64::ln),
        logarithm("log2", f64::log2),
        logarithm("log10", f64::log10),
        Function::new("isnan", |arguments| Ok((one_double("isnan")(arguments)?.0, DataType::Boolean)), is_nan).build(),
        Function::new("sqrt", one_double("sqrt"), root).build(),
        Function::new("signum", one_double("signum"), sign).with_aliases(&["sign"]).build(),
    ]
}

/// Null where the number is not positive.
fn logarithm(name: &'static str, of: fn(f64) -> f64) -> ScalarUDF {
    let kernel =
        move |arrays: &[ArrayRef]| {
            let numbers = arrays[0].as_primitive::<Float64Type>();
            Ok(Arc::new(
                numbers.unary_opt::<_, Float64Type>(|number| (number > 0.0 || number.is_nan()).then(|| of(number))),
            ) as ArrayRef)
        };
    Function::new(name, one_double(name), kernel).build()
}

/// False, not null, for null.
fn is_nan(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let numbers = arrays[0].as_primitive::<Float64Type>();
    Ok(Arc::new(numbers.iter().map(|number| Some(number.is_some_and(f64::is_nan))).collect::<BooleanArray>()))
}

fn one_double(name: &'static str) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
    move |arguments| {
        expect_arguments(name, arguments, 1, 1)?;
        Ok((vec![DataType::Float64], DataType::Float64))
    }
}

fn both(
    name: &'static str,
    number: DataType,
) -> impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync {
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
