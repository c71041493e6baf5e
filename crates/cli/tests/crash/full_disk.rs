//! A disk that is full: clients hear of it in their dialect, nothing is acknowledged in vain, and with room all is well again.

use serde_json::{Value, json};

use crate::program::Program;

/// No file may grow beyond 64 blocks of 512 bytes, and growing it is an error, not a deadly signal.
const FULL: &str = "trap '' XFSZ; ulimit -f 64;";
const SETTINGS: &str = "data: data\nschedule: false\n";

/// What a client of one dialect sees.
struct Answers {
    acknowledged: Vec<String>,
    refused: Vec<Value>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_loses_nothing_acknowledged() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pinflow.yaml"), SETTINGS).unwrap();
    // What a node makes at its first start may need the room.
    let mut program = Program::serve(folder.path(), "", None);
    program.ready().unwrap();
    assert_eq!(program.terminate().code(), Some(0), "{}", program.said());

    let mut program = Program::serve(folder.path(), FULL, None);
    let url = program.ready().unwrap_or_else(|| panic!("it does not start: {}", program.said()));
    let kafka = fill(&url, Dialect::KafkaRest).await;
    let kinesis = fill(&url, Dialect::ApiGateway).await;
    assert!(!kafka.acknowledged.is_empty(), "there was room for some records");
    for refusal in &kafka.refused {
        assert!(refusal["error_code"].is_u64() && refusal["message"].is_string(), "{refusal}");
    }
    for refusal in &kinesis.refused {
        assert!(refusal["__type"].is_string() && refusal["message"].is_string(), "{refusal}");
    }
    let health = reqwest::get(format!("{url}/api/health")).await.unwrap();
    assert_eq!(health.status(), 503, "{}", health.text().await.unwrap());
    program.terminate();

    let mut program = Program::serve(folder.path(), "", None);
    let url = program.ready().unwrap_or_else(|| panic!("it does not start again: {}", program.said()));
    for (topic, answers) in [("demo.geo", &kafka), ("streaming-demo-geo", &kinesis)] {
        let tail = reqwest::get(format!("{url}/api/tail/{topic}")).await.unwrap().text().await.unwrap();
        let stored: Vec<String> = tail.lines().map(value_of).collect();
        // What follows was refused, and a refused record may be there in part of the cases: never before an acknowledged one.
        assert_eq!(stored.get(..answers.acknowledged.len()), Some(&answers.acknowledged[..]), "{topic}");
    }
    let after = send(&url, Dialect::KafkaRest, &event(9_999)).await;
    assert_eq!(after.0, 200, "{}", after.1);
    assert_eq!(program.terminate().code(), Some(0), "{}", program.said());
}

#[derive(Clone, Copy)]
enum Dialect {
    KafkaRest,
    ApiGateway,
}

fn event(number: usize) -> String {
    format!(r#"{{"number":{number},"padding":"{}"}}"#, "x".repeat(1_000))
}

fn value_of(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap();
    record["value"].as_str().unwrap().to_owned()
}

/// Sends until the node has refused some.
async fn fill(url: &str, dialect: Dialect) -> Answers {
    let mut answers = Answers { acknowledged: Vec::new(), refused: Vec::new() };
    for number in 0..1_000 {
        let event = event(number);
        let (status, reply) = send(url, dialect, &event).await;
        match status {
            200 => {
                assert!(answers.refused.is_empty(), "{event} was acknowledged after a refusal");
                answers.acknowledged.push(event);
            }
            _ => answers.refused.push(reply),
        }
        if answers.refused.len() == 3 {
            return answers;
        }
    }
    panic!("the disk was never full");
}

async fn send(url: &str, dialect: Dialect, event: &str) -> (u16, Value) {
    let client = reqwest::Client::new();
    let event: Value = serde_json::from_str(event).unwrap();
    let request = match dialect {
        Dialect::KafkaRest => client
            .post(format!("{url}/topics/demo.geo"))
            .header("content-type", "application/vnd.kafka.json.v2+json")
            .body(json!({ "records": [{ "value": event }] }).to_string()),
        Dialect::ApiGateway => client
            .put(format!("{url}/streams/streaming-demo-geo/record"))
            .json(&json!({ "Data": event, "PartitionKey": "key" })),
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}
