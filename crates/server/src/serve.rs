//! Takes connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::activity::Activity;
use crate::connection;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::request_body::RequestBody;
use crate::tls::Tls;

/// The pause after a connection could not be taken, as where the system has no more files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What one connection too many is told.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves until `stop`; then takes no more connections, and returns when the requests under way are answered, or when
/// [`Limits::drain_time`] is over: who is not done by then is cut off.
pub async fn serve<S, B>(listeners: Vec<Listener>, service: S, limits: Limits, stop: CancellationToken)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let accepting = TaskTracker::new();
    for listener in listeners {
        let (service, places, stop) = (service.clone(), Arc::clone(&places), stop.clone());
        let (connections, cut_off) = (connections.clone(), cut_off.clone());
        accepting.spawn(async move {
            while let Some((socket, place)) = accept(&listener, &places, &stop).await {
                let serving = serve_one(socket, listener.tls.clone(), service.clone(), limits, stop.clone());
                let cut_off = cut_off.clone();
                connections.spawn(async move {
                    cut_off.run_until_cancelled(serving).await;
                    drop(place);
                });
            }
        });
    }
    accepting.close();
    accepting.wait().await;
    connections.close();
    if timeout(limits.drain_time, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections that do not end are cut off");
        cut_off.cancel();
        connections.wait().await;
    }
}

/// The next connection that there is a place for; `None` once the server stops.
async fn accept(
    listener: &Listener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let socket = match stop.run_until_cancelled(listener.socket.accept()).await? {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                stop.run_until_cancelled(sleep(ACCEPT_PAUSE)).await?;
                continue;
            }
        };
        match Arc::clone(places).try_acquire_owned() {
            Ok(place) => return Some((socket, place)),
            // It is told at once, as far as its socket takes it: nobody waits here.
            Err(_) if listener.tls.is_none() => drop(socket.try_write(TOO_MANY)),
            Err(_) => {}
        }
        tracing::debug!("a connection too many is refused");
    }
}

async fn serve_one<S, B>(socket: TcpStream, tls: Option<Tls>, service: S, limits: Limits, stop: CancellationToken)
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A reply is small and must not wait for a full packet.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let activity = Activity::begin();
    let Some(tls) = tls else { return connection::serve(socket, activity, service, limits, stop).await };
    let deadline = Instant::now() + limits.header_time;
    let handshake = timeout_at(deadline, tls.acceptor().accept(socket));
    match stop.run_until_cancelled(handshake).await {
        Some(Ok(Ok(socket))) => connection::serve(socket, activity, service, limits, stop).await,
        Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
        Some(Err(_)) => tracing::debug!("a TLS handshake took too long"),
        None => {}
    }
}
