//! The dialect of Kinesis behind an Amazon API Gateway, as the AWS tutorial builds it: `/streams...` with plain JSON bodies.
//!
//! Errors of Kinesis keep their own status here, where the tutorial's gateway makes all of them a 200; two have the status that
//! API Gateway has for the same thing, 403 for what is not allowed and 429 for too much.

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
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use pinflow_access::Right;
use pinflow_event::{Timestamp, TopicName};

use crate::dialect::{Call, Dialect};
use crate::json;
use crate::kinesis::{
    CreateStream, DeleteStream, DescribeStream, GetRecords, GetShardIterator, Integer, Kinesis, ListStreams, Text, Time,
};
use error::ApiGatewayError;
use reply::json_reply;

pub(crate) use openapi::api;

/// All shards that a stream may have.
const MOST_SHARDS_DESCRIBED: i64 = 10_000;

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
    fn at(segments: &[&str], default_stream: Option<&TopicName>) -> Option<Self> {
        Some(match segments {
            // The paths of a gateway in front of one stream.
            ["record"] => Self::Record(default_stream?.to_string()),
            ["records"] => Self::Records(default_stream?.to_string()),
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

    /// The right that it needs, and on which stream. A list shows what the caller has any right on.
    fn needs(&self) -> Option<(Right, &str)> {
        match self {
            Self::ListStreams => None,
            Self::CreateStream(stream) | Self::DeleteStream(stream) => Some((Right::Administer, stream)),
            Self::PutRecord(stream) | Self::PutRecords(stream) => Some((Right::Produce, stream)),
            Self::DescribeStream(stream) | Self::GetShardIterator(stream) | Self::GetRecords(stream) => {
                Some((Right::Consume, stream))
            }
        }
    }
}

#[async_trait]
impl Dialect for ApiGateway {
    fn name(&self) -> &'static str {
        "api_gateway"
    }

    fn claims(&self, call: &Call) -> bool {
        matches!(call.path.root(), Some("streams" | "record" | "records"))
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
    let operation = Resource::at(&call.path.segments(), call.backend.settings.default_stream.as_ref())
        .and_then(|resource| Operation::of(&call.method, resource))
        .ok_or(ApiGatewayError::MissingAuthenticationToken)?;
    authorize(call, &operation)?;
    check_content(&call.headers)?;
    let body = call.read(body).await?;
    let kinesis = Kinesis::creating_streams(call);
    match operation {
        Operation::ListStreams => {
            let request: Option<ListStreams> = optional_json(&body)?;
            Ok(json_reply(&kinesis.list_streams(request.unwrap_or_default()).await?))
        }
        Operation::DescribeStream(stream) => {
            // The tutorial's gateway sends no limit; its clients do not ask for a second page.
            let limit = Some(Integer(MOST_SHARDS_DESCRIBED));
            let request = DescribeStream { stream_name: Some(Text(stream)), limit, ..DescribeStream::default() };
            Ok(json_reply(&kinesis.describe_stream(request).await?))
        }
        Operation::CreateStream(stream) => {
            let shard_count = Some(Integer(stream_body::shard_count(&body)?));
            let request = CreateStream { stream_name: Some(Text(stream)), shard_count, ..CreateStream::default() };
            kinesis.create_stream(request).await?;
            Ok(reply::empty())
        }
        Operation::DeleteStream(stream) => {
            let request = DeleteStream { stream_name: Some(Text(stream)), ..DeleteStream::default() };
            kinesis.delete_stream(request).await?;
            Ok(reply::empty())
        }
        Operation::PutRecord(stream) => Ok(json_reply(&kinesis.put_record(put_body::record(stream, &body)?).await?)),
        Operation::PutRecords(stream) => Ok(json_reply(&kinesis.put_records(put_body::records(stream, &body)?).await?)),
        Operation::GetShardIterator(stream) => {
            Ok(json_reply(&kinesis.get_shard_iterator(shard_iterator_request(call, stream)).await?))
        }
        Operation::GetRecords(stream) => {
            let iterator = call.headers.get("shard-iterator").and_then(|value| value.to_str().ok());
            let request = GetRecords { shard_iterator: iterator.map(Text::from), limit: None };
            let (reply, memory) = kinesis.get_records(Some(&stream), request).await?.written(json_reply);
            Ok(memory.held_by(reply))
        }
    }
}

/// The API key comes first, as in API Gateway; then what its caller may do.
fn authorize(call: &Call, operation: &Operation) -> Result<(), ApiGatewayError> {
    if !call.caller.is_known() {
        return Err(ApiGatewayError::Forbidden);
    }
    match operation.needs().map(|(right, stream)| (right, TopicName::new(stream))) {
        Some((right, Ok(stream))) if !call.may(right, &stream) => Err(ApiGatewayError::AccessDenied),
        // A text that is no name is refused for that, in the words of Kinesis.
        _ => Ok(()),
    }
}

/// No type is JSON; any other than JSON has no template.
fn check_content(headers: &HeaderMap) -> Result<(), ApiGatewayError> {
    let essence =
        |value: &str| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    let json = headers.get(CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok_and(essence));
    if json { Ok(()) } else { Err(ApiGatewayError::UnsupportedMediaType) }
}

fn optional_json<'a, T: serde::Deserialize<'a>>(body: &'a Bytes) -> Result<Option<T>, ApiGatewayError> {
    if json::is_blank(body) { Ok(None) } else { Ok(json::parse(body)?) }
}

/// The tutorial has `shard-id` alone; the other parameters open the other ways to start.
fn shard_iterator_request(call: &Call, stream: String) -> GetShardIterator {
    let parameters = Query::<HashMap<String, String>>::try_from_uri(&call.uri);
    let mut parameters = parameters.map(|Query(parameters)| parameters).unwrap_or_default();
    let timestamp = parameters.remove("timestamp").and_then(|seconds| seconds.parse::<f64>().ok());
    let kind = parameters.remove("shard-iterator-type").unwrap_or_else(|| "TRIM_HORIZON".to_owned());
    GetShardIterator {
        stream_name: Some(Text(stream)),
        shard_id: parameters.remove("shard-id").map(Text),
        shard_iterator_type: Some(Text(kind)),
        starting_sequence_number: parameters.remove("starting-sequence-number").map(Text),
        timestamp: timestamp.map(|seconds| Time(Timestamp::from_millis((seconds * 1_000.0) as i64))),
        ..GetShardIterator::default()
    }
}
