//! Why a body could not be read.

use std::error::Error;
use std::io;
use std::time::Duration;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    #[error("the request body is larger than {limit} bytes; send fewer records a request")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Other requests' bodies take all the memory that there is for them.
    #[error("too many bytes of request bodies are held at once; send it again later")]
    Overloaded,
    /// The client stopped sending.
    #[error("the request body did not come in time; send it without pauses")]
    TimedOut,
    /// It is encoded in a way that is not undone here.
    #[error("the content encoding `{0}` is not known; send the body as it is, or with gzip")]
    UnknownEncoding(String),
    /// It is no gzip, against what its header says.
    #[error("the request body is no gzip: {0}")]
    NotGzip(io::Error),
    /// The connection ended or broke the protocol before the body did.
    #[error("the request body ended early: {0}")]
    Broken(axum::Error),
}

impl BodyError {
    /// When to send again what is refused as [`BodyError::Overloaded`].
    pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
}

impl From<axum::Error> for BodyError {
    fn from(failure: axum::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&failure);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
                return Self::TimedOut;
            }
            cause = error.source();
        }
        Self::Broken(failure)
    }
}
