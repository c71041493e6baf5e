//! Credentials: those that are kept, and those that a request presents.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Begins a secret that the file gives by its SHA-256 in hex instead of as it is.
const HASHED: &str = "sha256:";

/// An API key or a password, kept as its SHA-256 alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Reads a secret as the file has it: as it is, or as `sha256:<64 hex digits>`.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix(HASHED) {
            Some(hex) => unhex(hex).map(Self).ok_or("after `sha256:` stand 64 hex digits"),
            None if text.is_empty() => Err("it must not be empty"),
            None => Ok(Self::of(text)),
        }
    }

    /// The digest of a secret.
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether both are of the same secret, in a time that does not depend on where they differ.
    pub(crate) fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(hidden)")
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

/// What a request presents to say who sends it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    ApiKey(String),
    /// A user and its password.
    Basic {
        /// The user: a caller's name.
        user: String,
        /// Its password.
        password: String,
    },
}

impl Credential {
    /// The credential of an `Authorization` header: `Basic` with user and password, or `Bearer` with an API key. `None` for
    /// another scheme and for what is not of the scheme's form.
    pub fn of_authorization(header: &str) -> Option<Self> {
        let (scheme, value) = header.trim().split_once(' ')?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::ApiKey(value.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64.decode(value).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self::Basic { user: user.to_owned(), password: password.to_owned() })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(_) => f.write_str("ApiKey(hidden)"),
            Self::Basic { user, .. } => write!(f, "Basic({user}, hidden)"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_and_its_hash_are_the_same() {
        let hashed = "sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
        assert_eq!(SecretDigest::read(hashed), SecretDigest::read("test"));
        assert!(bool::from(SecretDigest::of("test").is(&SecretDigest::read(hashed).unwrap())));
        assert!(!bool::from(SecretDigest::of("tesT").is(&SecretDigest::read(hashed).unwrap())));
        for wrong in ["", "sha256:", "sha256:9f86", &hashed[..70], &format!("{hashed}0"), &hashed.replace('9', "g")] {
            assert!(SecretDigest::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_authorization_header_is_basic_or_bearer() {
        let basic = |user: &str, password: &str| Credential::Basic { user: user.into(), password: password.into() };
        for (header, credential) in [
            ("Basic dTpwOnc=", Some(basic("u", "p:w"))),
            ("basic  dTo=", Some(basic("u", ""))),
            ("Bearer k", Some(Credential::ApiKey("k".into()))),
            ("Basic dQ==", None),
            ("Basic ?", None),
            ("Basic", None),
            ("AWS4-HMAC-SHA256 Credential=x", None),
            ("", None),
        ] {
            assert_eq!(Credential::of_authorization(header), credential, "{header}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            SecretDigest::of("s3cret"),
            Credential::ApiKey("s3cret".into()),
            Credential::Basic { user: "me".into(), password: "s3cret".into() }
        );
        assert!(!shown.contains("s3cret") && shown.contains("me"), "{shown}");
    }
}
