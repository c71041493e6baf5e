//! The event stream, frame by frame.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures::StreamExt;
use pinflow_dashboard::Dashboard;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::{FakeNode, dashboard, get, respond};

/// Splits the bytes of an event stream into its events.
struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn connect(dashboard: &Dashboard) -> Self {
        let response = respond(dashboard, get("/api/events")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self { body: Body::into_data_stream(response.into_body()), text: String::new() }
    }

    /// The next event's name and data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let event = parse(frame);
                self.text = rest.to_owned();
                return Some(event);
            }
            let bytes = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The data of the next event of that name.
    async fn find(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next().await.unwrap_or_else(|| panic!("the stream ended before `{wanted}`"));
            if name == wanted {
                return data;
            }
        }
    }
}

fn parse(frame: &str) -> (String, Value) {
    let field = |name: &str| {
        let mut lines = frame.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().unwrap_or_else(|| panic!("no `{name}` in {frame:?}")).trim_start().to_owned();
        assert_eq!(lines.next(), None, "two `{name}` in {frame:?}");
        value
    };
    (field("event:"), serde_json::from_str(&field("data:")).unwrap())
}

struct Running {
    node: Arc<FakeNode>,
    shutdown: CancellationToken,
    dashboard: Dashboard,
    task: JoinHandle<()>,
}

fn start() -> Running {
    let (node, shutdown) = (Arc::<FakeNode>::default(), CancellationToken::new());
    let dashboard = dashboard(&node, &shutdown);
    let sampling = dashboard.clone();
    let task = tokio::spawn(async move { sampling.run().await });
    Running { node, shutdown, dashboard, task }
}

#[tokio::test]
async fn a_listener_gets_the_history_and_then_snapshots() {
    let running = start();
    let mut events = Events::connect(&running.dashboard).await;
    let (first, history) = events.next().await.unwrap();
    assert_eq!(first, "history");
    assert!(history["at_ms"].is_array() && history["streams"].is_object());

    let snapshot = events.find("snapshot").await;
    assert_eq!(snapshot["ways"][0]["lane"], json!("batch"));
    assert_eq!(snapshot["ways"][0]["balances"], json!(true));
    assert_eq!(snapshot["ways"][1]["archived"], json!(null));
    assert_eq!(snapshot["streams"][0]["stream"], json!("click"));
    // The next one is a later sample of the same node.
    let next = events.find("snapshot").await;
    assert!(next["gateway"]["requests"].as_u64() >= snapshot["gateway"]["requests"].as_u64());
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_page_that_opens_later_gets_what_was_before() {
    let running = start();
    let mut first = Events::connect(&running.dashboard).await;
    first.find("snapshot").await;
    let mut second = Events::connect(&running.dashboard).await;
    let history = second.find("history").await;
    assert_eq!(history["at_ms"].as_array().unwrap().len(), 1, "the clock stands still: one moment");
    assert_eq!(history["streams"]["click"]["distinct_keys"], json!([null]));
    second.find("snapshot").await;
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_run_is_told_when_it_starts_and_when_it_ends() {
    let running = start();
    let mut events = Events::connect(&running.dashboard).await;
    running.node.runs_started.store(1, Ordering::SeqCst);
    assert_eq!(events.find("run").await["state"], json!("running"));
    running.node.run_ended.store(true, Ordering::SeqCst);
    assert_eq!(events.find("run").await["state"], json!("succeeded"));
    // A page that opens now is told of it at once.
    assert_eq!(Events::connect(&running.dashboard).await.find("run").await["id"], json!("run-1"));
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn the_stream_ends_at_the_shutdown() {
    let running = start();
    let mut events = Events::connect(&running.dashboard).await;
    events.find("snapshot").await;
    running.shutdown.cancel();
    while events.next().await.is_some() {}
    running.task.await.unwrap();
    // One that comes too late ends at once too.
    let mut late = Events::connect(&running.dashboard).await;
    while late.next().await.is_some() {}
}

#[tokio::test]
async fn a_server_drains_although_a_page_is_open() {
    let running = start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, running.dashboard.router())
        .with_graceful_shutdown(running.shutdown.clone().cancelled_owned());
    let server = tokio::spawn(async move { server.await });

    let mut page = TcpStream::connect(address).await.unwrap();
    page.write_all(b"GET /api/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("event: snapshot") {
        let mut buffer = [0; 1024];
        let read = page.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the server hung up after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    running.shutdown.cancel();
    server.await.unwrap().unwrap();
}
