//! The errors of the dialect: API Gateway's own, which have a message alone, and those of Kinesis behind it.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::reply;
use crate::body::BodyError;
use crate::json::{JsonError, TooDeep};
use crate::kinesis::KinesisError;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiGatewayError {
    /// No such path or method: API Gateway has these words for it.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// No template for the body's type, or a compressed body.
    #[error("Unsupported Media Type")]
    UnsupportedMediaType,
    /// The body is larger than allowed, or broke off.
    #[error("{}", match .0 { BodyError::TooLarge { .. } => "Request Too Long".to_owned(), broken => broken.to_string() })]
    Body(#[from] BodyError),
    /// The body is not JSON of the right shape.
    #[error("Could not parse request body into json: {0}")]
    Json(#[from] JsonError),
    /// Kinesis refuses.
    #[error(transparent)]
    Kinesis(#[from] KinesisError),
}

impl From<TooDeep> for ApiGatewayError {
    fn from(deep: TooDeep) -> Self {
        Self::Json(deep.into())
    }
}

impl ApiGatewayError {
    /// The error's type, as in the header `x-amzn-ErrorType`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::Body(BodyError::TooLarge { .. }) => "RequestEntityTooLargeException",
            Self::UnsupportedMediaType | Self::Body(_) | Self::Json(_) => "BadRequestException",
            Self::Kinesis(refusal) => refusal.kind(),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingAuthenticationToken => StatusCode::FORBIDDEN,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) | Self::Json(_) => StatusCode::BAD_REQUEST,
            Self::Kinesis(KinesisError::AccessDenied(_)) => StatusCode::FORBIDDEN,
            Self::Kinesis(KinesisError::ProvisionedThroughputExceeded { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Kinesis(refusal) => refusal.status(),
        }
    }

    /// The reply.
    pub(crate) fn into_response(self) -> Response {
        let body = match &self {
            Self::Kinesis(refusal) => json!({ "__type": self.kind(), refusal.message_member(): refusal.to_string() }),
            own => json!({ "message": own.to_string() }),
        };
        let mut response = reply::json_reply(&body);
        *response.status_mut() = self.status();
        response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(self.kind()));
        if let Self::Kinesis(KinesisError::ProvisionedThroughputExceeded { retry_after, .. }) = self {
            let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
