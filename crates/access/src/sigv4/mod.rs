//! AWS Signature Version 4, as a service verifies it.
//!
//! The checks, their order and their words are those of AWS. The signature covers the body, so it is verified before
//! anything is parsed. Without an access list every well-formed signature is accepted, as emulators do it.

mod authorization;
mod canonical;
mod date;
mod error;
mod verify;

use std::borrow::Cow;

pub use error::SignatureError;
pub use verify::verify;

/// A request as it was signed: exactly as it came over the wire.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// As in `POST`.
    pub method: &'a str,
    /// The path, with its percent escapes.
    pub path: &'a str,
    /// What follows the `?`, with its percent escapes; empty where there is none.
    pub query: &'a str,
    /// Names, in any case, and values. A name that stands several times is there several times, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body as it was sent, before any content encoding is undone.
    pub body: &'a [u8],
}

impl SignedRequest<'_> {
    /// The values of a header, in order. `name` is in lower case.
    fn header(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let values = self.headers.iter().filter(move |(given, _)| given.eq_ignore_ascii_case(name));
        values.map(|(_, value)| String::from_utf8_lossy(value))
    }
}
