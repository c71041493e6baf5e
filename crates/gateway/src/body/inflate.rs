//! Undoes the content encoding of a body, within the limit that the body itself has.

use std::io::Read;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::{Buf, BytesMut};
use flate2::read::MultiGzDecoder;

use super::{BodyError, BodyShare};

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// It is as it is.
    Identity,
    /// It is compressed with gzip.
    Gzip,
}

impl Encoding {
    /// The encoding that a request's headers name.
    ///
    /// # Errors
    /// [`BodyError::UnknownEncoding`].
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(Self::Identity) };
        let name = String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase();
        match name.as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(BodyError::UnknownEncoding(name)),
        }
    }
}

/// The body behind gzip, of `limit` bytes at most: a small body that becomes a large one is refused at the limit.
///
/// # Errors
/// [`BodyError::NotGzip`], [`BodyError::TooLarge`], [`BodyError::Overloaded`].
pub(crate) fn inflate(body: Bytes, limit: usize, share: &BodyShare) -> Result<Bytes, BodyError> {
    let mut decoder = MultiGzDecoder::new(body.reader());
    let mut inflated = BytesMut::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = decoder.read(&mut chunk).map_err(BodyError::NotGzip)?;
        if length == 0 {
            return Ok(inflated.freeze());
        }
        if inflated.len() + length > limit {
            return Err(BodyError::TooLarge { limit });
        }
        share.take(length)?;
        inflated.extend_from_slice(&chunk[..length]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::body::BodyBudget;

    fn gzip(content: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let budget = BodyBudget::new(4 << 20);
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let refused = inflate(bomb.clone(), 1 << 20, &BodyShare::of(&budget));
        assert!(matches!(refused, Err(BodyError::TooLarge { limit }) if limit == 1 << 20));
        assert!(matches!(inflate(bomb, usize::MAX, &BodyShare::of(&budget)), Err(BodyError::TooLarge { .. })));
    }

    #[test]
    fn a_body_is_inflated_to_the_limit() {
        let share = BodyShare::of(&BodyBudget::new(100_000));
        let content = b"0123456789".repeat(100);
        assert_eq!(inflate(gzip(&content), 1_000, &share).unwrap(), content);
        assert!(matches!(inflate(gzip(&content), 999, &share), Err(BodyError::TooLarge { .. })));
        let two: Bytes = [gzip(b"a"), gzip(b"b")].concat().into();
        assert_eq!(inflate(two, 10, &share).unwrap(), "ab");
        let cut = gzip(&content);
        for broken in [Bytes::from_static(b"{}"), cut.slice(..cut.len() - 4)] {
            assert!(matches!(inflate(broken, 10_000, &share), Err(BodyError::NotGzip(_))));
        }
    }
}
