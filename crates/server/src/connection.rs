//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::activity::{Activity, Verdict};
use crate::limits::Limits;
use crate::reply_body::ReplyBody;
use crate::request_body::RequestBody;
use crate::socket::Socket;

/// The most requests that one connection of HTTP/2 may have in flight.
const STREAMS: u32 = 128;
/// What HTTP/2 buffers of bodies that are not read yet, in bytes: as much as the two buffers of HTTP/1.1.
const WINDOW_BYTES: u32 = 128 << 10;

/// Answers the requests of a connection with `service`, until it ends or, after `stop`, its requests are answered.
pub(crate) async fn serve<I, S, B>(io: I, activity: Arc<Activity>, service: S, limits: Limits, stop: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let socket = Socket::new(io, Arc::clone(&activity), limits.stall_time);
    let requests = Arc::clone(&activity);
    let answers = service_fn(move |request| answer(request, Arc::clone(&requests), service.clone(), limits));
    let builder = builder(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), answers));
    let mut stopping = false;
    let mut look_at = Instant::now();
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = &*error, "a connection ended early");
                }
                return;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(look_at) => match activity.verdict(&limits, Instant::now()) {
                Verdict::Fine(until) => look_at = until,
                Verdict::Slow => {
                    tracing::debug!("a connection whose client does not send a request is closed");
                    return;
                }
                Verdict::Idle => {
                    connection.as_mut().graceful_shutdown();
                    // A client of HTTP/2 that does not go by itself goes the next time.
                    look_at = Instant::now() + limits.header_time;
                    if stopping {
                        return;
                    }
                    stopping = true;
                }
            },
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Heads are timed here, apart from the pauses before them.
        .header_read_timeout(None)
        .max_buf_size(Limits::BUFFER_BYTES.max(limits.header_bytes.saturating_mul(2)));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        // What may come unasked and wait to be read, of all requests of the connection together.
        .initial_connection_window_size(WINDOW_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .max_send_buf_size(Limits::BUFFER_BYTES)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.stall_time)
        .keep_alive_timeout(limits.stall_time);
    builder
}

async fn answer<S, B>(
    mut request: Request<Incoming>,
    activity: Arc<Activity>,
    service: S,
    limits: Limits,
) -> Result<Response<ReplyBody<B>>, Infallible>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
{
    let multiplexed = request.version() == Version::HTTP_2;
    let in_flight = activity.request(multiplexed);
    if head_bytes(&request) > limits.header_bytes {
        return Ok(head_too_large(&limits, in_flight));
    }
    if multiplexed {
        name_host(&mut request);
    }
    let replied = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| RequestBody::new(body, &limits, Arc::clone(&replied)));
    let reply = service.oneshot(request).await?;
    replied.store(true, Ordering::Relaxed);
    Ok(reply.map(|body| ReplyBody::new(body, in_flight)))
}

/// About what the head took on the wire.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    target + request.method().as_str().len() + headers.sum::<usize>()
}

fn head_too_large<B>(limits: &Limits, in_flight: crate::activity::InFlight) -> Response<ReplyBody<B>> {
    let text = format!("the request's headers are larger than {} bytes\n", limits.header_bytes);
    let mut reply = Response::new(ReplyBody::own(text, in_flight));
    *reply.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// HTTP/2 has the host in the request's address alone; who reads headers finds it where HTTP/1.1 has it.
fn name_host<B>(request: &mut Request<B>) {
    if request.headers().contains_key(HOST) {
        return;
    }
    let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
}
