//! `/consumers...`: instances that read for clients.

mod create;
mod offsets;
mod openapi;
mod partitions;
mod positions;
mod records;
mod request;
mod subscription;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::dialect::Call;
use crate::kafka_rest::consumer_groups::{Consumer, ConsumerGroups, InstanceName, Seek};
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::{json_reply, media_type};
use request::optional;

pub(super) use openapi::{operations, schemas};

/// What a path under `/consumers` stands for. Names in it are any text.
pub(super) enum Resource {
    Group(String),
    Instance(InstanceName, Part),
}

/// What a path says about an instance.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Itself,
    Subscription,
    Assignments,
    Positions,
    Beginning,
    End,
    Records,
    Offsets,
}

impl Resource {
    /// The resource at the segments after `consumers`.
    pub(super) fn at(segments: &[&str]) -> Option<Self> {
        let (group, instance, rest) = match segments {
            [group] => return Some(Self::Group((*group).to_owned())),
            [group, "instances", instance, rest @ ..] => (group, instance, rest),
            _ => return None,
        };
        let part = match rest {
            [] => Part::Itself,
            ["subscription"] => Part::Subscription,
            ["assignments"] => Part::Assignments,
            ["positions"] => Part::Positions,
            ["positions", "beginning"] => Part::Beginning,
            ["positions", "end"] => Part::End,
            ["records"] => Part::Records,
            ["offsets"] => Part::Offsets,
            _ => return None,
        };
        let name = InstanceName { group: (*group).to_owned(), instance: (*instance).to_owned() };
        Some(Self::Instance(name, part))
    }

    /// The methods that it has.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::Group(_) => "POST,OPTIONS",
            Self::Instance(_, part) => match part {
                Part::Itself => "DELETE,OPTIONS",
                Part::Subscription => "GET,HEAD,POST,DELETE,OPTIONS",
                Part::Assignments | Part::Offsets => "GET,HEAD,POST,OPTIONS",
                Part::Positions | Part::Beginning | Part::End => "POST,OPTIONS",
                // A HEAD would consume records that nobody gets.
                Part::Records => "GET,OPTIONS",
            },
        }
    }
}

/// Answers a request about a consumer.
///
/// # Errors
/// [`KafkaRestError`].
pub(super) async fn answer(
    groups: &ConsumerGroups,
    call: &Call,
    body: Body,
    resource: Resource,
) -> Result<Response, KafkaRestError> {
    let allow = resource.allow();
    let method = if call.method == Method::HEAD { &Method::GET } else { &call.method };
    if !allow.split(',').any(|allowed| allowed == call.method.as_str()) {
        return Err(KafkaRestError::MethodNotAllowed { allow });
    }
    let (name, part) = match resource {
        Resource::Group(group) => return create::create(groups, call, body, group).await,
        Resource::Instance(name, part) => (name, part),
    };
    let consumer = groups.consumer(name, &call.caller);
    if matches!(part, Part::Records) {
        return records::read(&consumer, call).await;
    }
    if *method == Method::POST {
        request::check_content_type(call)?;
    }
    let media_type = reply_type(call)?;
    let body = call.read(body).await?;
    match (part, method) {
        (Part::Itself, _) => consumer.delete().await?,
        (Part::Subscription, &Method::POST) => consumer.subscribe(subscription::decode(&body)?).await?,
        (Part::Subscription, &Method::DELETE) => consumer.unsubscribe().await?,
        (Part::Subscription, _) => return Ok(json_reply(media_type, &subscription::reply(&consumer).await?)),
        (Part::Assignments, &Method::POST) => consumer.assign(partitions::decode(&body)?).await?,
        (Part::Assignments, _) => return Ok(json_reply(media_type, &partitions::reply(&consumer).await?)),
        (Part::Positions, _) => positions::seek(&consumer, &body).await?,
        (Part::Beginning, _) => consumer.seek_all(partitions::decode(&body)?, Seek::Beginning).await?,
        (Part::End, _) => consumer.seek_all(partitions::decode(&body)?, Seek::End).await?,
        (Part::Offsets, &Method::POST) => {
            offsets::commit(&consumer, &body).await?;
            // The original answers with the offsets that it committed, of which there never are any.
            return Ok(json_reply(media_type, &[(); 0]));
        }
        (Part::Offsets, _) => return committed(&consumer, media_type, &body).await,
        (Part::Records, _) => return Err(KafkaRestError::MethodNotAllowed { allow }),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET .../offsets`: which partitions is said in a body. Who cannot send one learns nothing, as with the original.
async fn committed(consumer: &Consumer<'_>, media_type: &'static str, body: &[u8]) -> Result<Response, KafkaRestError> {
    match optional(body)? {
        Some(wanted) => Ok(json_reply(media_type, &offsets::committed(consumer, wanted).await?)),
        None => Err(KafkaRestError::UnknownPartition),
    }
}

fn reply_type(call: &Call) -> Result<&'static str, KafkaRestError> {
    media_type::control_reply_type(&call.headers, call.backend.settings.accept_plain_json)
        .ok_or(KafkaRestError::NotAcceptable)
}
