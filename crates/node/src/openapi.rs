//! The OpenAPI document of a node: every operation of every part.

use pinflow_openapi::schema::{array, boolean, constant, count, integer, nullable, object, text, text_of};
use pinflow_openapi::{Api, Document, Operation, Parameter};

use crate::{metrics, replay_api};

const JSON: &str = "application/json";

const DESCRIPTION: &str = "One node: Kafka REST and Kinesis in front of one log, the dashboard's API, and what monitors ask. \
    Under Kafka REST and Kinesis a topic and a stream of the same name are the same data. A GET takes HEAD as well, and \
    every reply of a dialect carries its request's id in `x-request-id`. Credentials are needed where an access list is configured.";

/// The document as text, as in `docs/openapi.json`.
pub fn openapi() -> String {
    let document = document();
    let mut text = serde_json::to_string_pretty(document.json()).expect("a JSON value is JSON");
    text.push('\n');
    text
}

fn document() -> Document {
    let mut apis = pinflow_gateway::openapi::apis();
    apis.extend([pinflow_dashboard::openapi::api(), pinflow_serving::http::openapi::api(), replay_api::api(), api()]);
    Document::new(DESCRIPTION, env!("CARGO_PKG_VERSION"), &apis)
}

fn api() -> Api {
    let part = object([("name", text()), ("ready", boolean()), ("reason?", text())]);
    let readiness = || object([("ready", boolean()), ("parts", array(part.clone()))]);
    Api {
        tag: "Operations",
        description: "What supervisors and monitors ask",
        operations: vec![
            Operation::new("GET", "/healthz", "isAlive", "Whether the process lives")
                .reply(200, "It does", [(JSON, object([("status", constant("alive"))]))])
                .open_to_everyone(),
            Operation::new("GET", "/readyz", "isReady", "Whether every part of the node does its work")
                .reply(200, "It does", [(JSON, readiness())])
                .reply(503, "A part does not, and this is why", [(JSON, readiness())])
                .open_to_everyone(),
            Operation::new("GET", "/metrics", "getMetrics", "The metrics, for Prometheus")
                .reply(200, "OpenMetrics text", [(metrics::MEDIA_TYPE, text())])
                .open_to_everyone(),
            Operation::new("GET", "/openapi.json", "getOpenApi", "This document")
                .reply(200, "OpenAPI 3.1", [(JSON, serde_json::json!({ "type": "object" }))])
                .open_to_everyone(),
            tail(),
        ],
        schemas: Vec::new(),
    }
}

fn tail() -> Operation {
    let record = object([
        ("topic", text()),
        ("partition", count()),
        ("offset", count()),
        ("timestamp_ms", integer(i64::MIN, i64::MAX)),
        ("key", nullable(text())),
        ("value", nullable(text())),
    ]);
    let error = || [(JSON, object([("error", text())]))];
    Operation::new("GET", "/api/tail/{topic}", "tailTopic", "The records of a topic, one a line")
        .with(Parameter::path("topic", text_of(1, 249)))
        .with(Parameter::query("from", text_of(1, 20)))
        .with(Parameter::query("follow", boolean()))
        .reply(200, "A JSON object a line; with `follow` without an end", [("application/x-ndjson", record)])
        .reply(400, "The request is wrong", error())
        .reply(401, "No credentials, or wrong ones", error())
        .reply(403, "The caller has no right to read this", error())
        .reply(404, "There is no such topic", error())
        .reply(503, "The log cannot be read", error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_together() {
        assert_eq!(document().problems(), Vec::<String>::new());
    }
}
