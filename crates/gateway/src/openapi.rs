//! The gateway's part of the OpenAPI document: the operations of every dialect.

use pinflow_openapi::{Api, Document};

use crate::{api_gateway, kafka_rest, kinesis_native};

/// The dialects, as the document groups them. A new one is a line here.
pub fn apis() -> Vec<Api> {
    let mut apis = kafka_rest::apis();
    apis.extend([api_gateway::api(), kinesis_native::api()]);
    apis
}

/// A document of the gateway alone.
pub fn document() -> Document {
    Document::new("The gateway alone", env!("CARGO_PKG_VERSION"), &apis())
}
