//! Both versions of HTTP, on several ports.

use pinflow_server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Client, Server};

#[tokio::test]
async fn every_listener_answers_and_connections_are_kept() {
    let server = Server::start_on(Limits::default(), &[None, None]).await;
    for port in &server.ports {
        let mut client = Client(tokio::net::TcpStream::connect(("127.0.0.1", *port)).await.unwrap());
        for number in 0..3 {
            client.send(&format!("POST /{number} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")).await;
            let reply = client.reply().await;
            assert!(
                reply.starts_with("HTTP/1.1 200") && reply.ends_with(&format!("3 bytes to /{number} at h")),
                "{reply}"
            );
        }
    }
    server.end().await;
}

#[tokio::test]
async fn http_2_is_spoken_by_prior_knowledge_and_has_a_host() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    request.extend_from_slice(&frame(4, 0, 0, &[]));
    // `:method GET`, `:scheme http`, `:path /` of the static table; `:authority` with the literal `h2.example`.
    let headers = [&[0x82, 0x86, 0x84, 0x41, 10][..], b"h2.example"].concat();
    request.extend_from_slice(&frame(1, 0x5, 1, &headers));
    client.0.write_all(&request).await.unwrap();
    let mut data = Vec::new();
    loop {
        let mut head = [0; 9];
        client.0.read_exact(&mut head).await.unwrap();
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        client.0.read_exact(&mut payload).await.unwrap();
        if head[3] == 1 {
            assert_eq!(payload[0], 0x88, "`:status 200` of the static table");
        }
        if head[3] == 0 {
            data.extend_from_slice(&payload);
        }
        // The end of the stream.
        if head[3] <= 1 && head[4] & 1 == 1 {
            break;
        }
    }
    assert_eq!(String::from_utf8(data).unwrap(), "0 bytes to / at h2.example");
    drop(client);
    server.end().await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
