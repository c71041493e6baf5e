//! Reads a request's body, never more of it than is allowed.

use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use futures::StreamExt;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    #[error("the request body is larger than {limit} bytes; send fewer records a request")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended or broke the protocol before the body did.
    #[error("the request body ended early: {0}")]
    Broken(axum::Error),
}

/// The whole body, of `limit` bytes at most.
///
/// # Errors
/// [`BodyError::TooLarge`], without reading a body whose length is announced; [`BodyError::Broken`].
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let mut chunks = body.into_data_stream();
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(BodyError::Broken)?;
    if first.len() > limit {
        return Err(BodyError::TooLarge { limit });
    }
    // A small body is one chunk: it is not copied.
    let Some(second) = chunks.next().await else { return Ok(first) };
    let mut whole = BytesMut::with_capacity(announced.max(first.len()));
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(BodyError::Broken)?;
        if whole.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        whole.extend_from_slice(&chunk);
        next = chunks.next().await;
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::stream;

    fn chunked(chunks: &[&'static str]) -> Body {
        let chunks: Vec<_> = chunks.iter().map(|c| Ok::<_, std::io::Error>(Bytes::from_static(c.as_bytes()))).collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_of_the_limit_is_read_and_one_byte_more_is_not() {
        for chunks in [&["12345678"][..], &["1234", "5678"], &["1", "", "2345678"]] {
            assert_eq!(read(chunked(chunks), 8).await.unwrap(), "12345678");
            assert!(matches!(read(chunked(chunks), 7).await, Err(BodyError::TooLarge { limit: 7 })));
        }
        assert_eq!(read(Body::empty(), 0).await.unwrap(), "");
        assert!(read(Body::from("announced"), 8).await.is_err());
    }
}
