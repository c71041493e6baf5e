//! A request and its reply, from the first head to the last byte: what is counted and logged about every one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;

use crate::dialect::Call;
use crate::metrics::{CLIENT_GONE, RequestMetrics};
use crate::request_log::RequestLine;

/// A request on its way. It ends when this is dropped: with the last byte of its reply, or when its client goes away.
#[derive(Debug)]
pub(crate) struct Exchange {
    in_flight: Arc<AtomicU64>,
    began: Instant,
    method: Method,
    status: Option<StatusCode>,
    metrics: Arc<RequestMetrics>,
    line: Option<RequestLine>,
}

impl Exchange {
    /// A request that has just come, to the dialect of that name.
    pub(crate) fn begin(in_flight: &Arc<AtomicU64>, call: &Call, dialect: &'static str) -> Self {
        in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            in_flight: Arc::clone(in_flight),
            began: Instant::now(),
            method: call.method.clone(),
            status: None,
            metrics: Arc::clone(&call.metrics),
            line: RequestLine::new(call, dialect),
        }
    }

    /// The request's body, counted while it is read.
    pub(crate) fn receive(&self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let metrics = Arc::clone(&self.metrics);
        Body::new(body.inspect_frame(move |frame| metrics.receive(frame.data_ref().map_or(0, |data| data.len()))))
    }

    /// The reply on its way to the client. One whose length is known is as good as sent, another ends with its body.
    pub(crate) fn reply(mut self, response: Response) -> Response {
        let status = response.status();
        self.status = Some(status);
        self.metrics.dialect().reply(&self.method, status);
        self.metrics.dialect().took(self.began.elapsed());
        match response.body().size_hint().exact() {
            Some(_) if self.method == Method::HEAD => response,
            Some(bytes) => {
                self.metrics.send(bytes);
                response
            }
            None => response.map(|body| {
                let sent = move |bytes: usize| self.metrics.send(bytes as u64);
                Body::new(body.inspect_frame(move |frame| sent(frame.data_ref().map_or(0, |data| data.len()))))
            }),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.status.is_none() {
            self.metrics.dialect().reply(&self.method, CLIENT_GONE);
        }
        if let Some(line) = &self.line {
            line.write(self.status.unwrap_or(CLIENT_GONE), self.began.elapsed(), &self.metrics);
        }
    }
}
