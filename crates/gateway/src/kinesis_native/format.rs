//! The two formats of the protocol. The structs of requests and replies are the same for both.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::Refusal;
use crate::kinesis::KinesisError;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, with blobs in base64 and times in seconds.
    Json,
    /// CBOR (RFC 8949), with times in milliseconds.
    Cbor,
}

impl Format {
    /// The format of a content type.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        [Self::Json, Self::Cbor].into_iter().find(|format| format.content_type() == content_type)
    }

    /// Its content type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// A reply's body.
    pub(super) fn encode(self, body: &impl Serialize) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(body).expect("replies have text keys and finite numbers only"),
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(body, &mut bytes).expect("memory takes every reply");
                bytes
            }
        }
    }

    /// A request from a body.
    ///
    /// # Errors
    /// [`Refusal::NotParsed`]; [`KinesisError::Serialization`] for a member of a wrong type.
    pub(super) fn decode<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, Refusal> {
        if !self.begins_structure(body) {
            return Err(Refusal::NotParsed);
        }
        let wrong_type = match self {
            Self::Json => match serde_json::from_slice(body) {
                Ok(request) => return Ok(request),
                // The words come from the member's type; the parser adds where it was.
                Err(failure) if failure.is_data() => {
                    let text = failure.to_string();
                    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
                }
                Err(_) => return Err(Refusal::NotParsed),
            },
            Self::Cbor => match from_cbor(body) {
                Ok(request) => return Ok(request),
                Err(Some(message)) => message,
                Err(None) => return Err(Refusal::NotParsed),
            },
        };
        if self.is_structure(body) {
            Err(KinesisError::Serialization(wrong_type).into())
        } else {
            Err(Refusal::NotParsed)
        }
    }

    /// Whether a body is a structure, whatever its members.
    pub(super) fn is_structure(self, body: &[u8]) -> bool {
        self.begins_structure(body)
            && match self {
                Self::Json => serde_json::from_slice::<IgnoredAny>(body).is_ok(),
                Self::Cbor => from_cbor::<IgnoredAny>(body).is_ok(),
            }
    }

    fn begins_structure(self, body: &[u8]) -> bool {
        match self {
            Self::Json => body.trim_ascii_start().starts_with(b"{"),
            // The major type 5, of a definite or an indefinite length.
            Self::Cbor => body.first().is_some_and(|first| first >> 5 == 5),
        }
    }

    /// A 200 with a body.
    pub(super) fn reply(self, body: &impl Serialize) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static(self.content_type()))], self.encode(body)).into_response()
    }

    /// A 200 without a body: the reply of an operation without a result.
    pub(super) fn empty(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static(self.content_type()))], Vec::new()).into_response()
    }
}

/// Reads a whole body.
///
/// # Errors
/// What is wrong with a member; `None` for what is no CBOR.
fn from_cbor<T: DeserializeOwned>(mut body: &[u8]) -> Result<T, Option<String>> {
    match ciborium::from_reader(&mut body) {
        Ok(request) if body.is_empty() => Ok(request),
        Err(ciborium::de::Error::Semantic(_, message)) => Err(Some(message)),
        _ => Err(None),
    }
}
