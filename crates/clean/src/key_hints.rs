//! Whether a key may be among some, told by a bit: most keys of a table are none of those that are looked for, and need no hash then.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;

/// Bits for each key: one in so many others is mistaken for one of them.
const BITS_A_KEY: usize = 32;

/// A bit for each value that the mixed ends of a key can have.
#[derive(Debug)]
pub(crate) struct KeyHints {
    secret: (u64, u64),
    bits: Vec<u64>,
}

impl KeyHints {
    /// Of the keys in some columns.
    pub fn of(secret: (u64, u64), columns: &[&ArrayRef]) -> Result<Self, ArrowError> {
        let keys: usize = columns.iter().map(|column| column.len()).sum();
        let words = (keys * BITS_A_KEY / u64::BITS as usize).next_power_of_two();
        let mut bits = vec![0; words];
        for column in columns {
            each(secret, column, |_, mixed| {
                let (word, bit) = place_of(mixed, words);
                bits[word] |= bit;
            })?;
        }
        Ok(Self { secret, bits })
    }

    /// The places in `column` of keys that may be among them.
    pub fn places(&self, column: &ArrayRef) -> Result<Vec<u32>, ArrowError> {
        let mut places = Vec::new();
        each(self.secret, column, |place, mixed| {
            let (word, bit) = place_of(mixed, self.bits.len());
            if self.bits[word] & bit != 0 {
                places.push(place);
            }
        })?;
        Ok(places)
    }
}

/// The word and the bit in it, of so many words, a power of two.
fn place_of(mixed: u64, words: usize) -> (usize, u64) {
    ((mixed >> 6) as usize & (words - 1), 1 << (mixed & 63))
}

/// Calls `visit` with the place of each key, and with its ends, mixed.
fn each(secret: (u64, u64), column: &ArrayRef, mut visit: impl FnMut(u32, u64)) -> Result<(), ArrowError> {
    let places = 0..;
    if column.data_type().is_integer() {
        let numbers = cast(column, &DataType::Int64)?;
        for (place, number) in places.zip(numbers.as_primitive::<Int64Type>()) {
            number.into_iter().for_each(|number| visit(place, mixed(secret, number as u64, 0)));
        }
        return Ok(());
    }
    let mut of_text = |(place, text): (u32, Option<&str>)| {
        text.into_iter().for_each(|text| {
            let (first, last) = ends(text.as_bytes());
            visit(place, mixed(secret, first, last ^ text.len() as u64));
        });
    };
    match column.data_type() {
        DataType::Utf8View => places.zip(column.as_string_view()).for_each(&mut of_text),
        _ => places.zip(cast(column, &DataType::Utf8)?.as_string::<i32>()).for_each(&mut of_text),
    }
    Ok(())
}

/// The first and the last eight bytes; with fewer, all of them.
fn ends(text: &[u8]) -> (u64, u64) {
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
    }
}

/// Both numbers, mixed so that every bit depends on each of theirs (the multiplication of wyhash).
fn mixed((a, b): (u64, u64), first: u64, last: u64) -> u64 {
    let product = u128::from(first ^ a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(last ^ b ^ 0xd1b5_4a32_d192_ed03);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, LargeStringArray, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn no_key_is_missed_and_few_others_are_taken() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..10_000).map(|number| number * 3)));
        let hints = KeyHints::of((5, 6), &[&numbers]).unwrap();
        assert_eq!(hints.places(&numbers).unwrap().len(), 10_000);
        let others: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100_000).map(|number| number * 3 + 1)));
        assert!(hints.places(&others).unwrap().len() < 10_000);
        let small: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), None]));
        assert_eq!(hints.places(&small).unwrap(), [0]);

        let text = |number: usize| format!("{:x}-and-more-{number}", number * 7_919);
        let texts: Vec<String> = (0..10_000).map(text).chain(["".to_owned(), "short".to_owned()]).collect();
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(&texts));
        let hints = KeyHints::of((5, 6), &[&column]).unwrap();
        let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let large: ArrayRef = Arc::new(LargeStringArray::from_iter_values(&texts));
        for same in [&column, &views, &large] {
            assert_eq!(hints.places(same).unwrap().len(), texts.len());
        }
        let others: ArrayRef = Arc::new(StringViewArray::from_iter_values((20_000..120_000).map(text)));
        assert!(hints.places(&others).unwrap().len() < 10_000);
    }

    #[test]
    fn of_no_keys_there_are_none() {
        let none: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        let some: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        assert!(KeyHints::of((1, 2), &[&none]).unwrap().places(&some).unwrap().is_empty());
        assert!(KeyHints::of((1, 2), &[]).unwrap().places(&some).unwrap().is_empty());
    }
}
