//! Reads whatever is a JSON object, by the full parser, and says why a text is none.

use std::borrow::Cow;
use std::fmt;

use pinflow_pipeline::{Field, FieldType};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Found, Slot};
use crate::reject::RejectCause;

/// Reads `text` into the slots of the fields that the schema names, the last of several of one name. Where all of it could be read,
/// `meet` is told the names of the other fields.
pub(super) fn read<'a>(
    fields: &[Field],
    text: &'a str,
    slots: &mut [Slot<'a>],
    meet: &mut impl FnMut(&str),
) -> Result<(), RejectCause> {
    let mut unknown = Vec::new();
    let mut read = |slots: &mut [Slot<'a>], values| {
        unknown.clear();
        let mut reader = serde_json::Deserializer::from_str(text);
        let seed = RecordSeed { fields, slots, unknown: &mut unknown, values };
        seed.deserialize(&mut reader).and_then(|()| reader.end())
    };
    if let Err(error) = read(slots, Values::Together) {
        slots.fill_with(|| Slot::Absent);
        if !error.is_syntax() || read(slots, Values::Apart).is_err() {
            return Err(not_an_object(text, &error));
        }
    }
    unknown.iter().for_each(|name| meet(name));
    Ok(())
}

fn not_an_object(text: &str, error: &serde_json::Error) -> RejectCause {
    if !text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return RejectCause::NotAnObject;
    }
    RejectCause::NotJson { reason: error.to_string() }
}

/// The digits of field `name` as they stand in the record: `1.50` stays `1.50`.
pub(super) fn number_text(text: &str, name: &str) -> String {
    struct Last<'n>(&'n str);
    impl<'de> Visitor<'de> for Last<'_> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut last = None;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                let value: &RawValue = map.next_value()?;
                if key == self.0 {
                    last = Some(value);
                }
            }
            Ok(last)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let raw = reader.deserialize_map(Last(name)).expect("the record was decoded as an object once already");
    raw.expect("the field was met in this record").get().to_owned()
}

/// How values are read.
#[derive(Clone, Copy)]
enum Values {
    /// In one go with the record: what cannot be read ends the reading.
    Together,
    /// Each by itself. JSON's grammar has values that cannot be held, such as `1e999` and `"\ud800"`: those are wrong values of their
    /// fields, and the record is sound.
    Apart,
}

/// Reads an object into the slots of the fields that the schema names.
struct RecordSeed<'f, 's, 'a> {
    fields: &'f [Field],
    slots: &'s mut [Slot<'a>],
    /// The names of the other fields.
    unknown: &'s mut Vec<Cow<'a, str>>,
    values: Values,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        // Clients send the fields in one order, mostly that of the schema: the next field is tried first.
        let mut next = 0;
        while let Some(found) = map.next_key_seed(NameSeed { fields: self.fields, next })? {
            match found {
                Ok(number) => {
                    let kind = self.fields[number].kind;
                    self.slots[number] = match self.values {
                        Values::Together => map.next_value_seed(ValueSeed(kind))?,
                        Values::Apart => slot_of(map.next_value()?, kind),
                    };
                    next = number + 1;
                }
                Err(name) => {
                    self.unknown.push(name);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds the number of the field that a name names, or gives the name back.
struct NameSeed<'f> {
    fields: &'f [Field],
    next: usize,
}

impl NameSeed<'_> {
    fn number(&self, name: &str) -> Option<usize> {
        if self.fields.get(self.next).is_some_and(|f| f.name == name) {
            return Some(self.next);
        }
        self.fields.iter().position(|f| f.name == name)
    }
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Result<usize, Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed<'_> {
    type Value = Result<usize, Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(self.number(name).ok_or(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.number(name).ok_or_else(|| Cow::Owned(name.to_owned())))
    }
}

/// A value by itself; one that cannot be held is wrong.
fn slot_of(value: &RawValue, kind: FieldType) -> Slot<'_> {
    let text = value.get();
    let read = ValueSeed(kind).deserialize(&mut serde_json::Deserializer::from_str(text));
    read.unwrap_or_else(|_| match (text.bytes().next(), kind) {
        (Some(b'{'), _) => Slot::Wrong(Found::Object),
        (Some(b'['), _) => Slot::Wrong(Found::Array),
        (Some(b'"'), FieldType::String) => Slot::Wrong(Found::HalfSurrogate),
        (Some(b'"'), _) => Slot::Wrong(Found::Text),
        // As a text, a number is its digits.
        (_, FieldType::String) => Slot::Text(Cow::Borrowed(text)),
        (_, FieldType::Double) => Slot::Wrong(Found::OutOfRange),
        (_, FieldType::Bigint | FieldType::Boolean) => Slot::Wrong(Found::NotWhole),
    })
}

/// Reads a value for a field of one type; a value of another type becomes [`Slot::Wrong`], not an error.
struct ValueSeed(FieldType);

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Slot<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Slot<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.0)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Slot::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(if self.0 == FieldType::String { Slot::Text(Cow::Borrowed(text)) } else { Slot::Wrong(Found::Text) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if self.0 == FieldType::String { Slot::Text(Cow::Owned(text.to_owned())) } else { Slot::Wrong(Found::Text) })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Boolean => Slot::Truth(truth),
            FieldType::String => Slot::Text(Cow::Borrowed(if truth { "true" } else { "false" })),
            FieldType::Bigint | FieldType::Double => Slot::Wrong(Found::Truth),
        })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Bigint => Slot::Whole(number),
            FieldType::Double => Slot::Real(number as f64),
            FieldType::String => Slot::Text(Cow::Owned(number.to_string())),
            FieldType::Boolean => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(match (self.0, i64::try_from(number)) {
            (FieldType::Bigint, Ok(number)) => Slot::Whole(number),
            (FieldType::Double, _) => Slot::Real(number as f64),
            (FieldType::String, _) => Slot::Text(Cow::Owned(number.to_string())),
            (FieldType::Bigint, Err(_)) | (FieldType::Boolean, _) => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(match self.0 {
            FieldType::Double => Slot::Real(number),
            FieldType::String => Slot::NumberAsText,
            FieldType::Bigint | FieldType::Boolean => Slot::Wrong(Found::NotWhole),
        })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong(Found::Object))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong(Found::Array))
    }
}
