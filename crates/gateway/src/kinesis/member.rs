//! The types of the service's model, as requests and replies carry them.
//!
//! One struct a request and a reply serves JSON and CBOR: only blobs and timestamps differ between the two, and both tell
//! by `is_human_readable` which it is. A value of a wrong type is refused in the service's own words.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ciborium::tag::{Captured, Required};
use pinflow_event::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// The most values that a list or a map of a request may hold, far beyond what any operation takes: it bounds the memory that
/// a body of empty values takes.
const LONGEST: usize = 20_000;
const NO_LIST: &str = "Start of list found where not expected";
const NO_STRUCTURE: &str = "Start of structure or map found where not expected.";

/// A string.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(pub(crate) String);

/// An integer of 32 bits: larger ones become the largest, fractions go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Integer(pub(crate) i64);

/// A boolean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Boolean(pub(crate) bool);

/// Bytes: base64 in JSON, a byte string in CBOR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Bytes);

/// A time: seconds with a fraction in JSON, whole milliseconds with the tag 1 in CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

/// A list. A null in it is an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

/// A map of strings. A null in it is an empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextMap(pub(crate) BTreeMap<String, String>);

/// A structure inside a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Structure<T>(pub(crate) T);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A number on the wire.
enum Number {
    Whole(i128),
    Fraction(f64),
}

/// What can become a single value of the model.
trait Scalar: Sized {
    /// The type's name in refusals.
    const NAME: &'static str;

    fn of_text(_text: &str) -> Result<Self, String> {
        Err(Self::cannot_be("java.lang.String"))
    }

    fn of_owned_text(text: String) -> Result<Self, String> {
        Self::of_text(&text)
    }

    fn of_bytes(_bytes: Vec<u8>) -> Result<Self, String> {
        Err(Self::cannot_be("java.nio.HeapByteBuffer"))
    }

    fn of_number(_number: Number) -> Result<Self, String> {
        Err(Self::cannot_be("com.amazon.coral.value.json.numbers.TruncatingBigNumber"))
    }

    fn of_boolean(_boolean: bool) -> Result<Self, String> {
        Err(Self::cannot_be("java.lang.Boolean"))
    }

    fn cannot_be(class: &str) -> String {
        format!("class {class} can not be converted to {}", Self::NAME)
    }
}

impl Scalar for Text {
    const NAME: &'static str = "an String";

    fn of_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn of_owned_text(text: String) -> Result<Self, String> {
        Ok(Self(text))
    }
}

impl Scalar for Integer {
    const NAME: &'static str = "an Integer";

    fn of_number(number: Number) -> Result<Self, String> {
        let whole = match number {
            Number::Whole(whole) => whole,
            Number::Fraction(fraction) => fraction.floor() as i128,
        };
        let within = whole.clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        Ok(Self(i64::try_from(within).expect("an integer of 32 bits is one of 64")))
    }
}

impl Scalar for Boolean {
    const NAME: &'static str = "an Boolean";

    fn of_boolean(boolean: bool) -> Result<Self, String> {
        Ok(Self(boolean))
    }

    fn of_text(text: &str) -> Result<Self, String> {
        match text.to_uppercase().as_str() {
            "TRUE" => Ok(Self(true)),
            "FALSE" => Ok(Self(false)),
            other => Err(format!("'{}' can not be converted to {}", super::constraint::excerpt(other), Self::NAME)),
        }
    }
}

impl Scalar for Blob {
    const NAME: &'static str = "a Blob";

    fn of_bytes(bytes: Vec<u8>) -> Result<Self, String> {
        Ok(Self(bytes.into()))
    }

    fn of_text(text: &str) -> Result<Self, String> {
        BASE64.decode(text).map(|bytes| Self(bytes.into())).map_err(|_| {
            let text_shown = super::constraint::excerpt(text);
            format!("'{text_shown}' can not be converted to a Blob: {}", what_is_wrong_with_base64(text))
        })
    }
}

