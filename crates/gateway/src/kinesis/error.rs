//! The errors of Kinesis: type, status, words.

use std::time::Duration;

use axum::http::StatusCode;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KinesisError {
    /// A member of the request breaks a constraint of the service's model.
    #[error("{0}")]
    Validation(String),
    /// A member has the wrong type.
    #[error("{0}")]
    Serialization(String),
    /// Members that are fine each, but not here or not together.
    #[error("{0}")]
    InvalidArgument(String),
    /// No such stream or shard.
    #[error("{0}")]
    ResourceNotFound(String),
    /// The stream or the consumer exists already, or is not to be touched.
    #[error("{0}")]
    ResourceInUse(String),
    /// More shards, or more of something else, than allowed.
    #[error("{0}")]
    LimitExceeded(String),
    /// The iterator is older than five minutes.
    #[error("{0}")]
    ExpiredIterator(String),
    /// The token for the next page is older than five minutes.
    #[error("{0}")]
    ExpiredNextToken(String),
    /// The caller has no right to it.
    #[error("{0}")]
    AccessDenied(String),
    /// Too many bytes wait to be stored.
    #[error("{message}")]
    ProvisionedThroughputExceeded {
        /// Which stream or shard.
        message: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The log cannot be used.
    #[error("{0}")]
    ServiceUnavailable(String),
    /// What is kept of the stream cannot be read.
    #[error("{0}")]
    InternalFailure(String),
}

impl KinesisError {
    /// The error's type, as in `__type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Validation(_) => "ValidationException",
            Self::Serialization(_) => "SerializationException",
            Self::InvalidArgument(_) => "InvalidArgumentException",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::ResourceInUse(_) => "ResourceInUseException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::ExpiredIterator(_) => "ExpiredIteratorException",
            Self::ExpiredNextToken(_) => "ExpiredNextTokenException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::ProvisionedThroughputExceeded { .. } => "ProvisionedThroughputExceededException",
            Self::ServiceUnavailable(_) => "ServiceUnavailable",
            Self::InternalFailure(_) => "InternalFailure",
        }
    }

    /// The HTTP status: 400 for all that the client can change.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::ServiceUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalFailure(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The name of the message in the reply's body: one error alone spells it with a capital.
    pub(crate) fn message_member(&self) -> &'static str {
        match self {
            Self::Serialization(_) => "Message",
            _ => "message",
        }
    }
}
