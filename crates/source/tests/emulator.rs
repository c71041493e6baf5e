//! The emulator against small gateways that answer well, badly, late or not at all.
#![allow(clippy::unwrap_used)]

mod gateway;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures::{Stream, StreamExt};
use gateway::{Gateway, Seen, stored};
use pinflow_pipeline::Lane;
use pinflow_source::{Counts, Draw, EmulationReport, Emulator, EmulatorOptions, Event, SourceError, StreamTarget};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn options(base_url: &str, draws: u64) -> EmulatorOptions {
    let target = |name: &str| StreamTarget {
        name: name.into(),
        batch_topic: format!("demo.{name}"),
        stream_topic: format!("streaming-demo-{name}"),
    };
    EmulatorOptions {
        base_url: base_url.into(),
        streams: vec![target("pin"), target("geo")],
        draws: Some(draws),
        attempts: 4,
        ..EmulatorOptions::default()
    }
}

/// Draws without end: number n is `{"n":n}` on both streams.
fn draws() -> impl Stream<Item = Result<Draw, SourceError>> + Send {
    futures::stream::iter(0_u64..).map(|number| {
        let event = |stream: &str| Event {
            stream: stream.into(),
            link: number.to_string().into(),
            json: json!({"n": number, "text": "\"é\"\n", "of": stream}).to_string().into(),
        };
        Ok(Draw { events: vec![event("pin"), event("geo"), event("without a target")] })
    })
}

async fn run(options: EmulatorOptions) -> EmulationReport {
    let emulator = Emulator::new(options).unwrap();
    let progress = emulator.progress();
    let report = emulator.run(draws(), CancellationToken::new()).await.unwrap();
    assert_eq!(progress.total(), report.total());
    for lane in &report.lanes {
        assert_eq!(lane.counts.posted, lane.counts.accepted + lane.counts.refused, "{lane:?}");
    }
    report
}

#[tokio::test]
async fn both_lanes_get_every_event_in_the_original_clients_form() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    // A stage and a slash at the end belong to many a base address.
    let report = run(options(&format!("{}/dev/", gateway.url), 30)).await;
    assert_eq!(report.draws, 30);
    assert_eq!(report.total(), Counts { posted: 120, accepted: 120, ..Counts::default() });
    let places: Vec<_> =
        report.lanes.iter().map(|lane| (lane.lane, lane.stream.as_str(), lane.counts.accepted)).collect();
    let all =
        [(Lane::Batch, "pin", 30), (Lane::Batch, "geo", 30), (Lane::Stream, "pin", 30), (Lane::Stream, "geo", 30)];
    assert_eq!(places, all);
    assert!(report.errors.is_empty() && report.gave_up.is_none());

    let seen = gateway.seen();
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in &seen {
        *lines.entry(&seen.line).or_default() += 1;
    }
    let expected = [
        ("POST /dev/topics/demo.geo", 30),
        ("POST /dev/topics/demo.pin", 30),
        ("PUT /dev/streams/streaming-demo-geo/record", 30),
        ("PUT /dev/streams/streaming-demo-pin/record", 30),
    ];
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), expected);
    let find = |line: &str, number: u64| {
        let holds = |seen: &&Seen| seen.line == line && seen.body.to_string().contains(&format!("\"n\":{number},"));
        seen.iter().find(holds).unwrap()
    };
    let kafka = find("POST /dev/topics/demo.pin", 7);
    assert_eq!(kafka.headers[header::CONTENT_TYPE], "application/vnd.kafka.json.v2+json");
    assert_eq!(kafka.body, json!({"records": [{"value": {"n": 7, "text": "\"é\"\n", "of": "pin"}}]}));
    let kinesis = find("PUT /dev/streams/streaming-demo-geo/record", 7);
    assert_eq!(kinesis.headers[header::CONTENT_TYPE], "application/json");
    let data = json!({"n": 7, "text": "\"é\"\n", "of": "geo"});
    assert_eq!(kinesis.body, json!({"StreamName": "streaming-demo-geo", "Data": data, "PartitionKey": "7"}));
}

