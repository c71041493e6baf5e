//! What a request is refused with: by the protocol, in several forms, or by the operation.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pinflow_access::sigv4::SignatureError;
use serde_json::{Value, json};

use super::format::Format;
use crate::body::BodyError;
use crate::kinesis::KinesisError;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It is no POST, or has neither a known content type nor a target.
    #[error("Unable to determine service/operation name to be authorized")]
    NoOperation,
    /// Its content type is unknown.
    #[error("the content type is unknown")]
    NoFormat,
    /// It is plain JSON, as Kinesis once took it; what is sent back is the form of that time.
    #[error("the content type `application/json` is no longer taken")]
    PlainJson {
        /// Whether its body could be parsed at least.
        parsed: bool,
    },
    /// Its body is no structure of its format.
    #[error("the body cannot be parsed")]
    NotParsed,
    /// Its target names no operation.
    #[error("the operation is unknown")]
    UnknownOperation,
    /// Its signature is missing or wrong.
    #[error(transparent)]
    Unauthenticated(#[from] SignatureError),
    /// Its body is too large, or broke off.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The operation refuses it.
    #[error(transparent)]
    Operation(#[from] KinesisError),
}

impl Refusal {
    /// The error's type, as in `__type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NoOperation => "AccessDeniedException",
            Self::NoFormat | Self::UnknownOperation | Self::PlainJson { parsed: true } => "UnknownOperationException",
            Self::NotParsed | Self::PlainJson { parsed: false } => "SerializationException",
            Self::Unauthenticated(refusal) => refusal.kind(),
            Self::Body(BodyError::TooLarge { .. }) => "RequestEntityTooLargeException",
            Self::Body(BodyError::Overloaded) => "ProvisionedThroughputExceededException",
            Self::Body(BodyError::TimedOut) => "RequestTimeoutException",
            Self::Body(_) => "SerializationException",
            Self::Operation(refusal) => refusal.kind(),
        }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoOperation => StatusCode::FORBIDDEN,
            Self::NoFormat | Self::PlainJson { parsed: true } => StatusCode::NOT_FOUND,
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Operation(refusal) => refusal.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The reply, in the format of the request where the refusal has a body in one.
    pub(super) fn into_response(self, format: Format) -> Response {
        let kind = self.kind();
        let mut response = match &self {
            Self::NoOperation => format!("<{kind}>\n  <Message>{self}</Message>\n</{kind}>\n").into_response(),
            Self::NoFormat => format!("<{kind}/>\n").into_response(),
            Self::PlainJson { .. } => {
                let body = json!({"Output": {"__type": format!("com.amazon.coral.service#{kind}")}, "Version": "1.0"});
                ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.to_string()).into_response()
            }
            _ => format.reply(&self.body()),
        };
        if matches!(self, Self::NoOperation | Self::NoFormat) {
            response.headers_mut().remove(CONTENT_TYPE);
        }
        *response.status_mut() = self.status();
        response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(kind));
        let retry_after = match self {
            Self::Operation(KinesisError::ProvisionedThroughputExceeded { retry_after, .. }) => Some(retry_after),
            Self::Body(BodyError::Overloaded) => Some(BodyError::RETRY_AFTER),
            _ => None,
        };
        if let Some(retry_after) = retry_after {
            let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn body(&self) -> Value {
        let kind = self.kind();
        match self {
            Self::NotParsed | Self::UnknownOperation => json!({"__type": kind}),
            Self::Operation(refusal) => json!({"__type": kind, refusal.message_member(): refusal.to_string()}),
            _ => json!({"__type": kind, "message": self.to_string()}),
        }
    }
}
