//! Clients that take too much, too long, or do nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pinflow_server::Limits;

use crate::harness::{Server, eventually};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(300);

/// Nothing happens by itself but what a test wants.
fn patient() -> Limits {
    Limits {
        header_time: LONG,
        idle_time: LONG,
        stall_time: LONG,
        body_time: LONG,
        drain_time: SHORT,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_connection_too_many_is_told_at_once_and_there_is_a_place_again() {
    let server = Server::start(Limits { connections: 2, ..patient() }).await;
    let mut first = server.connect().await;
    first.send(GET).await;
    assert!(first.reply().await.contains("200"));
    let mut second = server.connect().await;
    second.send(GET).await;
    assert!(second.reply().await.contains("200"));
    let mut third = server.connect().await;
    let refused = third.rest().await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("Retry-After: 1\r\n"), "{refused}");
    drop(first);
    loop {
        let mut next = server.connect().await;
        // The place may not be free yet; a refused connection may end before it takes anything.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut next.0, GET.as_bytes()).await;
        if next.reply().await.contains("200") {
            break;
        }
    }
    second.send(GET).await;
    assert!(second.reply().await.contains("200"), "who has a place keeps it");
    server.end().await;
}

#[tokio::test]
async fn a_head_too_large_is_answered_with_431() {
    let server = Server::start(Limits { header_bytes: 1_000, ..patient() }).await;
    for large in [1_000, 300_000] {
        let mut client = server.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Large: {}\r\n\r\n", "x".repeat(large));
        // It may be refused before all of it is sent.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut client.0, head.as_bytes()).await;
        let reply = client.reply().await;
        assert!(large > 100_000 || reply.starts_with("HTTP/1.1 431 "), "{reply}");
        assert!(!reply.contains("HTTP/1.1 200"), "{reply}");
    }
    let mut client = server.connect().await;
    client.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nX-Large: {}\r\n\r\n", "x".repeat(900))).await;
    assert!(client.reply().await.contains("200"));
    server.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let server = Server::start(Limits { header_time: SHORT, ..patient() }).await;
    for begun in ["", "GET /", "GET / HTTP/1.1\r\nHost: h\r\n", "PRI * HTTP/2.0\r\n"] {
        let mut client = server.connect().await;
        client.send(begun).await;
        assert_eq!(client.rest().await, "", "{begun}");
    }
    let mut client = server.connect().await;
    client.send(GET).await;
    assert!(client.reply().await.contains("200"));
    client.send("GET /slow").await;
    assert_eq!(client.rest().await, "", "the head of a second request");
    server.end().await;
}

#[tokio::test]
async fn a_head_that_drips_closes_the_connection() {
    let server = Server::start(Limits { header_time: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\n").await;
    let dripping = async {
        loop {
            if tokio::io::AsyncWriteExt::write_all(&mut client.0, b"X-A: b\r\n").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::harness::FOREVER, dripping).await.expect("the connection did not end");
    server.end().await;
}

#[tokio::test]
async fn an_idle_connection_ends_but_not_one_that_waits_for_an_answer() {
    let server = Server::start(Limits { idle_time: SHORT, header_time: SHORT, ..patient() }).await;
    let mut waiting = server.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut idle = server.connect().await;
    idle.send(GET).await;
    assert!(idle.reply().await.contains("200"));
    assert_eq!(idle.rest().await, "");
    // The other has waited for at least as long.
    server.gate.add_permits(1);
    assert!(waiting.reply().await.contains("200"));
    server.end().await;
}

#[tokio::test]
async fn a_body_that_pauses_or_drips_is_given_up() {
    let server = Server::start(Limits { stall_time: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
    server.end().await;

    let server = Server::start(Limits { body_time: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n").await;
    let (mut read, mut write) = client.0.into_split();
    let drip = tokio::spawn(async move {
        while tokio::io::AsyncWriteExt::write_all(&mut write, b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut reply = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut read, &mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 408");
    drip.abort();
    server.end().await;
}

#[tokio::test]
async fn a_body_beside_its_reply_is_no_longer_timed() {
    let server = Server::start(Limits { stall_time: SHORT, body_time: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        .await;
    tokio::time::sleep(3 * SHORT).await;
    client.send("1\r\nb\r\n0\r\n\r\n").await;
    let reply = client.rest().await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    let chunks: String = reply.lines().skip_while(|line| !line.is_empty()).collect();
    assert!(chunks.contains('a') && chunks.contains('b'), "{reply}");
    server.end().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let server = Server::start(Limits { stall_time: SHORT, ..patient() }).await;
    let mut client = server.connect().await;
    client.send("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n").await;
    eventually(|| server.endless.load(Ordering::SeqCst) == 1).await;
    // The client keeps its connection, and reads nothing.
    eventually(|| server.endless.load(Ordering::SeqCst) == 0).await;
    drop(client);
    server.end().await;
}