#[tokio::test]
async fn connections_are_kept_and_several_are_used() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    run(EmulatorOptions { in_flight: 16, ..options(&gateway.url, 250) }).await;
    let seen = gateway.seen();
    assert_eq!(seen.len(), 1_000);
    let connections: BTreeSet<SocketAddr> = seen.iter().map(|seen| seen.connection).collect();
    // A connection may be opened while another one comes free, so there may be a few more than requests at a time.
    assert!((2..=64).contains(&connections.len()), "{} connections", connections.len());
}

#[tokio::test]
async fn batches_hold_many_events_and_the_last_one_the_rest() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    let report = run(EmulatorOptions { batch: 20, ..options(&gateway.url, 50) }).await;
    assert_eq!(report.total().accepted, 200);
    let seen = gateway.seen();
    assert_eq!(seen.len(), 4 * 3);
    let sizes = |line: &str| {
        let of_line = seen.iter().filter(|seen| seen.line == line);
        let mut sizes: Vec<usize> = of_line.map(|seen| seen.body["records"].as_array().unwrap().len()).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes("POST /topics/demo.pin"), [10, 20, 20]);
    assert_eq!(sizes("PUT /streams/streaming-demo-pin/records"), [10, 20, 20]);
    // Kinesis' data is the event's text: the tutorial's template would spoil an object.
    let kinesis = seen.iter().find(|seen| seen.line.ends_with("records")).unwrap();
    let record = &kinesis.body["records"][0];
    let event: Value = serde_json::from_str(record["data"].as_str().unwrap()).unwrap();
    assert_eq!(event["n"].to_string(), record["partition-key"].as_str().unwrap());
}

#[tokio::test]
async fn a_gateway_that_is_full_is_asked_again_and_nothing_is_uncertain() {
    let gateway = Gateway::answering(|number, seen| match number % 3 {
        0 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")], "full").into_response(),
        1 => {
            let body = json!({"__type": "ProvisionedThroughputExceededException", "message": "slow down"});
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
        _ => stored(seen),
    })
    .await;
    // One at a time: every event then meets both answers before it is stored.
    let report = run(EmulatorOptions { in_flight: 1, ..options(&gateway.url, 2) }).await;
    let expected = Counts { posted: 8, accepted: 8, retried: 16, ..Counts::default() };
    assert_eq!(report.total(), expected);
    let kinds: Vec<_> = report.errors.iter().map(|error| (error.kind.as_str(), error.events)).collect();
    assert_eq!(kinds, [("HTTP 429", 8), ("ProvisionedThroughputExceededException", 8)]);
    assert_eq!(report.errors[0].first_text, "full");
    assert_eq!(report.errors[0].first_at, (Lane::Batch, "pin".to_owned()));
}

#[tokio::test]
async fn the_gateways_retry_after_is_honoured() {
    let gateway = Gateway::answering(|number, seen| match number {
        0 => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "").into_response(),
        _ => stored(seen),
    })
    .await;
    let one = EmulatorOptions { in_flight: 1, lanes: vec![Lane::Stream], ..options(&gateway.url, 1) };
    let report = run(one).await;
    assert!(report.elapsed >= Duration::from_secs(1), "{:?}", report.elapsed);
    assert_eq!(report.total().accepted, 2);
}

