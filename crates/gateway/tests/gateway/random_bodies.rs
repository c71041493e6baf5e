//! Whatever comes in: no panic, no 5xx, and a reply in JSON.

use axum::body::Body;
use axum::http::Request;
use pinflow_gateway::GatewaySettings;

use crate::harness::Harness;

const ROUTES: [(&str, &str, &str); 7] = [
    ("POST", "/topics/t", "application/vnd.kafka.json.v2+json"),
    ("POST", "/topics/t/partitions/1", "application/vnd.kafka.binary.v2+json"),
    ("PUT", "/streams/s/record", "application/json"),
    ("POST", "/streams/s/records", "application/json"),
    ("POST", "/streams/new", "application/json"),
    ("GET", "/streams", "application/json"),
    ("GET", "/streams/s/records", "application/json"),
];

/// Pieces that a random body is made of: those that mean something to a parser, and those that hurt one.
const PIECES: [&[u8]; 36] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b" ",
    b"\n",
    b"null",
    b"true",
    b"1",
    b"-1",
    b"1e999",
    b"1.5",
    b"NaN",
    b"99999999999999999999",
    b"\"records\":",
    b"\"Records\":",
    b"\"value\":",
    b"\"key\":",
    b"\"partition\":",
    b"\"Data\":",
    b"\"data\":",
    b"\"PartitionKey\":",
    b"\"partition-key\":",
    b"\"ShardCount\":",
    b"\"Limit\":",
    b"\"k\"",
    b"\"Zm9v\"",
    b"\"\\ud800\"",
    b"\0",
    b"\xff",
    b"\xc3",
    "🎉".as_bytes(),
];

/// Xorshift: the same bodies on every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    pub fn pieces(&mut self) -> Vec<u8> {
        (0..self.below(30)).flat_map(|_| PIECES[self.below(PIECES.len())].iter().copied()).collect()
    }

    /// A good body with a few bytes changed, taken out or put in.
    fn spoiled(&mut self) -> Vec<u8> {
        const GOOD: [&str; 4] = [
            r#"{"records":[{"key":"k","value":{"a":[1,2.5,null]},"partition":0},{"value":"Zm9v"}]}"#,
            r#"{"StreamName":"s","Data":{"a":{"b":"c"}},"PartitionKey":"k"}"#,
            r#"{"Records":[{"Data":{"a":1},"PartitionKey":"k"},{"data":"text","partition-key":"k"}]}"#,
            r#"{"ShardCount":2,"Limit":10,"ExclusiveStartStreamName":"s"}"#,
        ];
        let good = GOOD[self.below(GOOD.len())];
        self.spoil(good)
    }

    /// A body with a few bytes changed, taken out or put in.
    pub fn spoil(&mut self, good: &str) -> Vec<u8> {
        let mut body = good.as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(body.len());
            match self.below(3) {
                0 => body[at] = u8::try_from(self.below(256)).unwrap(),
                1 => drop(body.remove(at)),
                _ => drop(body.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
            }
        }
        body
    }
}

async fn check(harness: &Harness, (method, path, content_type): (&str, &str, &str), body: Vec<u8>) {
    let shown = String::from_utf8_lossy(&body).into_owned();
    let request = Request::builder().method(method).uri(path).header("content-type", content_type);
    let reply = harness.send(request.body(Body::from(body)).unwrap()).await;
    assert!(!reply.status.is_server_error(), "{method} {path} {shown}: {} {}", reply.status, reply.body);
    assert!(reply.json().is_object(), "{method} {path} {shown}: {}", reply.body);
}

#[tokio::test]
async fn random_bodies_are_answered() {
    let harness = Harness::new(GatewaySettings { default_partitions: 2, max_shards: 10, ..GatewaySettings::default() });
    let mut dice = Dice(0x5eed);
    for round in 0..2_000 {
        let body = if round % 2 == 0 { dice.pieces() } else { dice.spoiled() };
        for route in ROUTES {
            check(&harness, route, body.clone()).await;
        }
    }
}

#[tokio::test]
async fn nesting_has_a_limit_and_the_reply_says_so() {
    let harness = Harness::new(GatewaySettings::default());
    for depth in [200, 100_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        let reply = harness.produce("t", format!(r#"{{"records":[{{"value":{deep}}}]}}"#)).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["message"], "a value is nested deeper than 127 arrays and objects; flatten it");
        let reply = harness.put("/streams/s/record", format!(r#"{{"Data":{deep},"PartitionKey":"k"}}"#)).await;
        assert_eq!(reply.status, 400);
        assert!(reply.body.contains("nested deeper than 127"), "{}", reply.body);
        for route in ROUTES {
            check(&harness, route, deep.clone().into_bytes()).await;
            check(&harness, route, "{\"records\":".repeat(depth).into_bytes()).await;
        }
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_named() {
    let harness = Harness::new(GatewaySettings::default());
    let reply = harness.produce("t", &b"{\"records\":[{\"value\":\"\xff\"}]}"[..]).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body, r#"{"error_code":400,"message":"the body is not UTF-8 from byte 22 on"}"#);
    let reply = harness.put("/streams/s/record", &b"{\"Data\":\"\xc3\",\"PartitionKey\":\"k\"}"[..]).await;
    assert_eq!(reply.status, 400);
    let reply = harness.produce("t", &b"{\"records\":[{\"value\":\"a\0b\"}]}"[..]).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("control character"), "{}", reply.body);
}

#[tokio::test]
async fn odd_paths_are_answered() {
    let harness = Harness::new(GatewaySettings::default());
    for path in [
        "//",
        "/topics/",
        "/topics/%",
        "/topics/%2F..%2F..%2Fetc/partitions/0",
        "/streams/%00/record",
        "/streams//",
        "/dev",
        "/%FF",
    ] {
        let reply = harness.get(path).await;
        assert!(!reply.status.is_server_error(), "{path}: {}", reply.status);
        assert!(reply.json().is_object() || reply.json().is_array(), "{path}: {}", reply.body);
    }
}
