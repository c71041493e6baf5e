//! Request bodies that are read as a whole: type, parsing, and what is said about members that they do not have.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use serde::de::{IgnoredAny, MapAccess};

use super::error::V3Error;
use crate::dialect::Call;
use crate::json::{self, Members, Object};
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::media_type::PLAIN_JSON;

/// The first member that an object does not have.
#[derive(Debug, Default)]
pub(super) struct Unrecognized(Option<String>);

impl Unrecognized {
    /// Remembers the member `name` and passes over its value.
    ///
    /// # Errors
    /// Those of the value.
    pub(super) fn skip<'de, A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        self.0.get_or_insert_with(|| name.to_owned());
        members.next_value::<IgnoredAny>().map(drop)
    }

    /// Its name, if there was one.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Refuses the object that had one.
    ///
    /// # Errors
    /// The status 422.
    pub(super) fn check(&self) -> Result<(), V3Error> {
        self.name().map_or(Ok(()), |name| Err(unrecognized(name)))
    }
}

/// A member that an object does not have.
pub(super) fn unrecognized(name: &str) -> V3Error {
    KafkaRestError::UnrecognizedField(name.to_owned()).into()
}

/// A member that an object must have.
pub(super) fn missing(name: &str) -> V3Error {
    V3Error::bad_request(format!("Missing required property '{name}'."))
}

/// Refuses a body that is not JSON.
///
/// # Errors
/// The status 415.
pub(super) fn check_type(headers: &HeaderMap) -> Result<(), V3Error> {
    let essence = content_type(headers).map(|value| value.split(';').next().unwrap_or_default().trim());
    match essence.is_some_and(|essence| essence.eq_ignore_ascii_case(PLAIN_JSON)) {
        true => Ok(()),
        false => Err(KafkaRestError::UnsupportedMediaType.into()),
    }
}

/// The content type with its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// The whole body of a request that has one.
///
/// # Errors
/// As [`check_type`]; that it is too large or broke off.
pub(super) async fn read(call: &Call, body: Body) -> Result<Bytes, V3Error> {
    check_type(&call.headers)?;
    Ok(call.read(body).await?)
}

/// Parses a body that must be an object.
///
/// # Errors
/// [`V3Error::Payload`] for none or `null`; the status 400 for anything else than such an object.
pub(super) fn parse<'a, T: Members<'a>>(bytes: &'a Bytes) -> Result<T, V3Error> {
    match parse_optional(bytes)? {
        Some(parsed) => Ok(parsed),
        None => Err(V3Error::Payload("Request body is empty. Data is required.")),
    }
}

/// Parses a body that is an object, `null` or nothing.
///
/// # Errors
/// The status 400 for anything else.
pub(super) fn parse_optional<'a, T: Members<'a>>(bytes: &'a Bytes) -> Result<Option<T>, V3Error> {
    if json::is_blank(bytes) {
        return Ok(None);
    }
    Ok(json::parse::<Option<Object<T>>>(bytes)?.map(|Object(parsed)| parsed))
}
