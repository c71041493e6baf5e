//! What the bodies of requests may take, compressed or not, and that the gateway recovers once they are gone.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::RETRY_AFTER;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use pinflow_gateway::GatewaySettings;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::harness::{Harness, Reply};

const BODY: &str = r#"{"records":[{"value":1}]}"#;

fn gzip(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap().into()
}

fn produce(body: Body) -> Request<Body> {
    let request = Request::post("/topics/t").header("content-type", "application/vnd.kafka.json.v2+json");
    request.body(body).unwrap()
}

async fn send_gzip(harness: &Harness, method: &str, path: &str, media_type: &str, content: &[u8]) -> Reply {
    let request = Request::builder().method(method).uri(path).header("content-type", media_type);
    let request = request.header("content-encoding", "gzip").body(Body::from(gzip(content)));
    harness.send(request.unwrap()).await
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_told_to_come_later_and_the_gateway_recovers() {
    let settings = GatewaySettings { max_body_bytes_at_once: 10_000, ..GatewaySettings::default() };
    let harness = Arc::new(Harness::new(settings));
    // A client that sends 9,000 bytes and then pauses.
    let (go_on, paused) = oneshot::channel::<()>();
    let (arrived, begun) = oneshot::channel::<()>();
    let chunks = stream::unfold((0, Some((arrived, paused))), |(step, mut pause)| async move {
        match step {
            0 => Some((Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 9_000])), (1, pause))),
            1 => {
                let (arrived, paused) = pause.take()?;
                arrived.send(()).unwrap();
                paused.await.unwrap();
                Some((Ok(Bytes::from_static(BODY.as_bytes())), (2, None)))
            }
            _ => None,
        }
    });
    let slow = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { harness.send(produce(Body::from_stream(chunks))).await.status }
    });
    begun.await.unwrap();

    let large = format!("{}{BODY}", " ".repeat(2_000));
    let reply = harness.produce("t", large.clone()).await;
    assert_eq!(reply.status, 429, "{}", reply.body);
    assert_eq!(reply.headers[RETRY_AFTER], "1");
    assert_eq!(
        reply.body,
        r#"{"error_code":429,"message":"Request rate limit exceeded: The rate limit of requests per second has been exceeded."}"#
    );
    let reply = harness.put("/streams/s/record", large.clone()).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers[RETRY_AFTER], "1");
    assert_eq!(reply.headers["x-amzn-errortype"], "TooManyRequestsException");
    assert_eq!(reply.body, r#"{"message":"Too Many Requests"}"#);

    go_on.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), 200, "the slow client had its place");
    assert_eq!(harness.produce("t", large).await.status, 200);
    assert_eq!(harness.stored("t", 0).await.len(), 2);
}

#[tokio::test]
async fn many_small_records_count_for_what_they_take_in_memory() {
    let settings = GatewaySettings { max_body_bytes_at_once: 100_000, ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let body = |records: usize| format!(r#"{{"records":[{}]}}"#, vec!["{}"; records].join(","));
    assert_eq!(harness.produce("t", body(300)).await.status, 200);
    assert_eq!(harness.produce("t", body(3_000)).await.status, 413, "10 kB that would become 700 kB");
}

#[tokio::test]
async fn all_dialects_take_gzip_within_the_same_limit() {
    let settings = GatewaySettings { max_body_bytes: 1_000, ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let kafka = "application/vnd.kafka.json.v2+json";
    let record = br#"{"Data":1,"PartitionKey":"k"}"#;
    assert_eq!(send_gzip(&harness, "POST", "/topics/t", kafka, BODY.as_bytes()).await.status, 200);
    assert_eq!(send_gzip(&harness, "PUT", "/streams/t/record", "application/json", record).await.status, 200);
    assert_eq!(harness.stored("t", 0).await.len(), 2);
    let bomb = vec![b' '; 1 << 20];
    let reply = send_gzip(&harness, "POST", "/topics/t", kafka, &bomb[..400_000]).await;
    assert_eq!(reply.status, 413, "{}", reply.body);
    let reply = send_gzip(&harness, "PUT", "/streams/t/record", "application/json", &bomb[..400_000]).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (413, r#"{"message":"Request Too Long"}"#));
}

#[tokio::test]
async fn readers_beyond_the_budget_are_told_to_come_later_until_replies_are_sent() {
    let settings = GatewaySettings { max_body_bytes_at_once: 500_000, ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let record = format!(r#"{{"value":"{}"}}"#, "x".repeat(50_000));
    let reply = harness.produce("t", format!(r#"{{"records":[{record},{record},{record}]}}"#)).await;
    assert_eq!(reply.status, 200);
    let call = async |method: &str, path: String, body: &'static str| {
        let request =
            Request::builder().method(method).uri(path).header("content-type", "application/vnd.kafka.v2+json");
        harness.gateway.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    };
    let read = async |instance: usize| {
        call("POST", format!("/consumers/g{instance}"), r#"{"name":"i","auto.offset.reset":"earliest"}"#).await;
        let path = format!("/consumers/g{instance}/instances/i");
        call("POST", format!("{path}/subscription"), r#"{"topics":["t"]}"#).await;
        call("GET", format!("{path}/records"), "").await
    };
    let mut unsent = Vec::new();
    let refused = loop {
        let reply = read(unsent.len()).await;
        if reply.status() != 200 {
            break reply;
        }
        unsent.push(reply);
        assert!(unsent.len() < 20, "replies that nobody takes are bounded");
    };
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert!(!unsent.is_empty());
    drop(unsent);
    assert_eq!(read(100).await.status(), 200, "what the replies had was given back");
}
