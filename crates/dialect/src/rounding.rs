//! `bround(x [, places])`: rounds halves to the even neighbour.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::ScalarUDF;

use crate::function::{Function, expect_arguments, row_of};

/// The one function of this kind that neither DataFusion nor its Spark functions have.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    vec![Function::new("bround", types, bround).build()]
}

fn types(arguments: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    expect_arguments("bround", arguments, 1, 2)?;
    let number = match &arguments[0] {
        DataType::Float32 | DataType::Float64 | DataType::Null => DataType::Float64,
        integer if integer.is_signed_integer() => DataType::Int64,
        other => return plan_err!("`bround` takes a double or a whole number, not {other}: cast it"),
    };
    Ok(([number.clone(), DataType::Int32][..arguments.len()].to_vec(), number))
}

fn bround(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let places = arrays.get(1).map(|places| places.as_primitive::<Int32Type>());
    let at = |row: usize| match places {
        None => Some(0),
        Some(places) => {
            let row = row_of(places, row);
            places.is_valid(row).then(|| places.value(row))
        }
    };
    if arrays[0].data_type() == &DataType::Int64 {
        let rounded = arrays[0].as_primitive::<Int64Type>().iter().enumerate();
        return Ok(Arc::new(rounded.map(|(row, value)| round_integer(value?, at(row)?)).collect::<Int64Array>()));
    }
    let rounded = arrays[0].as_primitive::<Float64Type>().iter().enumerate();
    Ok(Arc::new(rounded.map(|(row, value)| Some(round_double(value?, at(row)?))).collect::<Float64Array>()))
}

/// Rounds the decimal digits that the shortest text of the double shows, as Spark does through `BigDecimal`.
fn round_double(value: f64, places: i32) -> f64 {
    let scientific = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e').filter(|_| value.is_finite()) else { return value };
    let Ok(exponent) = exponent.parse::<i32>() else { return value };
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let kept = i64::from(exponent) + 1 + i64::from(places);
    if kept >= digits.len() as i64 {
        return value;
    }
    if kept < 0 {
        return 0.0_f64.copysign(value);
    }
    let kept = kept as usize;
    let whole = digits[..kept].iter().fold(0_u64, |number, &digit| number * 10 + u64::from(digit));
    let half = (digits[kept], digits[kept + 1..].iter().any(|&digit| digit > 0));
    let up = half.0 > 5 || (half.0 == 5 && (half.1 || whole % 2 == 1));
    let rounded: f64 = format!("{}e{}", whole + u64::from(up), -places).parse().unwrap_or(value);
    rounded.copysign(value)
}

fn round_integer(value: i64, places: i32) -> Option<i64> {
    if places >= 0 {
        return Some(value);
    }
    let Some(unit) = 10_i128.checked_pow(places.unsigned_abs()).filter(|unit| *unit < i128::MAX / 8) else {
        return Some(0);
    };
    let value = i128::from(value);
    let below = value.div_euclid(unit);
    let twice = value.rem_euclid(unit) * 2;
    let up = twice > unit || (twice == unit && below % 2 != 0);
    // Past the range the low 64 bits remain, as in Java.
    Some(((below + i128::from(up)) * unit) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let cases = [
            (2.5, 0, 2.0),
            (3.5, 0, 4.0),
            (-2.5, 0, -2.0),
            (2.675, 2, 2.68),
            (0.125, 2, 0.12),
            (25.0, -1, 20.0),
            (1e300, 2, 1e300),
        ];
        for (value, places, rounded) in cases {
            assert_eq!(round_double(value, places), rounded, "{value} to {places}");
        }
        assert_eq!(round_integer(-25, -1), Some(-20));
        assert_eq!(round_integer(35, -1), Some(40));
        assert_eq!(round_integer(i64::MAX, -60), Some(0));
    }
}
