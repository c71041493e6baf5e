//! Version 2 of the API: produce, metadata and consumers.

mod consumers;
mod openapi;
mod produce;
mod produce_request;
mod topics;

use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::KafkaRest;
use super::error::KafkaRestError;
use super::media_type;
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
    Consumers(consumers::Resource),
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
            ["consumers", rest @ ..] => Self::Consumers(consumers::Resource::at(rest)?),
            _ => return None,
        })
    }

    /// The methods that it has.
    fn allow(&self) -> &'static str {
        match self {
            Self::Topic(_) | Self::Partition(..) => "GET,HEAD,POST,OPTIONS",
            Self::Consumers(resource) => resource.allow(),
            _ => "GET,HEAD,OPTIONS",
        }
    }
}

/// Answers a request to version 2, or to no known path.
///
/// # Errors
/// [`KafkaRestError`] for the whole request; records that failed alone are in the reply.
pub(super) async fn answer(dialect: &KafkaRest, call: &Call, body: Body) -> Result<Response, KafkaRestError> {
    let resource = Resource::at(&call.path.segments()).ok_or(KafkaRestError::NoSuchPath)?;
    let allow = resource.allow();
    match (&call.method, resource) {
        (&Method::OPTIONS, _) => Ok((StatusCode::OK, [(ALLOW, HeaderValue::from_static(allow))]).into_response()),
        (_, Resource::Consumers(resource)) => consumers::answer(&dialect.groups, call, body, resource).await,
        (&Method::POST, Resource::Topic(topic)) => produce::produce(&dialect.sticky, call, body, &topic, None).await,
        (&Method::POST, Resource::Partition(topic, partition)) => {
            produce::produce(&dialect.sticky, call, body, &topic, Some(partition)).await
        }
        (&(Method::GET | Method::HEAD), resource) => read(resource, call).await,
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
    Ok(match resource {
        Resource::Root => super::json_reply(media_type, &json!({})),
        Resource::Brokers => super::json_reply(media_type, &json!({ "brokers": [topics::BROKER] })),
        Resource::Topics => super::json_reply(media_type, &topics::names(call).await?),
        Resource::Topic(topic) => super::json_reply(media_type, &topics::topic(call, &topic).await?),
        Resource::Partitions(topic) => super::json_reply(media_type, &topics::partitions(call, &topic).await?),
        Resource::Partition(topic, number) => {
            super::json_reply(media_type, &topics::partition(call, &topic, number).await?)
        }
        Resource::Offsets(topic, number) => {
            super::json_reply(media_type, &topics::offsets(call, &topic, number).await?)
        }
        Resource::Consumers(_) => return Err(KafkaRestError::NoSuchPath),
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
