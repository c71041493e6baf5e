//! A node on a temporary folder, and a client that posts to it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pinflow_dashboard::view::{AnswerView, Lane, QueryResult};
use pinflow_node::{Node, NodeConfig};
use pinflow_pipeline::{Overrides, Pipeline, Stream, built_in};
use pinflow_schedule::{JobRun, RunState, Trigger};
use serde_json::{Value, json};
use url::Url;

pub struct Running {
    pub node: Node,
    pub url: Url,
    pub client: reqwest::Client,
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn pinterest() -> Pipeline {
    built_in(&Overrides::default()).unwrap()
}

pub fn config(data: &Path, pipeline: Pipeline) -> NodeConfig {
    NodeConfig {
        host: IpAddr::from([127, 0, 0, 1]),
        port: 0,
        schedule: false,
        ..NodeConfig::new(data.to_owned(), Arc::new(pipeline))
    }
}

pub async fn start(config: NodeConfig) -> Running {
    // It fails where a test before installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let node = Node::open(config).await.unwrap();
    node.start();
    let url = node.listen().await.unwrap();
    Running { node, url, client: reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap() }
}

impl Running {
    /// Posts JSON events to a stream's batch lane over Kafka REST.
    pub async fn post_batch(&self, stream: &Stream, events: &[Value]) {
        for events in events.chunks(500) {
            let records: Vec<Value> = events.iter().map(|event| json!({ "value": event })).collect();
            let reply = self
                .client
                .post(self.url.join(&format!("topics/{}", stream.batch.topic)).unwrap())
                .header("content-type", "application/vnd.kafka.json.v2+json")
                .body(json!({ "records": records }).to_string())
                .send()
                .await
                .unwrap();
            assert_eq!(reply.status(), 200, "{}", reply.text().await.unwrap());
        }
    }

    /// Posts JSON events to a stream's stream lane over the API Gateway form of Kinesis.
    pub async fn post_stream(&self, stream: &Stream, events: &[Value]) {
        for events in events.chunks(500) {
            let records: Vec<Value> =
                events.iter().map(|event| json!({ "Data": event, "PartitionKey": "partition-1" })).collect();
            let reply = self
                .client
                .put(self.url.join(&format!("dev/streams/{}/records", stream.stream.topic)).unwrap())
                .header("content-type", "application/json")
                .body(json!({ "Records": records }).to_string())
                .send()
                .await
                .unwrap();
            assert_eq!(reply.status(), 200, "{}", reply.text().await.unwrap());
        }
    }

    pub async fn run(&self, job: &str) -> JobRun {
        let run = self.node.run_job(job, None, Trigger::Manual).await.unwrap();
        let failed: Vec<_> = run.tasks.iter().filter_map(|task| Some((&task.name, task.error.as_ref()?))).collect();
        assert_eq!(run.state, RunState::Succeeded, "{failed:?}");
        run
    }

    pub async fn query(&self, sql: &str, lane: Lane) -> QueryResult {
        self.node.view().query(sql, lane.into(), 100_000).await.unwrap()
    }

    pub async fn answers(&self) -> Vec<AnswerView> {
        self.node.view().answers().await.unwrap()
    }

    pub async fn assert_balanced(&self) {
        for row in self.node.view().balance().await.unwrap() {
            assert!(row.balances && row.in_flight == 0, "{row:?}");
        }
        for lanes in self.node.view().reconcile(None).await.unwrap() {
            assert!(lanes.equal, "{lanes:?}");
        }
    }
}

/// The objects of a file with one a line.
pub fn ndjson(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows as text, sorted, so that they can be compared whatever their order.
pub fn sorted(rows: &[Vec<Value>]) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| Value::Array(row.clone()).to_string()).collect();
    texts.sort();
    texts
}
