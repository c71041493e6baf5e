//! The errors of version 3: those of version 2 where they are the same, and its own. All are plain JSON.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pinflow_event::TopicName;
use pinflow_log::LogError;
use serde::Serialize;

use crate::body::BodyError;
use crate::json::JsonError;
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::media_type::PLAIN_JSON;

/// Why a whole request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum V3Error {
    /// As in version 2.
    #[error(transparent)]
    Shared(#[from] KafkaRestError),
    /// There is no such thing, and nothing more to say.
    #[error("HTTP 404 Not Found")]
    NotFound,
    /// Another cluster than this one.
    #[error("Cluster {0} cannot be found.")]
    UnknownCluster(String),
    /// Topics have no such configuration.
    #[error("Config {name} cannot be found for TOPIC {topic} in cluster {cluster}.")]
    NoSuchConfig {
        /// The name asked for.
        name: String,
        /// Of which topic.
        topic: TopicName,
        /// In this cluster.
        cluster: String,
    },
    /// A group that has neither members nor committed offsets.
    #[error("Consumer group id not found.")]
    UnknownGroup,
    /// A group without committed offsets.
    #[error("Consumer lags not found.")]
    NoLags,
    /// What Kafka itself refuses.
    #[error("{0}")]
    Kafka(String),
    /// The body lacks what it must have.
    #[error("Payload error. {0}")]
    Payload(&'static str),
    /// The batch as a whole is not well made.
    #[error("{0}")]
    Batch(&'static str),
}

/// An error as it stands in a reply, alone or for one record.
#[derive(Serialize)]
pub(super) struct ErrorBody<'a> {
    pub(super) error_code: u32,
    pub(super) message: &'a str,
}

impl V3Error {
    /// Something that the request says and that cannot be.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::Shared(KafkaRestError::BadRequest(detail.into()))
    }

    /// The caller lacks the right to do this with a topic.
    pub(super) fn forbidden(topic: &TopicName) -> Self {
        Self::Shared(KafkaRestError::Forbidden(topic.clone()))
    }

    /// A path with other methods.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        Self::Shared(KafkaRestError::MethodNotAllowed { allow })
    }

    /// The code in the body.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Shared(error) => error.code(),
            Self::NotFound | Self::UnknownCluster(_) | Self::NoSuchConfig { .. } | Self::NoLags => 404,
            Self::UnknownGroup => 40405,
            Self::Kafka(_) => 40002,
            Self::Payload(_) => 42206,
            Self::Batch(_) => 42208,
        }
    }

    /// The HTTP status: the first three digits of the code.
    pub(crate) fn status(&self) -> StatusCode {
        let code = self.code();
        let status = if code > 999 { code / 100 } else { code };
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The reply to a request with these headers.
    pub(super) fn into_response(self, request: &HeaderMap) -> Response {
        let (status, code) = (self.status(), self.code());
        let mut response = match self {
            Self::Shared(error) => error.into_response(request),
            own => {
                let message = own.to_string();
                let body = ErrorBody { error_code: code, message: &message };
                (status, serde_json::to_vec(&body).expect("a number and a text are JSON")).into_response()
            }
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN_JSON));
        response
    }
}

impl From<BodyError> for V3Error {
    fn from(error: BodyError) -> Self {
        Self::Shared(error.into())
    }
}

impl From<JsonError> for V3Error {
    fn from(error: JsonError) -> Self {
        Self::Shared(error.into())
    }
}

impl From<LogError> for V3Error {
    fn from(failure: LogError) -> Self {
        match failure {
            LogError::TopicExists(topic) => Self::Kafka(format!("Topic '{topic}' already exists.")),
            LogError::InvalidConfig { .. } => Self::Kafka(failure.to_string()),
            failure => Self::Shared(failure.into()),
        }
    }
}
