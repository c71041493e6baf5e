//! A request's body, which has to get on until its reply begins.
//!
//! A request whose reply begins before its body has ended is a stream of its own: how long it may stay open, and what it may leave
//! half sent, is for the service to say, which knows what it is made of.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;

/// A request's body. It fails with an [`io::Error`] of the kind [`io::ErrorKind::TimedOut`] where its client pauses for too long,
/// or takes too long in all, before the reply has begun.
#[derive(Debug)]
pub struct RequestBody {
    body: Incoming,
    stall_time: Duration,
    deadline: Instant,
    /// Runs while bytes are waited for.
    waiting: Option<Pin<Box<Sleep>>>,
    replied: Arc<AtomicBool>,
}

impl RequestBody {
    /// A body of which `replied` says whether its reply has begun.
    pub(crate) fn new(body: Incoming, limits: &Limits, replied: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        let deadline = now.checked_add(limits.body_time).unwrap_or(now);
        Self { body, stall_time: limits.stall_time, deadline, waiting: None, replied }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if this.replied.load(Ordering::Relaxed) {
            this.waiting = None;
            return Poll::Pending;
        }
        let (stall_time, deadline) = (this.stall_time, this.deadline);
        let end = || Instant::now().checked_add(stall_time).map_or(deadline, |stalled| stalled.min(deadline));
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep_until(end())));
        match waiting.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "the client did not send the body in time");
                Poll::Ready(Some(Err(late.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
