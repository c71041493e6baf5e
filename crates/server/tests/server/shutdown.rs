//! A shutdown answers what is under way, and waits for nobody for long.

use std::sync::Arc;
use std::time::Duration;

use pinflow_server::Limits;

use crate::harness::Server;

#[tokio::test]
async fn requests_under_way_are_answered_and_idle_connections_end() {
    let server = Server::start(Limits::default()).await;
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(idle.reply().await.contains("200"));
    let mut silent = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.waiting.acquire().await.unwrap().forget();
    server.stop.cancel();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", server.ports[0])).await.is_err(), "no more connections");
    assert!(!server.running.is_finished());
    server.gate.add_permits(1);
    let reply = waiting.rest().await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("connection: close"), "{reply}");
    server.end().await;
}

#[tokio::test]
async fn a_client_that_hangs_is_cut_off() {
    let server = Server::start(Limits { drain_time: Duration::from_millis(100), ..Limits::default() }).await;
    let mut half_a_body = server.connect().await;
    half_a_body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").await;
    let mut unanswered = server.connect().await;
    unanswered.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.waiting.acquire().await.unwrap().forget();
    let gate = Arc::clone(&server.gate);
    server.end().await;
    assert_eq!(half_a_body.rest().await + &unanswered.rest().await, "");
    drop(gate);
}
