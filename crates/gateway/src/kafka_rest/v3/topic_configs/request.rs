//! The bodies that set configurations.

use bytes::Bytes;
use serde::de::MapAccess;

use super::values::ConfigChange;
use crate::json::{Members, Object, once};
use crate::kafka_rest::v3::body::{self, Unrecognized};
use crate::kafka_rest::v3::error::V3Error;

/// A configuration as a request names it.
#[derive(Debug, Default)]
pub(in crate::kafka_rest::v3) struct Config {
    name: Option<Option<String>>,
    value: Option<Option<String>>,
    operation: Option<Option<String>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Config {
    const EXPECTED: &'static str = "a configuration with `name` and `value`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => once(&mut self.name, "name", members),
            "value" => once(&mut self.value, "value", members),
            "operation" => once(&mut self.operation, "operation", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

impl Config {
    /// A configuration to be set when a topic is made.
    ///
    /// # Errors
    /// That a member is missing or not known; [`V3Error::Kafka`] for a value that is null.
    pub(in crate::kafka_rest::v3) fn into_set(self) -> Result<ConfigChange, V3Error> {
        self.unrecognized.check()?;
        if self.operation.is_some() {
            return Err(body::unrecognized("operation"));
        }
        let name = self.name.flatten().ok_or_else(|| body::missing("name"))?;
        not_null(name, self.value.flatten())
    }

    fn into_change(self) -> Result<ConfigChange, V3Error> {
        self.unrecognized.check()?;
        let name = self.name.flatten().ok_or_else(|| body::missing("name"))?;
        match self.operation.flatten().as_deref() {
            None | Some("SET") => not_null(name, self.value.flatten()),
            Some("DELETE") => Ok(ConfigChange { name, value: None }),
            Some(other) => Err(V3Error::bad_request(format!("operation `{other}` is neither `SET` nor `DELETE`"))),
        }
    }
}

fn not_null(name: String, value: Option<String>) -> Result<ConfigChange, V3Error> {
    match value {
        Some(value) => Ok(ConfigChange { name, value: Some(value) }),
        None => Err(V3Error::Kafka(format!("Null value not supported for topic configs: {name}"))),
    }
}

#[derive(Debug, Default)]
struct Put {
    value: Option<Option<String>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Put {
    const EXPECTED: &'static str = "an object with `value`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "value" => once(&mut self.value, "value", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

/// `{"value":"..."}`.
///
/// # Errors
/// Those of the body; [`V3Error::Kafka`] for a value that is null.
pub(in crate::kafka_rest::v3) fn put_request(name: &str, bytes: &Bytes) -> Result<String, V3Error> {
    let put: Put = body::parse(bytes)?;
    put.unrecognized.check()?;
    let change = not_null(name.to_owned(), put.value.flatten())?;
    Ok(change.value.expect("it is not null"))
}

#[derive(Debug, Default)]
struct Alter {
    data: Option<Option<Vec<Object<Config>>>>,
    validate_only: Option<Option<bool>>,
    unrecognized: Unrecognized,
}

impl<'de> Members<'de> for Alter {
    const EXPECTED: &'static str = "an object with `data`";

    fn member<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "data" => once(&mut self.data, "data", members),
            "validate_only" => once(&mut self.validate_only, "validate_only", members),
            _ => self.unrecognized.skip(name, members),
        }
    }
}

/// `{"data":[{"name":"...","value":"...","operation":"SET"}],"validate_only":false}`: the changes, and whether they are
/// only to be checked.
///
/// # Errors
/// Those of the body and of each configuration in it.
pub(in crate::kafka_rest::v3) fn alter_request(bytes: &Bytes) -> Result<(Vec<ConfigChange>, bool), V3Error> {
    let alter: Alter = body::parse(bytes)?;
    alter.unrecognized.check()?;
    let data = alter.data.flatten().ok_or(V3Error::Payload("Null input provided. Data is required."))?;
    if data.is_empty() {
        return Err(V3Error::Payload("Empty input provided. Data is required."));
    }
    let changes = data.into_iter().map(|Object(config)| config.into_change()).collect::<Result<_, _>>()?;
    Ok((changes, alter.validate_only.flatten().unwrap_or(false)))
}
