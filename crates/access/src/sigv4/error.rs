//! Why a signature is refused, in the words of AWS.

/// A request whose sender is not known by its signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// Something that belongs to a signature is missing or has another form.
    #[error("{0}")]
    Incomplete(String),
    /// The signature is of another time, another service, or does not fit the request.
    #[error("{0}")]
    Invalid(String),
    /// Nobody has that access key id.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
}

impl SignatureError {
    /// The error's type, as in `__type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::Invalid(_) => "InvalidSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
        }
    }

    pub(super) fn mismatch() -> Self {
        Self::Invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method. Consult the service documentation for details."
                .to_owned(),
        )
    }
}
