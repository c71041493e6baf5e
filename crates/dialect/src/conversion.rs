//! Single values from one type to another by the rules of Spark's cast with ANSI mode off.

use std::fmt::{self, Write};

use crate::timestamp::trim;

/// A whole number from text: an optional sign and digits; a fraction is dropped. `None` for anything else and past 64 bits.
pub(crate) fn text_to_integer(text: &str) -> Option<i64> {
    let text = trim(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(digits)
        || !all_digits(fraction)
        || (digits.is_empty() && (fraction.is_empty() && !text.contains('.')))
    {
        return None;
    }
    // `.5` and `-.5` are 0, as in Spark.
    if digits.is_empty() { Some(0) } else { whole.parse().ok() }
}

/// A double from text: decimal or exponent notation, `Infinity`, `Inf` and `NaN` in any case, a trailing `d` or `f` as in Java.
pub(crate) fn text_to_double(text: &str) -> Option<f64> {
    let text = trim(text);
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return named_double(text, number);
    }
    let number = number.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(number);
    // Java takes a sign in front, so one was cut off: a second one must not slip through.
    let magnitude: f64 = number.parse().ok()?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn named_double(text: &str, number: &str) -> Option<f64> {
    if number.eq_ignore_ascii_case("inf") || number.eq_ignore_ascii_case("infinity") {
        Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
    } else {
        text.eq_ignore_ascii_case("nan").then_some(f64::NAN)
    }
}

/// `true`, `t`, `yes`, `y`, `1` and their opposites, in any case.
pub(crate) fn text_to_boolean(text: &str) -> Option<bool> {
    let text = trim(text);
    let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    if is(&["true", "t", "yes", "y", "1"]) { Some(true) } else { is(&["false", "f", "no", "n", "0"]).then_some(false) }
}

/// A decimal of `precision` and `scale` from text, rounded half up, as the unscaled number; `None` where it does not fit.
pub(crate) fn text_to_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = trim(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let places = i64::from(exponent) + whole.len() as i64 + i64::from(scale);
    let unscaled = round_digits(digits(), places)?;
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < limit).then_some(if negative { -unscaled } else { unscaled })
}

/// The number that the first `places` digits make, filled up with zeros, rounded half up by the digit after them.
fn round_digits(mut digits: impl Iterator<Item = u8>, places: i64) -> Option<i128> {
    let mut number = 0_i128;
    for _ in 0..places {
        let digit = digits.next();
        if digit.is_none() && number == 0 {
            return Some(0);
        }
        number = number.checked_mul(10)?.checked_add(i128::from(digit.unwrap_or(b'0') - b'0'))?;
    }
    let up = places >= 0 && digits.next().is_some_and(|digit| digit >= b'5');
    Some(number + i128::from(up))
}

/// Writes a double as Java's `Double.toString` does: plain from 0.001 to ten million, else `1.0E7`.
pub(crate) fn write_double(out: &mut impl Write, value: f64) -> fmt::Result {
    write_shortest(out, value, format_args!("{:e}", value.abs()))
}

/// Writes a float as Java's `Float.toString` does.
pub(crate) fn write_float(out: &mut impl Write, value: f32) -> fmt::Result {
    write_shortest(out, f64::from(value), format_args!("{:e}", value.abs()))
}

/// Lays out the shortest digits that name the value, given as `d.dddE<exponent>`.
fn write_shortest(out: &mut impl Write, value: f64, scientific: fmt::Arguments<'_>) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_sign_negative() {
        out.write_char('-')?;
    }
    if value.is_infinite() {
        return out.write_str("Infinity");
    }
    let scientific = scientific.to_string();
    let (mantissa, exponent) = scientific.split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    let digits = mantissa.replace('.', "");
    if value == 0.0 {
        out.write_str("0.0")
    } else if (-3..0).contains(&exponent) {
        write!(out, "0.{:0>width$}", digits, width = digits.len() + exponent.unsigned_abs() as usize - 1)
    } else if (0..7).contains(&exponent) {
        let point = exponent as usize + 1;
        let whole = &digits[..point.min(digits.len())];
        let fraction = digits.get(point..).filter(|f| !f.is_empty()).unwrap_or("0");
        write!(out, "{whole:0<point$}.{fraction}")
    } else {
        let (first, rest) = digits.split_at(1);
        write!(out, "{first}.{}E{exponent}", if rest.is_empty() { "0" } else { rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (123.456, "123.456"),
            (1_234_567.0, "1234567.0"),
            (12_345_678.0, "1.2345678E7"),
            (1e7, "1.0E7"),
            (0.001, "0.001"),
            (0.000_123, "1.23E-4"),
            (-1.5, "-1.5"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::MAX, "1.7976931348623157E308"),
        ];
        for (value, expected) in cases {
            let mut text = String::new();
            assert!(write_double(&mut text, value).is_ok());
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn decimals_round_half_up_and_never_overflow() {
        assert_eq!(text_to_decimal("1.005", 10, 2), Some(101));
        assert_eq!(text_to_decimal("-1.005", 10, 2), Some(-101));
        assert_eq!(text_to_decimal("0.004", 10, 2), Some(0));
        assert_eq!(text_to_decimal("1e3", 10, 2), Some(100_000));
        assert_eq!(text_to_decimal("1e999999", 10, 2), None);
        assert_eq!(text_to_decimal("1e-999999", 10, 2), Some(0));
        assert_eq!(text_to_decimal("99.995", 4, 2), None);
        assert_eq!(text_to_decimal("", 4, 2), None);
        assert_eq!(text_to_decimal(".", 4, 2), None);
        assert_eq!(text_to_decimal("0e999999999", 4, 2), Some(0));
    }
}
