//! The errors of Kafka REST: which code has which status, and in which words.
//!
//! Texts and codes are those of the original, since clients match on them; details follow after them.

use std::time::Duration;

use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pinflow_event::{InvalidTopicName, TopicName};
use pinflow_log::LogError;
use serde::Serialize;

use super::consumer_groups::ConsumerError;
use super::media_type;
use crate::body::BodyError;
use crate::json::JsonError;

/// How a browser or another client may say who it is.
const CHALLENGE: &str = "Basic realm=\"pinflow\", charset=\"UTF-8\"";

/// Why a whole request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KafkaRestError {
    /// No such path.
    #[error("HTTP 404 Not Found")]
    NoSuchPath,
    /// The path exists, with other methods.
    #[error("HTTP 405 Method Not Allowed")]
    MethodNotAllowed {
        /// The methods that it has, as in an `Allow` header.
        allow: &'static str,
    },
    /// The client accepts none of the types that could be produced.
    #[error("HTTP 406 Not Acceptable")]
    NotAcceptable,
    /// The body's type is not one of this path's.
    #[error("HTTP 415 Unsupported Media Type")]
    UnsupportedMediaType,
    /// Nobody who is known here sent the request.
    #[error(
        "Unauthorized: send `Authorization: Basic` with a user and password, or `X-Api-Key` with a key, that the access list has"
    )]
    Unauthorized,
    /// The caller lacks the right to do this with a topic.
    #[error("Not authorized to access topics: [{0}]")]
    Forbidden(TopicName),
    /// The body is larger than allowed, or broke off.
    #[error("{0}")]
    Body(BodyError),
    /// The body is not JSON of the right shape.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A value that cannot be taken.
    #[error("Bad Request: {0}")]
    BadRequest(String),
    /// A member that the request does not have.
    #[error("Unrecognized field: {0}")]
    UnrecognizedField(String),
    /// A value outside its bounds: property, constraint, value.
    #[error("{0}")]
    Constraint(String),
    /// A format with schemas, which need a registry.
    #[error("Payload error. Schema Registry must be configured when using schemas.")]
    NoSchemaRegistry,
    /// A setting of a consumer that is no such setting's value.
    #[error("Invalid consumer configuration: {0}")]
    InvalidConsumerSetting(String),
    /// A setting of a consumer that is out of its bounds.
    #[error("Invalid consumer configuration. It does not abide by the constraints: {0}")]
    ConsumerSettingOutOfBounds(String),
    /// The instance has another format than the client accepts.
    #[error("The requested embedded data format does not match the deserializer for this consumer instance")]
    FormatMismatch,
    /// A name that no topic can have.
    #[error("{0}")]
    InvalidTopic(#[from] InvalidTopicName),
    /// A consumer refused what it was asked to do.
    #[error("{0}")]
    Consumer(ConsumerError),
    /// No such topic.
    #[error("This server does not host this topic-partition.")]
    UnknownTopic,
    /// No such partition of a topic.
    #[error("Partition not found.")]
    UnknownPartition,
    /// Too many bytes wait to be stored.
    #[error("Request rate limit exceeded: The rate limit of requests per second has been exceeded.")]
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The log cannot be used.
    #[error("Broker not available: {0}")]
    Unavailable(LogError),
}

#[derive(Serialize)]
struct ErrorBody {
    error_code: u32,
    message: String,
}

