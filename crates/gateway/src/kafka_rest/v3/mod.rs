//! Version 3 of the API: clusters, topics, consumer groups, and producing to topics.
//!
//! A request goes [`resource`] (path) -> cluster check -> one of the modules, each of which owns its resources' JSON.

mod access;
mod body;
mod clusters;
mod consumer_groups;
mod create_topic;
mod error;
mod links;
mod openapi;
mod partitions;
mod produce;
mod replica_assignments;
mod resource;
mod topic_configs;
mod topics;

pub(super) use openapi::api;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::KafkaRest;
use super::error::KafkaRestError;
use super::media_type::{self, PLAIN_JSON};
use crate::dialect::Call;
use consumer_groups::GroupsView;
use error::V3Error;
use links::Links;
use resource::{InCluster, Resource};

/// Answers a request whose path begins with `/v3`.
pub(super) async fn answer(dialect: &KafkaRest, call: &Call, body: Body) -> Response {
    route(dialect, call, body).await.unwrap_or_else(|refusal| {
        call.metrics.refuse(refusal.code());
        if refusal.status().is_server_error() {
            // Whoever failed has logged it once; here it is said for each request.
            tracing::debug!(request = %call.id, "{refusal}");
        }
        refusal.into_response(&call.headers)
    })
}

async fn route(dialect: &KafkaRest, call: &Call, body: Body) -> Result<Response, V3Error> {
    let segments = call.path.segments();
    let resource = segments.get(1..).and_then(Resource::at).ok_or(KafkaRestError::NoSuchPath)?;
    let allow = resource.allow();
    if call.method == Method::OPTIONS {
        return Ok((StatusCode::OK, [(ALLOW, HeaderValue::from_static(allow))]).into_response());
    }
    let method = if call.method == Method::HEAD { "GET" } else { call.method.as_str() };
    if !allow.split(',').any(|allowed| allowed == method) {
        return Err(V3Error::method_not_allowed(allow));
    }
    if !media_type::accepts(&call.headers, PLAIN_JSON) {
        return Err(KafkaRestError::NotAcceptable.into());
    }
    let links = Links::new(call);
    match resource {
        Resource::Clusters => Ok(ok(&clusters::list(&links))),
        // Producing does not look at the cluster: so it is in the original.
        Resource::Of(cluster, InCluster::Records(topic)) => {
            produce::stream(&dialect.sticky, call, body, cluster, topic).await
        }
        Resource::Of(cluster, InCluster::RecordsBatch(topic)) => {
            produce::batch(&dialect.sticky, call, body, cluster, topic).await
        }
        Resource::Of(cluster, _) if cluster != links.cluster() => Err(V3Error::UnknownCluster(cluster.to_owned())),
        Resource::Of(_, of) if method == "GET" => read(dialect, call, &links, of).await,
        Resource::Of(_, of) => change(call, &links, body, of, allow).await,
    }
}

/// Answers `GET`.
async fn read(dialect: &KafkaRest, call: &Call, links: &Links, resource: InCluster<'_>) -> Result<Response, V3Error> {
    use InCluster as R;
    Ok(match resource {
        R::Cluster => ok(&clusters::cluster(links)),
        R::Brokers => ok(&clusters::brokers(links)),
        R::Broker(broker) => ok(&clusters::broker(links, broker)?),
        R::AllBrokersConfigs => ok(&topic_configs::list_of_broker(call, links, "-")?),
        R::BrokerConfigs(broker) => ok(&topic_configs::list_of_broker(call, links, broker)?),
        R::BrokerConfig(broker, name) => ok(&topic_configs::get_of_broker(call, links, broker, name)?),
        R::BrokerReplicas(broker) => ok(&partitions::of_broker(call, links, broker).await?),
        R::ClusterConfigs => ok(&topic_configs::of_cluster(links, None)?),
        R::ClusterConfig(name) => ok(&topic_configs::of_cluster(links, Some(name))?),
        R::Topics => ok(&topics::list(call, links).await?),
        R::Topic(topic) => ok(&topics::get(call, links, topic).await?),
        R::AllTopicsConfigs => ok(&topic_configs::list_all(call, links).await?),
        R::TopicConfigs(topic) => ok(&topic_configs::list(call, links, topic).await?),
        R::DefaultTopicConfigs(topic) => ok(&topic_configs::list_defaults(call, links, topic).await?),
        R::TopicConfig(topic, name) => ok(&topic_configs::get(call, links, topic, name).await?),
        R::AllReassignments => ok(&partitions::reassignments(call, links, None).await?),
        R::TopicReassignments(topic) => ok(&partitions::reassignments(call, links, Some(topic)).await?),
        R::Partitions(topic) => ok(&partitions::list(call, links, topic).await?),
        R::Partition(topic, partition) => ok(&partitions::get(call, links, topic, partition).await?),
        R::PartitionOffset(topic, partition) => ok(&partitions::offset(call, links, topic, partition).await?),
        R::PartitionReassignment(topic, partition) => ok(&partitions::reassignment(call, topic, partition).await?),
        R::Replicas(topic, partition) => ok(&partitions::replicas(call, links, topic, partition).await?),
        R::Replica(topic, partition, broker) => ok(&partitions::replica(call, links, topic, partition, broker).await?),
        group => return read_group(&GroupsView { groups: &dialect.groups, call, links }, group).await,
    })
}

