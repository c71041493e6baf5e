//! Plays the transcripts in `tests/cases`: one file a dialect, requests as clients send them and replies as they get them.
//!
//! ```text
//! ### what the section shows; each begins with an empty log
//! ! setting value
//! > METHOD path
//! > Header: value
//! >
//! > body
//! < status
//! < header: value          (`-` for a header that must not be there)
//! <
//! < body
//! = topic-partition@offset key value     (what the log then holds; `null` for none)
//! ```
//! In a reply `…` stands for any text, and a line ends with LF where the reply has CRLF. A request with a target of AWS is
//! signed, unless it has the line `Authorization: -`.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use pinflow_event::Record;
use pinflow_gateway::GatewaySettings;

use crate::harness::{Harness, Reply};
use crate::kinesis_client::SIGNATURE;
use crate::openapi;

#[tokio::test]
async fn kafka_rest_v2() {
    play(include_str!("../cases/kafka_rest_v2.http")).await;
}

#[tokio::test]
async fn kafka_rest_v2_consumers() {
    play(include_str!("../cases/kafka_rest_v2_consumers.http")).await;
}

#[tokio::test]
async fn kafka_rest_v3_topics() {
    play(include_str!("../cases/kafka_rest_v3_topics.http")).await;
}

#[tokio::test]
async fn kafka_rest_v3_configs() {
    play(include_str!("../cases/kafka_rest_v3_configs.http")).await;
}

#[tokio::test]
async fn kafka_rest_v3_produce() {
    play(include_str!("../cases/kafka_rest_v3_produce.http")).await;
}

#[tokio::test]
async fn kafka_rest_v3_groups() {
    play(include_str!("../cases/kafka_rest_v3_groups.http")).await;
}

#[tokio::test]
async fn api_gateway() {
    play(include_str!("../cases/api_gateway.http")).await;
}

#[tokio::test]
async fn kinesis_protocol() {
    play(include_str!("../cases/kinesis_protocol.http")).await;
}

#[tokio::test]
async fn kinesis_streams() {
    play(include_str!("../cases/kinesis_streams.http")).await;
}

#[tokio::test]
async fn kinesis_records() {
    play(include_str!("../cases/kinesis_records.http")).await;
}

async fn play(transcript: &str) {
    let mut failures = Vec::new();
    for section in transcript.split("\n### ").skip(1) {
        let (title, lines) = section.split_once('\n').unwrap();
        if let Err(failure) = play_section(lines).await {
            failures.push(format!("### {title}\n{failure}"));
        }
    }
    assert!(failures.is_empty(), "{} sections failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

async fn play_section(text: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let mut settings = GatewaySettings::default();
    let mut lines = lines.as_slice();
    for line in take_while_marked(&mut lines, "!") {
        let (name, value) = line.split_once(' ').unwrap();
        set(&mut settings, name, value);
    }
    // The document shows the defaults.
    let (documented, stages) = (!settings.accept_plain_json, settings.stages.clone());
    let harness = Harness::new(settings);
    assert!(!lines.is_empty(), "a section without a request");
    while !lines.is_empty() {
        let request = take_while_marked(&mut lines, ">");
        let expected = take_while_marked(&mut lines, "<");
        let stored = take_while_marked(&mut lines, "=");
        assert!(!request.is_empty() && !expected.is_empty(), "not a request and its reply: {lines:?}");
        let reply = harness.send(parse(&request)).await;
        compare(&expected, &reply).map_err(|why| format!("{}: {why}", request[0]))?;
        if documented {
            openapi::check(&request, &reply, &stages).map_err(|why| format!("{}: {why}", request[0]))?;
        }
        compare_stored(&harness, &stored).await?;
    }
    Ok(())
}

/// The next lines that begin with `mark`, without it.
fn take_while_marked<'a>(lines: &mut &[&'a str], mark: &str) -> Vec<&'a str> {
    let count = lines.iter().take_while(|line| line.starts_with(mark)).count();
    let (taken, rest) = lines.split_at(count);
    *lines = rest;
    taken.iter().map(|line| line[1..].strip_prefix(' ').unwrap_or(&line[1..])).collect()
}

