//! The dialect of Kinesis behind an Amazon API Gateway, as the AWS tutorial builds it: `/streams...` with plain JSON bodies.
//!
//! Errors of Kinesis keep their own status here, where the tutorial's gateway makes all of them a 200.

mod cors;
mod error;
mod openapi;
mod put_body;
mod reply;
mod stream_body;

use std::collections::HashMap;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use pinflow_event::Timestamp;

use crate::dialect::{Call, Dialect};
use crate::json;
use crate::kinesis::{GetShardIterator, Kinesis, ListStreams};
use error::ApiGatewayError;
use reply::json_reply;

pub(crate) use openapi::api;

/// The API Gateway dialect.
#[derive(Debug)]
pub(crate) struct ApiGateway;

/// What a path stands for. Names in it are unchecked.
enum Resource {
    Streams,
    Stream(String),
    Record(String),
    Records(String),
    ShardIterator(String),
}

impl Resource {
    fn at(segments: &[&str]) -> Option<Self> {
        Some(match segments {
            ["streams"] => Self::Streams,
            ["streams", stream] => Self::Stream((*stream).to_owned()),
            ["streams", stream, "record"] => Self::Record((*stream).to_owned()),
            ["streams", stream, "records"] => Self::Records((*stream).to_owned()),
            ["streams", stream, "sharditerator"] => Self::ShardIterator((*stream).to_owned()),
            _ => return None,
        })
    }
}

/// What a request asks for.
enum Operation {
    ListStreams,
    DescribeStream(String),
    CreateStream(String),
    DeleteStream(String),
    PutRecord(String),
    PutRecords(String),
    GetShardIterator(String),
    GetRecords(String),
}

impl Operation {
    fn of(method: &Method, resource: Resource) -> Option<Self> {
        Some(match (method.as_str(), resource) {
            ("GET", Resource::Streams) => Self::ListStreams,
            ("GET", Resource::Stream(stream)) => Self::DescribeStream(stream),
            ("POST", Resource::Stream(stream)) => Self::CreateStream(stream),
            ("DELETE", Resource::Stream(stream)) => Self::DeleteStream(stream),
            // The tutorial has PUT; clients with POST are as common.
            ("PUT" | "POST", Resource::Record(stream)) => Self::PutRecord(stream),
            ("PUT" | "POST", Resource::Records(stream)) => Self::PutRecords(stream),
            ("GET", Resource::ShardIterator(stream)) => Self::GetShardIterator(stream),
            ("GET", Resource::Records(stream)) => Self::GetRecords(stream),
            _ => return None,
        })
    }
}

#[async_trait]
impl Dialect for ApiGateway {
    fn name(&self) -> &'static str {
        "api_gateway"
    }

    fn claims(&self, call: &Call) -> bool {
        call.path.root() == Some("streams")
    }

    async fn answer(&self, call: &Call, body: Body) -> Response {
        let started = call.backend.clock.now();
        let allowed_origin = call.backend.settings.allowed_origin.as_deref();
        let mut response = if call.method == Method::OPTIONS {
            cors::preflight(allowed_origin)
        } else {
            operate(call, body).await.unwrap_or_else(|refusal| {
                call.metrics.refuse(refusal.kind());
                if refusal.status().is_server_error() {
                    // Whoever failed has logged it once; here it is said for each request.
                    tracing::debug!(request = %call.id, "{refusal}");
                }
                refusal.into_response()
            })
        };
        if cors::is_cross_origin(&call.headers) {
            cors::allow_origin(&mut response, allowed_origin);
        }
        reply::identify(&mut response, call.id, started);
        response
    }
}

async fn operate(call: &Call, body: Body) -> Result<Response, ApiGatewayError> {
    let operation = Resource::at(&call.path.segments())
        .and_then(|resource| Operation::of(&call.method, resource))
        .ok_or(ApiGatewayError::MissingAuthenticationToken)?;
    check_content(&call.headers)?;
    let body = call.read(body).await?;
    let kinesis = Kinesis::new(call);
    match operation {
        Operation::ListStreams => {
            let request: Option<ListStreams> = optional_json(&body)?;
            Ok(json_reply(&kinesis.list_streams(request.unwrap_or_default()).await?))
        }
        Operation::DescribeStream(stream) => Ok(json_reply(&kinesis.describe_stream(&stream).await?)),
        Operation::CreateStream(stream) => {
            kinesis.create_stream(&stream, stream_body::shard_count(&body)?).await?;
            Ok(reply::empty())
        }
        Operation::DeleteStream(stream) => {
            kinesis.delete_stream(&stream).await?;
            Ok(reply::empty())
        }
        Operation::PutRecord(stream) => Ok(json_reply(&kinesis.put_record(&stream, put_body::record(&body)?).await?)),
        Operation::PutRecords(stream) => {
            Ok(json_reply(&kinesis.put_records(&stream, put_body::records(&body)?).await?))
        }
        Operation::GetShardIterator(stream) => {
            Ok(json_reply(&kinesis.get_shard_iterator(&stream, shard_iterator_request(call)).await?))
        }
        Operation::GetRecords(stream) => {
            let iterator = call.headers.get("shard-iterator").and_then(|value| value.to_str().ok());
            Ok(json_reply(&kinesis.get_records(Some(&stream), iterator).await?))
        }
    }
}

/// No type is JSON; any other than JSON has no template.
fn check_content(headers: &HeaderMap) -> Result<(), ApiGatewayError> {
    let essence =
        |value: &str| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    let json = headers.get(CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok_and(essence));
    let plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    if json && plain { Ok(()) } else { Err(ApiGatewayError::UnsupportedMediaType) }
}

fn optional_json<'a, T: serde::Deserialize<'a>>(body: &'a Bytes) -> Result<Option<T>, ApiGatewayError> {
    if json::is_blank(body) { Ok(None) } else { Ok(json::parse(body)?) }
}

/// The tutorial has `shard-id` alone; the other parameters open the other ways to start.
fn shard_iterator_request(call: &Call) -> GetShardIterator {
    let parameters = Query::<HashMap<String, String>>::try_from_uri(&call.uri);
    let mut parameters = parameters.map(|Query(parameters)| parameters).unwrap_or_default();
    let timestamp = parameters.remove("timestamp").and_then(|seconds| seconds.parse::<f64>().ok());
    GetShardIterator {
        shard_id: parameters.remove("shard-id"),
        kind: Some(parameters.remove("shard-iterator-type").unwrap_or_else(|| "TRIM_HORIZON".to_owned())),
        starting_sequence_number: parameters.remove("starting-sequence-number"),
        timestamp: timestamp.map(|seconds| Timestamp::from_millis((seconds * 1_000.0) as i64)),
    }
}
