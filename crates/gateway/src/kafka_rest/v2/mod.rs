//! Version 2 of the API: produce and metadata.

mod openapi;
mod produce;
mod produce_request;
mod topics;

use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::KafkaRestError;
use super::media_type;
use super::partitioner::StickyPartitioner;
use crate::dialect::Call;

pub(super) use openapi::api;

/// What a path of this API stands for. Names in it are unchecked.
enum Resource {
    Root,
    Brokers,
    Topics,
    Topic(String),
    Partitions(String),
    Partition(String, i64),
    Offsets(String, i64),
}

impl Resource {
    fn at(segments: &[&str]) -> Option<Self> {
        Some(match segments {
            [] => Self::Root,
            ["brokers"] => Self::Brokers,
            ["topics"] => Self::Topics,
            ["topics", topic] => Self::Topic((*topic).to_owned()),
            ["topics", topic, "partitions"] => Self::Partitions((*topic).to_owned()),
            ["topics", topic, "partitions", partition] => Self::Partition((*topic).to_owned(), partition.parse().ok()?),
            ["topics", topic, "partitions", partition, "offsets"] => {
                Self::Offsets((*topic).to_owned(), partition.parse().ok()?)
            }
            _ => return None,
        })
    }

    /// The methods that it has.
    fn allow(&self) -> &'static str {
        match self {
            Self::Topic(_) | Self::Partition(..) => "GET,HEAD,POST,OPTIONS",
            _ => "GET,HEAD,OPTIONS",
        }
    }
}

/// Answers a request to version 2, or to no known path.
///
/// # Errors
/// [`KafkaRestError`] for the whole request; records that failed alone are in the reply.
pub(super) async fn answer(sticky: &StickyPartitioner, call: &Call, body: Body) -> Result<Response, KafkaRestError> {
    let resource = Resource::at(&call.path.segments()).ok_or(KafkaRestError::NoSuchPath)?;
    let allow = resource.allow();
    match call.method {
        Method::POST => match resource {
            Resource::Topic(topic) => produce::produce(sticky, call, body, &topic, None).await,
            Resource::Partition(topic, partition) => {
                produce::produce(sticky, call, body, &topic, Some(partition)).await
            }
            _ => Err(KafkaRestError::MethodNotAllowed { allow }),
        },
        Method::GET | Method::HEAD => read(resource, call).await,
        Method::OPTIONS => Ok((StatusCode::OK, [(ALLOW, HeaderValue::from_static(allow))]).into_response()),
        _ => Err(KafkaRestError::MethodNotAllowed { allow }),
    }
}

async fn read(resource: Resource, call: &Call) -> Result<Response, KafkaRestError> {
    if let (Resource::Root, Some(home), true) =
        (&resource, &call.backend.settings.home, media_type::prefers_html(&call.headers))
    {
        return Ok((StatusCode::FOUND, [(LOCATION, home.as_str())]).into_response());
    }
    let media_type = reply_type(call)?;
    let log = &*call.backend.log;
    Ok(match resource {
        Resource::Root => super::json_reply(media_type, &json!({})),
        Resource::Brokers => super::json_reply(media_type, &json!({ "brokers": [topics::BROKER] })),
        Resource::Topics => super::json_reply(media_type, &topics::names(log).await?),
        Resource::Topic(topic) => {
            let max_record_bytes = call.backend.settings.max_record_bytes;
            super::json_reply(media_type, &topics::topic(log, &topic, max_record_bytes).await?)
        }
        Resource::Partitions(topic) => super::json_reply(media_type, &topics::partitions(log, &topic).await?),
        Resource::Partition(topic, number) => {
            super::json_reply(media_type, &topics::partition(log, &topic, number).await?)
        }
        Resource::Offsets(topic, number) => super::json_reply(media_type, &topics::offsets(log, &topic, number).await?),
    })
}

/// The type of the reply: v2's own, or plain JSON to who takes nothing else, where that is set.
fn reply_type(call: &Call) -> Result<&'static str, KafkaRestError> {
    if media_type::accepts(&call.headers, media_type::V2) {
        Ok(media_type::V2)
    } else if call.backend.settings.accept_plain_json && media_type::accepts(&call.headers, media_type::PLAIN_JSON) {
        Ok(media_type::PLAIN_JSON)
    } else {
        Err(KafkaRestError::NotAcceptable)
    }
}
