//! JSON as the gateway needs it: envelopes are parsed, the values in them are kept as the client wrote them.

mod compact;
mod object;
mod scan;

pub(crate) use compact::{TooDeep, compact_bytes};
pub(crate) use object::{Members, Object, once};
pub(crate) use scan::{Scanner, Span, Texts};

use serde::Deserialize;

/// Why a text is not the JSON that was wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    /// Not even text.
    #[error("the body is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// Not JSON, or JSON of another shape.
    #[error("{0}")]
    Parse(#[from] serde_json::Error),
    /// More arrays and objects inside each other than readers take.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
}

/// Parses a whole body. Values that borrow from it do so without a copy.
///
/// # Errors
/// [`JsonError::NotUtf8`], [`JsonError::Parse`].
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(body).map_err(|e| JsonError::NotUtf8(e.valid_up_to()))?;
    Ok(serde_json::from_str(text)?)
}

/// Whether a body holds nothing but white space.
pub(crate) fn is_blank(body: &[u8]) -> bool {
    body.trim_ascii().is_empty()
}
