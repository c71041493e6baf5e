//! Configurations of topics, and of the broker that gives their defaults.

mod known;
mod request;
mod values;

pub(super) use request::{Config, alter_request, put_request};
pub(super) use values::{ConfigChange, change, new_topic};

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::LogError;
use serde::Serialize;

use super::access::{administered_topic, require, visible_topic, visible_topics};
use super::clusters::check_broker;
use super::error::V3Error;
use super::links::{BROKER, Links, List, Resource};
use crate::dialect::Call;
use known::KnownConfig;
use values::ConfigValue;

const DEFAULT: &str = "DEFAULT_CONFIG";
const OF_TOPIC: &str = "DYNAMIC_TOPIC_CONFIG";

/// Whose configuration it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Owner {
    Topic { topic_name: TopicName },
    Broker { broker_id: u32 },
}

#[derive(Debug, Serialize)]
pub(super) struct ConfigData {
    cluster_id: String,
    #[serde(flatten)]
    owner: Owner,
    name: String,
    value: String,
    is_default: bool,
    is_read_only: bool,
    is_sensitive: bool,
    source: &'static str,
    synonyms: Vec<Synonym>,
}

#[derive(Debug, Serialize)]
struct Synonym {
    name: &'static str,
    value: String,
    source: &'static str,
}

/// `GET .../topics/{topic}/configs`.
///
/// # Errors
/// As [`visible_topic`].
pub(super) async fn list(call: &Call, links: &Links, topic: &str) -> Result<List<Resource<ConfigData>>, V3Error> {
    let topic = visible_topic(call, topic).await?;
    let values = values::all(&topic.config, &call.backend.settings);
    let data = values.into_iter().map(|value| of_topic(links, &topic.name, value)).collect();
    Ok(links.list("KafkaTopicConfigList", &["topics", topic.name.as_str(), "configs"], data))
}

/// `GET .../topics/{topic}/default-configs`: what a topic of that name would have if it were made now.
///
/// # Errors
/// As [`require`]; that the topic is there, or cannot be.
pub(super) async fn list_defaults(
    call: &Call,
    links: &Links,
    topic: &str,
) -> Result<List<Resource<ConfigData>>, V3Error> {
    let topic = TopicName::new(topic).map_err(|_| V3Error::Payload("Invalid topic name."))?;
    require(call, Right::Administer, &topic)?;
    match call.backend.log.topic(&topic).await {
        Err(LogError::UnknownTopic(_)) => {}
        Ok(_) => return Err(LogError::TopicExists(topic).into()),
        Err(failure) => return Err(failure.into()),
    }
    let values = values::defaults(&call.backend.settings);
    let data = values.into_iter().map(|value| of_topic(links, &topic, value)).collect();
    Ok(links.list("KafkaTopicConfigList", &["topics", topic.as_str(), "default-configs"], data))
}

/// `GET .../topics/-/configs`: those of all topics that the caller sees.
///
/// # Errors
/// What the log reports.
pub(super) async fn list_all(call: &Call, links: &Links) -> Result<List<Resource<ConfigData>>, V3Error> {
    let mut data = Vec::new();
    for topic in visible_topics(call).await? {
        let values = values::all(&topic.config, &call.backend.settings);
        data.extend(values.into_iter().map(|value| of_topic(links, &topic.name, value)));
    }
    Ok(links.list("KafkaTopicConfigList", &["topics", "-", "configs"], data))
}

/// `GET .../topics/{topic}/configs/{name}`.
///
/// # Errors
/// As [`visible_topic`]; [`V3Error::NotFound`].
pub(super) async fn get(call: &Call, links: &Links, topic: &str, name: &str) -> Result<Resource<ConfigData>, V3Error> {
    let topic = visible_topic(call, topic).await?;
    let value = values::one(name, &topic.config, &call.backend.settings).ok_or(V3Error::NotFound)?;
    Ok(of_topic(links, &topic.name, value))
}

/// `PUT` and `DELETE .../topics/{topic}/configs/{name}`: sets or, with `None`, resets one that is there.
///
/// # Errors
/// As [`alter`]; [`V3Error::NoSuchConfig`].
pub(super) async fn set(call: &Call, topic: &str, name: &str, value: Option<String>) -> Result<(), V3Error> {
    let found = administered_topic(call, topic).await?;
    if KnownConfig::find(name).is_none() {
        let cluster = call.backend.settings.cluster_id.clone();
        return Err(V3Error::NoSuchConfig { name: name.to_owned(), topic: found.name, cluster });
    }
    alter(call, topic, vec![ConfigChange { name: name.to_owned(), value }], false).await
}