#[tokio::test]
async fn an_error_within_a_200_is_an_error() {
    let gateway = Gateway::answering(|_, seen| {
        let number = seen.body.to_string().contains("\"n\":1,");
        match (seen.line.as_str(), number) {
            ("POST /topics/demo.pin", true) => axum::Json(json!({"offsets": [
                {"partition": null, "offset": null, "error_code": 50002, "error": "record too large"}]}))
            .into_response(),
            ("POST /topics/demo.geo", true) => axum::Json(json!({"offsets": [
                {"partition": null, "offset": null, "error_code": 50003, "error": "no answer"}]}))
            .into_response(),
            ("PUT /streams/streaming-demo-pin/record", true) => {
                axum::Json(json!({"__type": "com.amazonaws.kinesis#ResourceNotFoundException", "message": "none"}))
                    .into_response()
            }
            ("PUT /streams/streaming-demo-geo/record", true) => "OK".into_response(),
            _ => stored(seen),
        }
    })
    .await;
    let report = run(options(&gateway.url, 3)).await;
    // The two that may be stored nevertheless are the ones that a broker did not confirm and that nobody understands.
    assert_eq!(report.total(), Counts { posted: 12, accepted: 8, refused: 4, retried: 0, uncertain: 2 });
    let kinds: Vec<_> = report.errors.iter().map(|error| (error.kind.as_str(), error.first_text.as_str())).collect();
    assert_eq!(
        kinds[0],
        (
            "ResourceNotFoundException",
            r#"{"__type":"com.amazonaws.kinesis#ResourceNotFoundException","message":"none"}"#
        )
    );
    assert_eq!(
        kinds[1..],
        [("kafka 50002", "record too large"), ("kafka 50003", "no answer"), ("unreadable reply", "OK")]
    );
}

#[tokio::test]
async fn of_a_batch_only_what_failed_is_sent_again() {
    let gateway = Gateway::answering(|number, seen| match number {
        0 => {
            let throttled = json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"});
            let refused = json!({"ErrorCode": "ValidationException", "ErrorMessage": "bad"});
            let fine = json!({"SequenceNumber": "1", "ShardId": "s"});
            axum::Json(json!({"FailedRecordCount": 3, "Records": [throttled, fine, refused, throttled]}))
                .into_response()
        }
        _ => stored(seen),
    })
    .await;
    let mut one_lane = EmulatorOptions { batch: 4, lanes: vec![Lane::Stream], ..options(&gateway.url, 4) };
    one_lane.streams.truncate(1);
    let report = run(one_lane).await;
    assert_eq!(report.total(), Counts { posted: 4, accepted: 3, refused: 1, retried: 2, uncertain: 0 });
    let keys = |seen: &Seen| {
        let records = seen.body["records"].as_array().unwrap().iter();
        records.map(|record| record["partition-key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(gateway.seen().iter().map(keys).collect::<Vec<_>>(), [vec!["0", "1", "2", "3"], vec!["0", "3"]]);
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_sent_again() {
    let gateway = Gateway::answering(|_, _| (StatusCode::UNAUTHORIZED, "who?".repeat(1000)).into_response()).await;
    let report = run(options(&gateway.url, 5)).await;
    assert_eq!(report.total(), Counts { posted: 20, refused: 20, ..Counts::default() });
    assert_eq!(gateway.seen().len(), 20);
    assert_eq!(report.errors.len(), 1);
    assert_eq!(report.errors[0].first_text.len(), 500, "a long body is cut");
}

#[tokio::test]
async fn an_unknown_outcome_is_counted_as_uncertain() {
    let gateway = Gateway::answering(|number, seen| match number {
        0 => (StatusCode::GATEWAY_TIMEOUT, "late").into_response(),
        _ => stored(seen),
    })
    .await;
    let report = run(options(&gateway.url, 3)).await;
    assert_eq!(report.total(), Counts { posted: 12, accepted: 12, refused: 0, retried: 1, uncertain: 1 });
}

#[tokio::test]
async fn a_lost_reply_is_uncertain() {
    // Reads each first request of a connection whole, as if storing it, and hangs up; answers on every second connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            if number % 2 == 1 {
                let body = r#"{"SequenceNumber":"1","ShardId":"s"}"#;
                let reply =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        }
    });
    let one = EmulatorOptions { in_flight: 1, lanes: vec![Lane::Stream], ..options(&url, 2) };
    let report = run(one).await;
    assert_eq!(report.total(), Counts { posted: 4, accepted: 4, refused: 0, retried: 4, uncertain: 4 });
    assert_eq!(report.errors[0].kind, "reply lost");
    assert_eq!(connections.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_reply_that_does_not_come_is_uncertain() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let one = EmulatorOptions {
        timeout: Duration::from_millis(100),
        attempts: 2,
        lanes: vec![Lane::Batch],
        ..options(&url, 1)
    };
    let report = run(one).await;
    assert_eq!(report.total(), Counts { posted: 2, accepted: 0, refused: 2, retried: 2, uncertain: 4 });
    assert_eq!(report.errors[0].kind, "timeout");
    drop(listener);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_ends_the_emulation() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let report = run(EmulatorOptions { draws: None, ..options(&format!("http://{unused}"), 0) }).await;
    assert_eq!(report.gave_up.as_deref(), Some("cannot connect after 4 attempts"));
    let total = report.total();
    assert_eq!((total.accepted, total.uncertain), (0, 0), "what was not sent is surely not stored");
    assert_eq!(report.errors[0].kind, "cannot connect");
}

#[tokio::test]
async fn an_emulation_that_is_stopped_posts_what_it_drew() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    let emulator = Emulator::new(EmulatorOptions { draws: None, batch: 7, ..options(&gateway.url, 0) }).unwrap();
    let progress = emulator.progress();
    let stop = CancellationToken::new();
    let running = tokio::spawn(emulator.run(draws(), stop.clone()));
    while progress.total().accepted < 40 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let report = running.await.unwrap().unwrap();
    assert!(report.draws >= 10);
    assert_eq!(report.total().accepted, report.draws * 4, "each draw is posted whole, on both lanes");
}

#[tokio::test]
async fn a_source_that_fails_is_said_after_what_was_drawn_is_posted() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    let emulator = Emulator::new(options(&gateway.url, 100)).unwrap();
    let progress = emulator.progress();
    let failure = SourceError::Emulator { problem: "the table is gone".into(), hint: "mend it".into() };
    let draws = draws().take(5).chain(futures::stream::iter([Err(failure)]));
    let error = emulator.run(draws, CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("the table is gone"));
    assert_eq!(progress.total().accepted, 20);
}

