//! A reply's body: its request is in flight until it is sent, or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};

use crate::activity::InFlight;

/// A reply's body: the service's, or the server's own.
#[derive(Debug)]
pub struct ReplyBody<B> {
    body: Either<Full<Bytes>, B>,
    _in_flight: InFlight,
}

impl<B> ReplyBody<B> {
    pub(crate) fn new(body: B, in_flight: InFlight) -> Self {
        Self { body: Either::Right(body), _in_flight: in_flight }
    }

    pub(crate) fn own(text: String, in_flight: InFlight) -> Self {
        Self { body: Either::Left(Full::from(text)), _in_flight: in_flight }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ReplyBody<B>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