/// `POST .../topics/{topic}/configs:alter`: all changes or none; none too where they are only to be checked.
///
/// # Errors
/// As [`administered_topic`] and [`change`].
pub(super) async fn alter(
    call: &Call,
    topic: &str,
    changes: Vec<ConfigChange>,
    validate_only: bool,
) -> Result<(), V3Error> {
    let topic = administered_topic(call, topic).await?;
    let change = change(changes, &call.backend.settings)?;
    if validate_only {
        change.apply(&topic.name, &topic.config)?;
    } else {
        call.backend.log.alter_topic(&topic.name, change).await?;
    }
    Ok(())
}

/// `GET .../broker-configs` and `.../broker-configs/{name}`: nobody has set any, so the list is empty and no name is found.
///
/// # Errors
/// [`V3Error::NotFound`] for every name.
pub(super) fn of_cluster(links: &Links, name: Option<&str>) -> Result<List<Resource<ConfigData>>, V3Error> {
    match name {
        None => Ok(links.list("KafkaClusterConfigList", &["broker-configs"], Vec::new())),
        Some(_) => Err(V3Error::NotFound),
    }
}

/// `GET .../brokers/{broker}/configs` and `.../brokers/-/configs`.
///
/// # Errors
/// [`V3Error::NotFound`] for a broker that is not there.
pub(super) fn list_of_broker(call: &Call, links: &Links, broker: &str) -> Result<List<Resource<ConfigData>>, V3Error> {
    if broker != "-" {
        check_broker(broker)?;
    }
    let mut values = values::defaults(&call.backend.settings);
    values.sort_by_key(|value| value.broker_name);
    let data = values.into_iter().map(|value| of_broker(links, value)).collect();
    Ok(links.list("KafkaBrokerConfigList", &["brokers", broker, "configs"], data))
}

/// `GET .../brokers/{broker}/configs/{name}`.
///
/// # Errors
/// [`V3Error::NotFound`].
pub(super) fn get_of_broker(
    call: &Call,
    links: &Links,
    broker: &str,
    name: &str,
) -> Result<Resource<ConfigData>, V3Error> {
    check_broker(broker)?;
    let value = values::defaults(&call.backend.settings).into_iter().find(|value| value.broker_name == name);
    Ok(of_broker(links, value.ok_or(V3Error::NotFound)?))
}

fn of_topic(links: &Links, topic: &TopicName, value: ConfigValue) -> Resource<ConfigData> {
    let default = Synonym { name: value.broker_name, value: value.default.clone(), source: DEFAULT };
    let own = value.own.map(|own| Synonym { name: value.name, value: own, source: OF_TOPIC });
    let data = ConfigData {
        cluster_id: links.cluster().to_owned(),
        owner: Owner::Topic { topic_name: topic.clone() },
        name: value.name.to_owned(),
        value: own.as_ref().map_or(value.default, |own| own.value.clone()),
        is_default: own.is_none(),
        is_read_only: false,
        is_sensitive: false,
        source: if own.is_some() { OF_TOPIC } else { DEFAULT },
        synonyms: own.into_iter().chain([default]).collect(),
    };
    let path = ["topics", topic.as_str(), "configs", value.name];
    links.resource("KafkaTopicConfig", &path, &["topic", topic.as_str(), "config", value.name], data)
}

fn of_broker(links: &Links, value: ConfigValue) -> Resource<ConfigData> {
    let synonym = Synonym { name: value.broker_name, value: value.default.clone(), source: DEFAULT };
    let data = ConfigData {
        cluster_id: links.cluster().to_owned(),
        owner: Owner::Broker { broker_id: 1 },
        name: value.broker_name.to_owned(),
        value: value.default,
        is_default: true,
        // They are settings of the node, which no client changes.
        is_read_only: true,
        is_sensitive: false,
        source: DEFAULT,
        synonyms: vec![synonym],
    };
    let path = ["brokers", BROKER, "configs", value.broker_name];
    links.resource("KafkaBrokerConfig", &path, &["broker", BROKER, "config", value.broker_name], data)
}
