//! Reads a JSON object member by member, so that an envelope can know its spellings and name what it does not know.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// Something that is read from the members of a JSON object.
pub(crate) trait Members<'de>: Default {
    /// What it is, for the message about something else in its place, as in "a record object".
    const EXPECTED: &'static str;

    /// Takes the member `name`: exactly one value must be taken from `members`.
    ///
    /// # Errors
    /// Those of the value.
    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error>;
}

/// Reads `T` from a JSON object.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Members<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Members<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(Name(name)) = members.next_key()? {
            object.member(&name, &mut members)?;
        }
        Ok(Object(object))
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Takes a value that may stand in an object once. A second one is refused: either could be the one that was meant.
///
/// # Errors
/// Those of the value, and one for the second.
pub(crate) fn once<'de, T, A>(slot: &mut Option<T>, name: &'static str, members: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *slot = Some(members.next_value()?);
    Ok(())
}
