//! Kafka REST v3: `POST .../records` on a request that stays open, over a real socket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use pinflow_event::{Partition, TopicName};
use pinflow_gateway::GatewaySettings;
use pinflow_log::{LogError, TopicChange, TopicConfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::Harness;
use crate::trust::{GuardedLog, eventually};

const PATH: &str = "/v3/clusters/c/topics/t/records";

/// A client with one open, chunked request.
struct Client {
    write: OwnedWriteHalf,
    read: BufReader<OwnedReadHalf>,
    server: JoinHandle<()>,
}

impl Client {
    async fn connect(harness: &Harness) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = harness.gateway.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let (read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        write.write_all(head.as_bytes()).await.unwrap();
        Self { write, read: BufReader::new(read), server }
    }

    /// Sends a part of the body.
    async fn send(&mut self, text: &str) {
        self.write.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await.unwrap();
    }

    async fn finish(&mut self) {
        self.write.write_all(b"0\r\n\r\n").await.unwrap();
    }

    /// The head of the reply.
    async fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(within(self.read.read_line(&mut head)).await.unwrap(), 0, "no head: {head}");
        }
        head
    }

    /// The next chunk of the reply; empty at its end.
    async fn chunk(&mut self) -> String {
        let mut size = String::new();
        within(self.read.read_line(&mut size)).await.unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        within(self.read.read_exact(&mut chunk)).await.unwrap();
        chunk.truncate(size);
        String::from_utf8(chunk).unwrap()
    }

    /// Everything to the end of the reply.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return rest;
            }
            rest.push_str(&chunk);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A bound for what must happen: it is there to fail instead of hanging.
async fn within<T>(happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), happens).await.expect("it never happened")
}

