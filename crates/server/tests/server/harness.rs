//! A server with a few routes of its own, and bare sockets to it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame};
use hyper::{Request, Response};
use pinflow_server::{Limits, Listener, RequestBody, Tls, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Far beyond any machine's slowness: it is there so that a test fails instead of hanging.
pub const FOREVER: Duration = Duration::from_secs(60);

pub struct Server {
    pub ports: Vec<u16>,
    pub stop: CancellationToken,
    pub running: JoinHandle<()>,
    /// `GET /wait` is answered once it gets a permit.
    pub gate: Arc<Semaphore>,
    /// Requests to `/wait` that have come.
    pub waiting: Arc<Semaphore>,
    /// Endless replies that are being sent.
    pub endless: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Routes {
    gate: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    endless: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::start_on(limits, &[None]).await
    }

    pub async fn start_on(limits: Limits, listeners: &[Option<Tls>]) -> Self {
        let mut bound = Vec::new();
        for tls in listeners {
            bound.push(Listener::bind("127.0.0.1:0".parse().unwrap(), tls.clone()).await.unwrap());
        }
        let ports = bound.iter().map(|listener| listener.address().unwrap().port()).collect();
        let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let endless = Arc::new(AtomicUsize::new(0));
        let routes = Routes { gate: Arc::clone(&gate), waiting: Arc::clone(&waiting), endless: Arc::clone(&endless) };
        let service = tower::service_fn(move |request| answer(routes.clone(), request));
        let stop = CancellationToken::new();
        let running = tokio::spawn(serve(bound, service, limits, stop.clone()));
        Self { ports, stop, running, gate, waiting, endless }
    }

    pub async fn connect(&self) -> Client {
        Client(TcpStream::connect(("127.0.0.1", self.ports[0])).await.unwrap())
    }

    /// Ends the server and waits for it.
    pub async fn end(self) {
        self.stop.cancel();
        timeout(FOREVER, self.running).await.expect("the server did not end").unwrap();
    }
}

async fn answer(
    routes: Routes,
    request: Request<RequestBody>,
) -> Result<Response<Either<Full<Bytes>, Either<Endless, RequestBody>>>, Infallible> {
    let path = request.uri().path().to_owned();
    let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
    match path.as_str() {
        "/endless" => {
            routes.endless.fetch_add(1, Ordering::SeqCst);
            return Ok(Response::new(Either::Right(Either::Left(Endless(routes.endless)))));
        }
        "/echo" => return Ok(Response::new(Either::Right(Either::Right(request.into_body())))),
        "/wait" => {
            routes.waiting.add_permits(1);
            routes.gate.acquire().await.unwrap().forget();
        }
        _ => {}
    }
    let (status, text) = match request.into_body().collect().await {
        Ok(body) => (200, format!("{} bytes to {path} at {}", body.to_bytes().len(), host.unwrap_or_default())),
        Err(failure) => {
            let late = failure.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut);
            (if late { 408 } else { 400 }, failure.to_string())
        }
    };
    Ok(Response::builder().status(status).body(Either::Left(Full::from(text))).unwrap())
}

/// A body without an end; it counts itself.
pub struct Endless(Arc<AtomicUsize>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 64 << 10])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub struct Client(pub TcpStream);

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// A reply with a length, or what came before the connection ended.
    pub async fn reply(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !is_whole(&text) {
            match timeout(FOREVER, self.0.read(&mut byte)).await.expect("no reply") {
                Ok(1) => text.push(byte[0]),
                _ => break,
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// What comes until the connection ends.
    pub async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        // A connection that is cut off may end with an error.
        let _ = timeout(FOREVER, self.0.read_to_end(&mut text)).await.expect("the connection did not end");
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|length| length.parse().unwrap());
    length.is_some_and(|length: usize| body.len() >= length)
}

/// Waits for what must happen.
pub async fn eventually(happened: impl Fn() -> bool) {
    let wait = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(FOREVER, wait).await.expect("it never happened");
}