async fn read_group(view: &GroupsView<'_>, resource: InCluster<'_>) -> Result<Response, V3Error> {
    use InCluster as R;
    Ok(match resource {
        R::ConsumerGroups => ok(&view.list().await?),
        R::ConsumerGroup(group) => ok(&view.get(group).await?),
        R::Consumers(group) => ok(&view.consumers(group).await?),
        R::Consumer(group, consumer) => ok(&view.consumer(group, consumer).await?),
        R::Assignments(group, consumer) => ok(&view.assignments(group, consumer).await?),
        R::Assignment(group, consumer, topic, partition) => {
            ok(&view.assignment(group, consumer, topic, partition).await?)
        }
        R::LagSummary(group) => ok(&view.lag_summary(group).await?),
        R::Lags(group) => ok(&view.lags(group).await?),
        R::Lag(group, topic, partition) => ok(&view.lag(group, topic, partition).await?),
        _ => return Err(KafkaRestError::NoSuchPath.into()),
    })
}

/// Answers `POST`, `PUT`, `PATCH` and `DELETE`.
async fn change(
    call: &Call,
    links: &Links,
    body: Body,
    resource: InCluster<'_>,
    allow: &'static str,
) -> Result<Response, V3Error> {
    match (&call.method, resource) {
        (&Method::POST, InCluster::Topics) => {
            let bytes = body::read(call, body).await?;
            let (status, topic) = topics::create(call, links, &bytes).await?;
            let location = HeaderValue::try_from(topic.url()).expect("a link is a valid header");
            let mut reply = json_reply(status, &topic);
            reply.headers_mut().insert(LOCATION, location);
            Ok(reply)
        }
        (&Method::PATCH, InCluster::Topic(topic)) => {
            let bytes = body::read(call, body).await?;
            Ok(ok(&topics::grow(call, links, topic, &bytes).await?))
        }
        (&Method::DELETE, InCluster::Topic(topic)) => done(topics::delete(call, topic).await),
        (&Method::PUT, InCluster::TopicConfig(topic, name)) => {
            let bytes = body::read(call, body).await?;
            let value = topic_configs::put_request(name, &bytes)?;
            done(topic_configs::set(call, topic, name, Some(value)).await)
        }
        (&Method::DELETE, InCluster::TopicConfig(topic, name)) => {
            done(topic_configs::set(call, topic, name, None).await)
        }
        (&Method::POST, InCluster::AlterTopicConfigs(topic)) => {
            let bytes = body::read(call, body).await?;
            let (changes, validate_only) = topic_configs::alter_request(&bytes)?;
            done(topic_configs::alter(call, topic, changes, validate_only).await)
        }
        _ => Err(V3Error::method_not_allowed(allow)),
    }
}

fn done(outcome: Result<(), V3Error>) -> Result<Response, V3Error> {
    outcome.map(|()| StatusCode::NO_CONTENT.into_response())
}

fn ok(body: &impl Serialize) -> Response {
    json_reply(StatusCode::OK, body)
}

fn json_reply(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("replies have text keys and finite numbers only");
    (status, [(CONTENT_TYPE, HeaderValue::from_static(PLAIN_JSON))], text).into_response()
}