fn what_is_wrong_with_base64(text: &str) -> String {
    let length = text.chars().count();
    if !length.is_multiple_of(4) {
        return format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}");
    }
    let following = text.chars().skip(1).map(Some).chain([None]);
    let wrong = text.chars().zip(following).find(|(character, next)| match character {
        '=' => next.is_some_and(|next| next != '='),
        other => !(other.is_ascii_alphanumeric() || matches!(other, '+' | '/')),
    });
    match wrong {
        Some((character, _)) => format!("Invalid Base64 character: '{character}'"),
        None => "Invalid last non-pad Base64 character dectected".to_owned(),
    }
}

/// Seconds, as JSON has them; so does RFC 8949 in CBOR for a number with a fraction.
fn of_seconds(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1_000.0).round() as i64)
}

/// A time in JSON.
struct Seconds(Timestamp);

impl Scalar for Seconds {
    const NAME: &'static str = "milliseconds since epoch";

    fn of_number(number: Number) -> Result<Self, String> {
        Ok(Self(match number {
            Number::Whole(seconds) => {
                let millis = seconds.saturating_mul(1_000).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
                Timestamp::from_millis(i64::try_from(millis).expect("it was clamped"))
            }
            Number::Fraction(seconds) => of_seconds(seconds),
        }))
    }
}

/// A time in CBOR, without its tag.
struct Milliseconds(Timestamp);

impl Scalar for Milliseconds {
    const NAME: &'static str = "milliseconds since epoch";

    fn of_number(number: Number) -> Result<Self, String> {
        Ok(Self(match number {
            Number::Whole(millis) => {
                let millis = millis.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
                Timestamp::from_millis(i64::try_from(millis).expect("it was clamped"))
            }
            Number::Fraction(seconds) => of_seconds(seconds),
        }))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

fn scalar<'de, T: Scalar, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

impl<'de, T: Scalar> Visitor<'de> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        T::of_boolean(value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        T::of_number(Number::Whole(value.into())).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::of_number(Number::Whole(value.into())).map_err(E::custom)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<T, E> {
        T::of_number(Number::Whole(value)).map_err(E::custom)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<T, E> {
        T::of_number(Number::Whole(i128::try_from(value).unwrap_or(i128::MAX))).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        T::of_number(Number::Fraction(value)).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        T::of_text(value).map_err(E::custom)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<T, E> {
        T::of_owned_text(value).map_err(E::custom)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<T, E> {
        T::of_bytes(value.to_vec()).map_err(E::custom)
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<T, E> {
        T::of_bytes(value).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        Err(A::Error::custom(NO_LIST))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        Err(A::Error::custom(NO_STRUCTURE))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Boolean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return scalar(deserializer).map(|Seconds(time)| Self(time));
        }
        let Captured(_, Milliseconds(time)) = Captured::deserialize(deserializer)?;
        Ok(Self(time))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextMapVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Structure<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StructureVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);
struct TextMapVisitor;
struct StructureVisitor<T>(PhantomData<T>);

/// The single values that a visitor of something larger refuses, all with the same words.
macro_rules! refuse_scalars {
    ($words:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($words)
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }

        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }

        fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Self::Value, E> {
            Err(E::custom($words))
        }
    };
}

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    refuse_scalars!("Expected list or null");

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element::<Option<T>>()? {
            if list.len() == LONGEST {
                return Err(A::Error::custom(format_args!("a list holds more than {LONGEST} values")));
            }
            list.push(value.unwrap_or_default());
        }
        Ok(List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(NO_STRUCTURE))
    }
}

impl<'de> Visitor<'de> for TextMapVisitor {
    type Value = TextMap;

    refuse_scalars!("Expected map or null");

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(NO_LIST))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = members.next_entry::<String, Option<Text>>()? {
            if map.len() == LONGEST {
                return Err(A::Error::custom(format_args!("a map holds more than {LONGEST} values")));
            }
            map.insert(key, value.unwrap_or_default().0);
        }
        Ok(TextMap(map))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for StructureVisitor<T> {
    type Value = Structure<T>;

    refuse_scalars!("Expected null");

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(NO_LIST))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Structure)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&BASE64.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        if serializer.is_human_readable() {
            // Never in exponent form: milliseconds of 64 bits are seconds below 10^16, and at least 0.001.
            serializer.serialize_f64(millis as f64 / 1_000.0)
        } else {
            Required::<i64, 1>(millis).serialize(serializer)
        }
    }
}
