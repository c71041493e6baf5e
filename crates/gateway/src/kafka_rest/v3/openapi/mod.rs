//! The operations of version 3: a file for each group of resources, and here what they have in common.

mod cluster;
mod consumer_groups;
mod produce;
mod topics;

use pinflow_openapi::schema::{array, constant, count, named, object, text};
use pinflow_openapi::{Api, Operation, Parameter, Schema};
use serde_json::json;

use crate::kafka_rest::media_type::PLAIN_JSON;
use crate::kafka_rest::openapi::{errors_typed, partition, topic};

/// A schema with its name in the document.
type Named = (&'static str, Schema);

const LINK: &str = "KafkaLink";
const LIST_METADATA: &str = "KafkaListMetadata";
const METADATA: &str = "KafkaResourceMetadata";

/// Version 3.
pub(in crate::kafka_rest) fn api() -> Api {
    let own = vec![
        (LINK, object([("related", text())])),
        (LIST_METADATA, object([("self", text()), ("next", constant(()))])),
        (METADATA, object([("self", text()), ("resource_name", text())])),
    ];
    Api {
        tag: "Kafka REST v3",
        description: "Version 3 of the Confluent REST Proxy's API",
        operations: [cluster::operations(), topics::operations(), produce::operations(), consumer_groups::operations()]
            .concat(),
        schemas: [own, cluster::schemas(), topics::schemas(), produce::schemas(), consumer_groups::schemas()].concat(),
    }
}

/// An operation on what stands at `path` below a cluster, with the parameters that the path names.
fn operation(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let operation = Operation::new(method, format!("/v3/clusters/{{cluster_id}}{path}"), id, summary)
        .with(Parameter::path("cluster_id", text()));
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names.fold(operation, |operation, name| operation.with(Parameter::path(name, path_parameter(name))))
}

fn path_parameter(name: &str) -> Schema {
    match name {
        "broker_id" => count(),
        "topic_name" => topic(),
        "partition_id" => partition(),
        _ => text(),
    }
}

/// `GET` of what stands at `path` below a cluster.
fn get(path: &'static str, id: &'static str, summary: &'static str, reply: Schema) -> Operation {
    found(operation("GET", path, id, summary), reply)
}

/// Is answered with something that may not be there.
fn found(operation: Operation, reply: Schema) -> Operation {
    refused(operation.reply(200, "Here it is", content(reply)), &[404])
}

/// `GET` of what this node never has.
fn never_found(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    refused(operation("GET", path, id, summary), &[404])
}

/// Needs a body, and is refused where that cannot be read or taken.
fn with_body(operation: Operation, body: Schema) -> Operation {
    refused(operation.body(content(body)), &[400, 404, 408, 413, 415, 422])
}

/// Every way in which a request is refused: these, and those that any operation knows.
fn refused(operation: Operation, statuses: &[u16]) -> Operation {
    errors_typed(operation, statuses, &[PLAIN_JSON])
}

fn content(schema: Schema) -> [(&'static str, Schema); 1] {
    [(PLAIN_JSON, schema)]
}

/// The schema of a resource of a cluster, named by its kind: these members, and what every resource has.
fn resource<const N: usize>(kind: &'static str, members: [(&str, Schema); N]) -> Named {
    let mut schema = object(members);
    for (name, of) in [("kind", constant(kind)), ("metadata", named(METADATA)), ("cluster_id", text())] {
        schema["properties"][name] = of;
        schema["required"].as_array_mut().expect("a resource has members").push(json!(name));
    }
    (kind, schema)
}

/// A list of all resources of a kind.
fn list(kind: &str) -> Schema {
    list_of(kind, array(named(kind)))
}

fn list_of(kind: &str, data: Schema) -> Schema {
    object([("kind", constant(format!("{kind}List"))), ("metadata", named(LIST_METADATA)), ("data", data)])
}

/// A link to another resource.
fn link() -> Schema {
    named(LINK)
}
