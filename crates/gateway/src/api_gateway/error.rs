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

/// API Gateway's words where it has some.
fn body_message(failure: &BodyError) -> String {
    match failure {
        BodyError::TooLarge { .. } => "Request Too Long".to_owned(),
        BodyError::Overloaded => "Too Many Requests".to_owned(),
        BodyError::TimedOut => "Request Timeout".to_owned(),
        BodyError::UnknownEncoding(_) => "Unsupported Media Type".to_owned(),
        failure => failure.to_string(),
    }
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiGatewayError {
    /// No such path or method: API Gateway has these words for it.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// No API key, or one that is not in the access list.
    #[error("Forbidden")]
    Forbidden,
    /// The caller lacks the right to do this with the stream.
    #[error("User is not authorized to access this resource")]
    AccessDenied,
    /// No template for the body's type.
    #[error("Unsupported Media Type")]
    UnsupportedMediaType,
    /// The body is larger than allowed, or broke off.
    #[error("{}", body_message(.0))]
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
            Self::Forbidden => "ForbiddenException",
            Self::AccessDenied => "AccessDeniedException",
            Self::Body(BodyError::TooLarge { .. }) => "RequestEntityTooLargeException",
            Self::Body(BodyError::Overloaded) => "TooManyRequestsException",
            Self::Body(BodyError::TimedOut) => "RequestTimeoutException",
            Self::UnsupportedMediaType | Self::Body(_) | Self::Json(_) => "BadRequestException",
            Self::Kinesis(refusal) => refusal.kind(),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingAuthenticationToken | Self::Forbidden | Self::AccessDenied => StatusCode::FORBIDDEN,
            Self::UnsupportedMediaType | Self::Body(BodyError::UnknownEncoding(_)) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TimedOut) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Overloaded) | Self::Kinesis(KinesisError::ProvisionedThroughputExceeded { .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Body(_) | Self::Json(_) => StatusCode::BAD_REQUEST,
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
        let retry_after = match self {
            Self::Kinesis(KinesisError::ProvisionedThroughputExceeded { retry_after, .. }) => Some(retry_after),
            Self::Body(BodyError::Overloaded) => Some(BodyError::RETRY_AFTER),
            _ => None,
        };
        if let Some(retry_after) = retry_after {
            let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