#[tokio::test]
async fn a_rate_is_no_faster_than_it_says() {
    let gateway = Gateway::answering(|_, seen| stored(seen)).await;
    let report = run(EmulatorOptions { rate: Some(50.0), ..options(&gateway.url, 11) }).await;
    // Ten pauses of 20 ms; how much longer a busy machine takes says nothing.
    assert!(report.elapsed >= Duration::from_millis(200), "{:?}", report.elapsed);
}

#[test]
fn what_cannot_be_is_refused() {
    let fine = || options("http://127.0.0.1:1", 1);
    for (options, said) in [
        (EmulatorOptions { base_url: "127.0.0.1:8080".into(), ..fine() }, "is no HTTP address"),
        (
            EmulatorOptions { base_url: "ftp://host".into(), ..fine() },
            "`ftp://host/topics/demo.pin` is no HTTP address",
        ),
        (EmulatorOptions { batch: 501, ..fine() }, "a batch of 501 events"),
        (EmulatorOptions { batch: 0, ..fine() }, "a batch of 0 events"),
        (EmulatorOptions { rate: Some(0.0), ..fine() }, "a rate that is not above 0"),
        (EmulatorOptions { rate: Some(f64::NAN), ..fine() }, "a rate that is not above 0"),
        (EmulatorOptions { in_flight: 0, ..fine() }, "no request allowed"),
        (EmulatorOptions { lanes: vec![], ..fine() }, "nothing to post to"),
    ] {
        let error = Emulator::new(options).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("\nhint: "), "{error}");
    }
    assert!(Emulator::new(options("https://gateway.example.com/dev", 1)).is_ok(), "TLS needs no set-up by the caller");
}