fn record(value: usize) -> String {
    format!(r#"{{"value":{{"type":"JSON","data":{value}}}}}"#)
}

#[tokio::test]
async fn each_record_is_answered_while_the_request_stays_open() {
    let harness = Harness::new(GatewaySettings::default());
    let mut client = Client::connect(&harness).await;
    for number in 0..5 {
        client.send(&record(number)).await;
        if number == 0 {
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert!(head.to_ascii_lowercase().contains("content-type: application/json\r\n"), "{head}");
        }
        let reply = client.chunk().await;
        assert!(
            reply.starts_with(&format!(
                r#"{{"error_code":200,"cluster_id":"c","topic_name":"t","partition_id":0,"offset":{number},"#
            )),
            "{reply}"
        );
        assert!(reply.ends_with("}}\r\n"), "{reply:?}");
    }
    client.send("{\"value\":1}").await;
    assert!(client.chunk().await.starts_with(r#"{"error_code":400,"#));
    client.finish().await;
    assert_eq!(client.rest().await, "");
    assert_eq!(harness.stored("t", 0).await.len(), 5);
}

#[tokio::test]
async fn a_record_may_come_in_pieces() {
    let harness = Harness::new(GatewaySettings::default());
    let mut client = Client::connect(&harness).await;
    let text = r#"{"value":{"type":"STRING","data":"a }{ \" é"}}"#;
    for piece in text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]) {
        client.send(piece).await;
    }
    client.head().await;
    assert!(client.chunk().await.contains(r#""offset":0,"#));
    assert_eq!(harness.stored("t", 0).await[0].value.as_deref(), Some("a }{ \" é".as_bytes()));
}

#[tokio::test]
async fn a_fast_client_shares_appends_among_its_records_and_keeps_their_order() {
    const RECORDS: usize = 5_000;
    let (harness, log) = GuardedLog::holding();
    let mut client = Client::connect(&harness).await;
    client.send(&record(0)).await;
    // While the first record is being stored all others come in.
    log.begun().await;
    let numbers: Vec<usize> = (1..RECORDS).collect();
    for numbers in numbers.chunks(1_000) {
        client.send(&numbers.iter().map(|number| record(*number)).collect::<String>()).await;
    }
    client.finish().await;
    log.let_through(RECORDS);
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    let replies = client.rest().await;
    for (number, reply) in replies.lines().enumerate() {
        assert!(reply.contains(&format!(r#""offset":{number},"#)), "{number}: {reply}");
    }
    assert_eq!(replies.lines().count(), RECORDS);
    let stored = harness.stored("t", 0).await;
    assert!(stored.iter().enumerate().all(|(number, r)| r.value.as_deref() == Some(number.to_string().as_bytes())));
    assert!(log.appends() < RECORDS / 10, "{} appends", log.appends());
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_log_is_not_read_from_without_end() {
    let (harness, log) = GuardedLog::holding();
    let mut client = Client::connect(&harness).await;
    client.send(&record(0)).await;
    log.begun().await;
    let chunk = record(1).repeat(1_000);
    // More than the server and both sockets hold: the client cannot get rid of all of it.
    let flood = async {
        for _ in 0..4_000 {
            client.send(&chunk).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(3), flood).await.is_err(), "the server read on and on");
    assert_eq!(harness.gateway.metrics().accepted_records(), 0);
}

#[tokio::test]
async fn a_client_that_disconnects_within_a_record_stores_what_was_whole() {
    let harness = Harness::new(GatewaySettings::default());
    let mut client = Client::connect(&harness).await;
    client.send(&format!("{}{{\"value\":{{\"type\":\"JSON\",\"da", record(1))).await;
    client.head().await;
    assert!(client.chunk().await.contains(r#""offset":0,"#));
    drop(client);
    let mut second = Client::connect(&harness).await;
    second.send(&record(2)).await;
    second.head().await;
    assert!(second.chunk().await.contains(r#""offset":1,"#));
    assert_eq!(harness.stored("t", 0).await.len(), 2);
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_stop_the_append_that_was_begun() {
    let (harness, log) = GuardedLog::holding();
    let mut client = Client::connect(&harness).await;
    client.send(&record(1)).await;
    client.head().await;
    log.begun().await;
    drop(client);
    log.let_through(1);
    eventually(|| harness.gateway.metrics().accepted_records() == 1).await;
}

#[tokio::test]
async fn a_stream_that_is_no_json_any_more_is_ended_although_the_client_sends_on() {
    let harness = Harness::new(GatewaySettings::default());
    let mut client = Client::connect(&harness).await;
    client.send(&format!("{}]{}", record(1), record(2))).await;
    client.head().await;
    let replies = client.rest().await;
    let replies: Vec<&str> = replies.lines().collect();
    assert_eq!(replies.len(), 2, "{replies:?}");
    assert!(replies[0].contains(r#""error_code":200,"#) && replies[1].contains(r#""error_code":400,"#), "{replies:?}");
}

#[tokio::test]
async fn a_stream_ends_after_its_time() {
    let settings = GatewaySettings { max_stream_duration: Duration::from_millis(200), ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let mut client = Client::connect(&harness).await;
    client.send(&record(1)).await;
    client.head().await;
    let replies = client.rest().await;
    let last = replies.lines().last().unwrap();
    assert_eq!(
        last,
        r#"{"error_code":408,"message":"Streaming connection open for longer than allowed: Connection will be closed."}"#
    );
}

/// Between records a client may pause for longer than within one.
#[tokio::test]
async fn a_record_that_is_not_finished_in_time_ends_the_stream() {
    let stream_record_time = Duration::from_millis(200);
    let harness = Harness::new(GatewaySettings { stream_record_time, ..GatewaySettings::default() });
    let mut client = Client::connect(&harness).await;
    client.send(&record(1)).await;
    client.head().await;
    assert!(client.chunk().await.starts_with(r#"{"error_code":200,"#));
    tokio::time::sleep(3 * stream_record_time).await;
    client.send(&record(2)).await;
    assert!(client.chunk().await.starts_with(r#"{"error_code":200,"#), "a pause between records is none of its faults");
    client.send(r#"{"value":{"type":"JSON","#).await;
    assert!(client.rest().await.starts_with(r#"{"error_code":408,"#));
}

#[tokio::test]
async fn a_stream_without_records_ends_after_its_time() {
    let settings = GatewaySettings { stream_idle_time: Duration::from_millis(200), ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let mut client = Client::connect(&harness).await;
    client.send(&record(1)).await;
    client.head().await;
    let replies = client.rest().await;
    assert!(replies.lines().last().unwrap().starts_with(r#"{"error_code":408,"#), "{replies}");
}

#[tokio::test]
async fn an_overloaded_log_refuses_records_and_the_stream_goes_on() {
    let overloaded = LogError::Overloaded { waiting: 1 << 30, retry_after: Duration::from_millis(100) };
    for (failure, code) in [(overloaded, 429), (LogError::Poisoned { cause: "disk full".to_owned() }, 50302)] {
        let harness = Harness::in_front_of(GatewaySettings::default(), GuardedLog::failing(failure));
        let mut client = Client::connect(&harness).await;
        for number in 0..3 {
            client.send(&record(number)).await;
            if number == 0 {
                assert!(client.head().await.starts_with("HTTP/1.1 200 "));
            }
            assert!(client.chunk().await.starts_with(&format!(r#"{{"error_code":{code},"#)));
        }
        let refused = &harness.gateway.metrics().dialects["kafka_rest"].refused;
        assert_eq!(refused[&code.to_string()], 3);
    }
}

async fn stream(harness: &Harness, body: &str) -> Vec<serde_json::Value> {
    let request = Request::post(PATH).header("content-type", "application/json");
    let reply = harness.send(request.body(Body::from(body.to_owned())).unwrap()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn closed_partitions_take_no_records() {
    let harness = Harness::new(GatewaySettings::default());
    let topic = TopicName::new("t").unwrap();
    let config = TopicConfig { partitions: 3, ..TopicConfig::default() };
    harness.log.create_topic(&topic, config).await.unwrap();
    let change = TopicChange { close: [Partition(0)].into(), ..TopicChange::default() };
    harness.log.alter_topic(&topic, change).await.unwrap();

    let mut body = r#"{"partition_id":0}{"partition_id":1}"#.to_owned();
    for key in 0..50 {
        body.push_str(&format!(
            r#"{{"key":{{"type":"JSON","data":{key}}}}}{{"value":{{"type":"JSON","data":{key}}}}}"#
        ));
    }
    let replies = stream(&harness, &body).await;
    assert_eq!(replies.len(), 102);
    assert_eq!(replies[0]["error_code"], 40402);
    assert!(replies[0]["message"].as_str().unwrap().contains("closed"));
    let partitions: std::collections::BTreeSet<_> = replies[1..].iter().map(|r| r["partition_id"].as_u64()).collect();
    assert_eq!(partitions, [Some(1), Some(2)].into());

    let request =
        Request::patch("/v3/clusters/pinflowpinflowpinflow0/topics/t").header("content-type", "application/json");
    let reply = harness.send(request.body(Body::from(r#"{"partitions_count":9}"#)).unwrap()).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error_code"], 40002);
    assert!(reply.json()["message"].as_str().unwrap().contains("split or merged"));
}

#[tokio::test]
async fn records_are_placed_anew_when_a_partition_closes_meanwhile() {
    let (harness, log) = GuardedLog::holding();
    let topic = TopicName::new("t").unwrap();
    let config = TopicConfig { partitions: 2, ..TopicConfig::default() };
    harness.log.create_topic(&topic, config).await.unwrap();
    let harness = Arc::new(harness);
    let request = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { stream(&harness, r#"{"value":{"type":"JSON","data":1}}{"partition_id":0}{"partition_id":1}"#).await }
    });
    log.begun().await;
    let change = TopicChange { close: [Partition(0)].into(), ..TopicChange::default() };
    harness.log.alter_topic(&topic, change).await.unwrap();
    log.let_through(10);
    let replies = request.await.unwrap();
    assert_eq!(replies[0]["partition_id"], 1, "{replies:?}");
    assert_eq!(replies[1]["error_code"], 40402, "{replies:?}");
    assert_eq!(replies[2]["partition_id"], 1, "{replies:?}");
}

#[tokio::test]
async fn latin_1_is_read_as_such() {
    let harness = Harness::new(GatewaySettings::default());
    let body = [br#"{"value":{"type":"STRING","data":""#.as_slice(), &[0xe9], br#""}}"#].concat();
    let request = Request::post(PATH).header("content-type", "application/json; charset=ISO-8859-1");
    let reply = harness.send(request.body(Body::from(body.clone())).unwrap()).await;
    assert!(reply.body.contains(r#""size":2"#), "{}", reply.body);
    assert_eq!(harness.stored("t", 0).await[0].value.as_deref(), Some("é".as_bytes()));
    let request = Request::post(PATH).header("content-type", "application/json");
    let reply = harness.send(request.body(Body::from(body)).unwrap()).await;
    assert!(reply.body.starts_with(r#"{"error_code":400,"#), "{}", reply.body);
}

#[tokio::test]
async fn headers_and_times_are_stored() {
    let harness = Harness::new(GatewaySettings::default());
    let body =
        r#"{"headers":[{"name":"a","value":"AP8="},{"name":"a","value":null}],"timestamp":"2021-02-05T19:14:42.5Z"}"#;
    stream(&harness, body).await;
    let stored = harness.stored("t", 0).await;
    assert_eq!(stored[0].timestamp.as_millis(), 1_612_552_482_500);
    let headers: Vec<_> = stored[0].headers.iter().map(|h| (h.name.as_str(), h.value.as_deref())).collect();
    assert_eq!(headers, [("a", Some([0, 0xff].as_slice())), ("a", None)]);
}

#[tokio::test]
async fn streams_count_as_request_bodies_do() {
    let settings = GatewaySettings { max_body_bytes_at_once: 10_000, ..GatewaySettings::default() };
    let harness = Harness::new(settings);
    let mut client = Client::connect(&harness).await;
    for number in 0..100 {
        client.send(&record(number).repeat(10)).await;
        if number == 0 {
            client.head().await;
        }
        let mut replies = 0;
        while replies < 10 {
            let chunk = client.chunk().await;
            assert!(chunk.lines().all(|reply| reply.starts_with(r#"{"error_code":200,"#)), "{chunk}");
            replies += chunk.lines().count();
        }
    }
    // A record that never ends takes all there is.
    client.send(&format!("{{\"value\":\"{}", "x".repeat(20_000))).await;
    let last = client.rest().await;
    assert!(last.starts_with(r#"{"error_code":429,"#), "{last}");
    let reply = harness.produce("t", r#"{"records":[{"value":1}]}"#).await;
    assert_eq!(reply.status, 200, "what the stream had was given back: {}", reply.body);
}