impl KafkaRestError {
    /// The five-digit code, or the status where there is none.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::BadRequest(_) | Self::Json(_) | Self::Body(BodyError::Broken(_) | BodyError::NotGzip(_)) => 400,
            Self::NoSuchPath => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::NotAcceptable => 406,
            Self::Body(BodyError::TimedOut) => 408,
            Self::Body(BodyError::TooLarge { .. }) => 413,
            Self::UnsupportedMediaType | Self::Body(BodyError::UnknownEncoding(_)) => 415,
            Self::UnrecognizedField(_) | Self::Constraint(_) => 422,
            Self::RateLimited { .. } | Self::Body(BodyError::Overloaded) => 429,
            Self::Unauthorized => 40101,
            Self::Forbidden(_) => 40301,
            Self::UnknownPartition => 40402,
            Self::UnknownTopic => 40403,
            Self::NoSchemaRegistry => 42206,
            Self::Unavailable(_) => 50302,
            Self::InvalidTopic(_) => 40002,
            Self::FormatMismatch => 40601,
            Self::ConsumerSettingOutOfBounds(_) => 40001,
            Self::InvalidConsumerSetting(_) => 42204,
            Self::Consumer(refusal) => match refusal {
                ConsumerError::MetadataTooLarge => 40002,
                ConsumerError::NotAuthorized(_) => 40301,
                ConsumerError::UnknownInstance => 40403,
                ConsumerError::Unreadable { .. } => 40801,
                ConsumerError::InstanceExists => 40902,
                ConsumerError::MixedSubscription
                | ConsumerError::NothingToRead
                | ConsumerError::NotAssigned(_)
                | ConsumerError::NoOffset(_) => 40903,
                ConsumerError::TooManyPartitions => 422,
                ConsumerError::InvalidName | ConsumerError::InvalidPattern(_) => 42204,
                ConsumerError::TooManyInstances { .. } | ConsumerError::Overloaded => 429,
                ConsumerError::Log(_) => 50302,
            },
        }
    }

    /// The HTTP status: the first three digits of the code, but for one.
    pub(crate) fn status(&self) -> StatusCode {
        let code = match self {
            // The original's own exception.
            Self::ConsumerSettingOutOfBounds(_) => 422,
            _ => self.code(),
        };
        let status = if code > 999 { code / 100 } else { code };
        u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The reply to a request with these headers.
    pub(crate) fn into_response(self, request: &HeaderMap) -> Response {
        let body = ErrorBody { error_code: self.code(), message: self.to_string() };
        let text = serde_json::to_vec(&body).expect("a number and a text are JSON");
        let media_type = HeaderValue::from_static(self.media_type(request));
        let mut response = (self.status(), [(CONTENT_TYPE, media_type)], text).into_response();
        match self {
            Self::MethodNotAllowed { allow } => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::Unauthorized => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            Self::RateLimited { retry_after } => {
                let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            _ => {}
        }
        response
    }

    /// What is refused before a resource is reached is typed by the client's wish, and plain JSON where that is unclear.
    fn media_type(&self, request: &HeaderMap) -> &'static str {
        match self {
            Self::NoSuchPath
            | Self::MethodNotAllowed { .. }
            | Self::NotAcceptable
            | Self::UnsupportedMediaType
            | Self::Unauthorized
            | Self::Body(BodyError::UnknownEncoding(_)) => media_type::wished_error_type(request.get(ACCEPT)),
            _ => media_type::V2,
        }
    }
}

impl From<BodyError> for KafkaRestError {
    fn from(failure: BodyError) -> Self {
        match failure {
            BodyError::Overloaded => Self::RateLimited { retry_after: BodyError::RETRY_AFTER },
            failure => Self::Body(failure),
        }
    }
}

impl From<LogError> for KafkaRestError {
    fn from(failure: LogError) -> Self {
        match failure {
            LogError::UnknownTopic(_) => Self::UnknownTopic,
            LogError::UnknownPartition { .. } => Self::UnknownPartition,
            LogError::Overloaded { retry_after, .. } => Self::RateLimited { retry_after },
            failure => Self::Unavailable(failure),
        }
    }
}

impl From<ConsumerError> for KafkaRestError {
    fn from(refusal: ConsumerError) -> Self {
        match refusal {
            ConsumerError::Log(failure) => failure.into(),
            ConsumerError::Overloaded => Self::RateLimited { retry_after: BodyError::RETRY_AFTER },
            ConsumerError::NotAuthorized(topic) => Self::Forbidden(topic),
            refusal => Self::Consumer(refusal),
        }
    }
}

/// Why one record of a request is not in the log, while the others may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordError {
    /// 40301, 50002 or 50003.
    pub(crate) code: u32,
    /// In Kafka's words.
    pub(crate) message: String,
}

impl RecordError {
    /// The code of [`RecordError::forbidden`], which the reply's status follows.
    pub(crate) const FORBIDDEN: u32 = 40301;

    /// A Kafka error that will come again.
    pub(crate) fn fatal(message: impl Into<String>) -> Self {
        Self { code: 50002, message: message.into() }
    }

    /// A Kafka error that may go away.
    pub(crate) fn retriable(message: impl Into<String>) -> Self {
        Self { code: 50003, message: message.into() }
    }

    /// The caller lacks the right to produce to the topic.
    pub(crate) fn forbidden(topic: &TopicName) -> Self {
        Self { code: Self::FORBIDDEN, message: KafkaRestError::Forbidden(topic.clone()).to_string() }
    }

    /// There is no such topic. The original says so after a minute; the words are kept, the wait is not.
    pub(crate) fn unknown_topic(topic: &str) -> Self {
        Self::retriable(format!("Topic {topic} not present in metadata after 60000 ms."))
    }

    /// The topic has fewer partitions.
    pub(crate) fn unknown_partition(topic: &str, partition: u32, partitions: u32) -> Self {
        Self::retriable(format!(
            "Partition {partition} of topic {topic} with partition count {partitions} is not present in metadata after 60000 ms."
        ))
    }

    /// The partition takes no more records: its shard was split or merged.
    pub(crate) fn closed_partition(topic: &str, partition: u32) -> Self {
        Self::retriable(format!(
            "Partition {partition} of topic {topic} is closed and takes no more records; name an open one, or none."
        ))
    }

    /// The record's key and value are larger than `limit` bytes.
    pub(crate) fn too_large(size: usize, limit: usize) -> Self {
        Self::fatal(format!(
            "The message is {size} bytes when serialized which is larger than {limit}, which is the value of the max.request.size configuration."
        ))
    }
}