fn set(settings: &mut GatewaySettings, name: &str, value: &str) {
    match name {
        "auto_create_topics" => settings.auto_create_topics = value.parse().unwrap(),
        "auto_create_streams" => settings.auto_create_streams = value.parse().unwrap(),
        "accept_plain_json" => settings.accept_plain_json = value.parse().unwrap(),
        "default_partitions" => settings.default_partitions = value.parse().unwrap(),
        "default_shards" => settings.default_shards = value.parse().unwrap(),
        "max_body_bytes" => settings.max_body_bytes = value.parse().unwrap(),
        "max_record_bytes" => settings.max_record_bytes = value.parse().unwrap(),
        "consumer_request_timeout_ms" => {
            settings.consumer_request_timeout = Duration::from_millis(value.parse().unwrap());
        }
        "max_consumer_instances" => settings.max_consumer_instances = value.parse().unwrap(),
        "max_put_records" => settings.max_put_records = value.parse().unwrap(),
        "stage" => settings.stages.push(value.to_owned()),
        "allowed_origin" => settings.allowed_origin = Some(value.to_owned()).filter(|origin| origin != "none"),
        "cluster_id" => value.clone_into(&mut settings.cluster_id),
        "kept_topic" => drop(settings.kept_topics.insert(value.parse().unwrap())),
        "max_batch_entries" => settings.max_batch_entries = value.parse().unwrap(),
        "max_shards" => settings.max_shards = value.parse().unwrap(),
        "default_stream" => settings.default_stream = Some(value.parse().unwrap()),
        "home" => settings.home = Some(value.to_owned()),
        _ => panic!("no setting `{name}`"),
    }
}

fn parse(lines: &[&str]) -> Request<Body> {
    let (method, path) = lines[0].split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    let head = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let names = |wanted: &str| lines[1..head].iter().any(|line| line.to_lowercase().starts_with(wanted));
    if names("x-amz-target: ") && !names("authorization: ") {
        request = request.header("authorization", SIGNATURE).header("x-amz-date", "20231114T221320Z");
    }
    for line in &lines[1..head] {
        let (name, value) = line.split_once(": ").unwrap();
        if value != "-" {
            request = request.header(name, value);
        }
    }
    let body = lines.get(head + 1..).unwrap_or_default().join("\n");
    request.body(Body::from(body)).unwrap()
}

fn compare(expected: &[&str], reply: &Reply) -> Result<(), String> {
    let all = || format!("{} {:?}\n{}", reply.status, reply.headers, reply.body);
    if reply.status.as_str() != expected[0] {
        return Err(format!("expected {}, got {}", expected[0], all()));
    }
    let head = expected.iter().position(|line| line.is_empty()).unwrap_or(expected.len());
    for line in &expected[1..head] {
        let (name, value) = line.split_once(": ").unwrap();
        let given = reply.headers.get(name).map_or("-", |value| value.to_str().unwrap());
        if !matches(value, given) {
            return Err(format!("expected {name}: {value}, got {}", all()));
        }
    }
    let Some(body) = expected.get(head + 1..) else { return Ok(()) };
    let body = body.join("\n");
    let given = reply.body.replace("\r\n", "\n");
    if matches(&body, given.strip_suffix('\n').unwrap_or(&given)) {
        Ok(())
    } else {
        Err(format!("expected\n{body}\ngot {}", all()))
    }
}

async fn compare_stored(harness: &Harness, expected: &[&str]) -> Result<(), String> {
    let mut checked = std::collections::BTreeSet::new();
    for line in expected {
        let at = line.split('@').next().unwrap();
        if !checked.insert(at) {
            continue;
        }
        let (topic, partition) = at.rsplit_once('-').unwrap();
        let records = harness.stored(topic, partition.parse().unwrap()).await;
        let found: Vec<String> = records.iter().map(|record| describe(at, record)).collect();
        let wanted: Vec<&str> = expected.iter().copied().filter(|line| line.split('@').next() == Some(at)).collect();
        if found != wanted {
            return Err(format!("expected in the log\n{}\nfound\n{}", wanted.join("\n"), found.join("\n")));
        }
    }
    Ok(())
}

fn describe(at: &str, record: &Record) -> String {
    let text = |bytes: &Option<bytes::Bytes>| match bytes {
        Some(bytes) if bytes.is_empty() => "(empty)".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => "null".to_owned(),
    };
    format!("{at}@{} {} {}", record.offset, text(&record.key), text(&record.value))
}

/// Whether `text` is `pattern`, in which `…` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
