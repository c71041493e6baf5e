//! Reads a request's body, never more of it than is allowed, and never more of all bodies together than is budgeted.

mod budget;
mod error;
mod inflate;

use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use futures::StreamExt;

pub(crate) use budget::{BodyBudget, BodyShare};
pub(crate) use error::BodyError;
pub(crate) use inflate::{Encoding, inflate};

/// The most bytes of a body that room is made for before they have come. Memory that is not written to takes none.
const ROOM_AT_ONCE: usize = 1 << 20;

/// What a record takes in memory while its request is answered, beside its bytes in the body.
const RECORD_MEMORY: usize = 256;

/// What the records of a JSON body may take in memory beside the body itself. Each of them begins with a brace, so there are
/// not more of them than braces. A body of ten bytes a record would otherwise become thirty times as large.
pub(crate) fn record_memory(body: &[u8]) -> usize {
    memchr::memchr_iter(b'{', body).count().saturating_mul(RECORD_MEMORY)
}

/// The whole body as it was sent, of `limit` bytes at most; its bytes are taken from `share`.
///
/// # Errors
/// [`BodyError::TooLarge`], without reading a body whose length is announced; [`BodyError::Overloaded`];
/// [`BodyError::TimedOut`]; [`BodyError::Broken`].
pub(crate) async fn read(body: Body, limit: usize, share: &BodyShare) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let mut chunks = body.into_data_stream();
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let first = first?;
    if first.len() > limit {
        return Err(BodyError::TooLarge { limit });
    }
    share.take(first.len())?;
    // A small body is one chunk: it is not copied.
    let Some(second) = chunks.next().await else { return Ok(first) };
    // Room for more than this is not made at once: what is announced may never come.
    let mut whole = BytesMut::with_capacity(announced.min(ROOM_AT_ONCE).max(first.len()));
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk?;
        if whole.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        share.take(chunk.len())?;
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
        let share = BodyShare::of(&BodyBudget::new(1_000));
        for chunks in [&["12345678"][..], &["1234", "5678"], &["1", "", "2345678"]] {
            assert_eq!(read(chunked(chunks), 8, &share).await.unwrap(), "12345678");
            assert!(matches!(read(chunked(chunks), 7, &share).await, Err(BodyError::TooLarge { limit: 7 })));
        }
        assert_eq!(read(Body::empty(), 0, &share).await.unwrap(), "");
        assert!(read(Body::from("announced"), 8, &share).await.is_err());
    }

    #[tokio::test]
    async fn bodies_share_a_budget_and_give_it_back() {
        let budget = BodyBudget::new(10);
        let share = BodyShare::of(&budget);
        read(chunked(&["1234", "5678"]), 100, &share).await.unwrap();
        let other = BodyShare::of(&budget);
        assert!(matches!(read(chunked(&["12", "34"]), 100, &other).await, Err(BodyError::Overloaded)));
        drop(share);
        read(chunked(&["12", "34"]), 100, &other).await.unwrap();
        drop(other);
        let share = BodyShare::of(&budget);
        read(chunked(&["1234567890"]), 100, &share).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_stops_sending_is_told_so() {
        let stalled = std::io::Error::from(std::io::ErrorKind::TimedOut);
        let body = Body::from_stream(stream::iter([Ok(Bytes::from_static(b"{")), Err(stalled)]));
        let share = BodyShare::of(&BodyBudget::new(10));
        assert!(matches!(read(body, 100, &share).await, Err(BodyError::TimedOut)));
    }
}
