//! A stream: a topic, its shards, and what else Kinesis keeps with it, each in a property of the topic.

use std::collections::BTreeMap;

use pinflow_event::{Timestamp, TopicName};
use pinflow_log::TopicDescription;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::KinesisError;
use super::shards::Shards;

const TAGS: &str = "kinesis.tags";
const CONSUMERS: &str = "kinesis.consumers";
const MODE: &str = "kinesis.mode";
const MONITORING: &str = "kinesis.monitoring";
const POLICY: &str = "kinesis.policy";
const ENCRYPTION_KEY: &str = "kinesis.encryption_key";

/// What a retention of no end is in Kinesis: the longest that it has.
const LONGEST_RETENTION_HOURS: u64 = 8_760;

/// How a stream gets its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StreamMode {
    /// As many as its user says.
    Provisioned,
    /// In AWS as many as it needs; here as many as it was made with, until its user says otherwise.
    OnDemand,
}

impl StreamMode {
    /// The names of all modes, in the order of the service's model.
    pub(super) const NAMES: [&str; 2] = ["PROVISIONED", "ON_DEMAND"];

    /// The mode of a name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "PROVISIONED" => Some(Self::Provisioned),
            "ON_DEMAND" => Some(Self::OnDemand),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// A registered consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RegisteredConsumer {
    pub(super) name: String,
    pub(super) created: Timestamp,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

/// A topic as Kinesis sees it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) topic: TopicDescription,
    pub(super) shards: Shards,
}

/// Properties of a topic to set or, with `None`, to remove.
pub(super) type Properties = BTreeMap<String, Option<String>>;

impl Stream {
    /// The stream that a topic is.
    ///
    /// # Errors
    /// [`KinesisError::InternalFailure`] where the list of shards cannot be read.
    pub(super) fn of(topic: TopicDescription) -> Result<Self, KinesisError> {
        let shards =
            Shards::of(&topic).map_err(|failure| unreadable(&topic.name, super::shards::PROPERTY, &failure))?;
        Ok(Self { topic, shards })
    }

    pub(super) fn name(&self) -> &TopicName {
        &self.topic.name
    }

    /// How long it keeps records.
    pub(super) fn retention_hours(&self) -> u64 {
        let age = self.topic.config.retention_age;
        age.map_or(LONGEST_RETENTION_HOURS, |age| age.as_secs().div_ceil(3_600))
    }

    pub(super) fn mode(&self) -> StreamMode {
        let mode = self.topic.config.properties.get(MODE).and_then(|name| StreamMode::parse(name));
        mode.unwrap_or(StreamMode::Provisioned)
    }

    /// The metrics that were switched on a shard.
    pub(super) fn monitoring(&self) -> Result<Vec<String>, KinesisError> {
        self.property(MONITORING)
    }

    /// The key that it says to be encrypted with.
    pub(super) fn encryption_key(&self) -> Option<&str> {
        self.topic.config.properties.get(ENCRYPTION_KEY).map(String::as_str)
    }

    /// The policy that is kept with it.
    pub(super) fn policy(&self) -> Option<&str> {
        self.topic.config.properties.get(POLICY).map(String::as_str)
    }

    pub(super) fn tags(&self) -> Result<BTreeMap<String, String>, KinesisError> {
        self.property(TAGS)
    }

    pub(super) fn consumers(&self) -> Result<Vec<RegisteredConsumer>, KinesisError> {
        self.property(CONSUMERS)
    }

    fn property<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, KinesisError> {
        let Some(text) = self.topic.config.properties.get(name) else { return Ok(T::default()) };
        serde_json::from_str(text).map_err(|failure| unreadable(self.name(), name, &failure))
    }
}

fn unreadable(stream: &TopicName, property: &str, failure: &serde_json::Error) -> KinesisError {
    KinesisError::InternalFailure(format!("the property `{property}` of topic `{stream}` cannot be read: {failure}"))
}

/// Sets the stream's mode.
pub(super) fn mode_property(mode: StreamMode) -> Properties {
    Properties::from([(MODE.to_owned(), Some(mode.name().to_owned()))])
}

/// Sets the metrics that are switched on a shard.
pub(super) fn monitoring_property(metrics: &[String]) -> Properties {
    property(MONITORING, (!metrics.is_empty()).then_some(metrics))
}

/// Sets the encryption key, or removes it.
pub(super) fn encryption_property(key: Option<&str>) -> Properties {
    Properties::from([(ENCRYPTION_KEY.to_owned(), key.map(str::to_owned))])
}

/// Sets the policy, or removes it.
pub(super) fn policy_property(policy: Option<String>) -> Properties {
    Properties::from([(POLICY.to_owned(), policy)])
}

/// Sets all tags.
pub(super) fn tags_property(tags: &BTreeMap<String, String>) -> Properties {
    property(TAGS, (!tags.is_empty()).then_some(tags))
}

/// Sets all consumers.
pub(super) fn consumers_property(consumers: &[RegisteredConsumer]) -> Properties {
    property(CONSUMERS, (!consumers.is_empty()).then_some(consumers))
}

fn property<T: Serialize + ?Sized>(name: &str, value: Option<&T>) -> Properties {
    let text = value.map(|value| serde_json::to_string(value).expect("texts are JSON"));
    Properties::from([(name.to_owned(), text)])
}
