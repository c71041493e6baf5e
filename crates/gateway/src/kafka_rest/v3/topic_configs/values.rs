//! The configurations of one topic: what is in force, and how a change of them changes the topic.
//!
//! What the log acts on stands in its [`TopicConfig`]. Everything else is kept as the topic's property `kafka.<name>`: it is
//! shown again, and nothing is done about it, except for `max.message.bytes`, which limits the records of the topic.

use std::collections::BTreeMap;
use std::time::Duration;

use pinflow_log::{TopicChange, TopicConfig};

use super::known::{KNOWN, KnownConfig, MAX_MESSAGE_BYTES, RETENTION_BYTES, RETENTION_MS};
use crate::kafka_rest::v3::error::V3Error;
use crate::settings::GatewaySettings;

/// A configuration of a topic as it is in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConfigValue {
    /// Which one.
    pub(super) name: &'static str,
    /// The broker's configuration that it overrides.
    pub(super) broker_name: &'static str,
    /// What holds for topics that do not say otherwise.
    pub(super) default: String,
    /// What the topic says.
    pub(super) own: Option<String>,
}

/// One configuration to set or, with `None`, to reset.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kafka_rest::v3) struct ConfigChange {
    pub(in crate::kafka_rest::v3) name: String,
    pub(in crate::kafka_rest::v3) value: Option<String>,
}

/// All configurations of a topic, sorted by name.
pub(super) fn all(topic: &TopicConfig, settings: &GatewaySettings) -> Vec<ConfigValue> {
    KNOWN.iter().map(|known| value(known, topic, settings)).collect()
}

/// What holds for topics that do not say otherwise, sorted by name.
pub(super) fn defaults(settings: &GatewaySettings) -> Vec<ConfigValue> {
    all(&settings.topic_config(1), settings)
}

/// One configuration of a topic; `None` where there is none of that name.
pub(super) fn one(name: &str, topic: &TopicConfig, settings: &GatewaySettings) -> Option<ConfigValue> {
    Some(value(KnownConfig::find(name)?, topic, settings))
}

fn value(known: &KnownConfig, topic: &TopicConfig, settings: &GatewaySettings) -> ConfigValue {
    // A retention that is the default's is the default: the log does not know who set it.
    let of_log = |own: String, default: String| (Some(own).filter(|own| *own != default), default);
    let (own, default) = match known.name {
        RETENTION_MS => of_log(millis(topic.retention_age), millis(settings.retention_age)),
        RETENTION_BYTES => of_log(bytes(topic.retention_bytes), bytes(settings.retention_bytes)),
        MAX_MESSAGE_BYTES => (property(topic, known), settings.max_record_bytes.to_string()),
        _ => (property(topic, known), known.default().to_owned()),
    };
    ConfigValue { name: known.name, broker_name: known.broker_name, default, own }
}

fn property(topic: &TopicConfig, known: &KnownConfig) -> Option<String> {
    topic.properties.get(&property_name(known.name)).cloned()
}

fn property_name(name: &str) -> String {
    format!("kafka.{name}")
}

/// What a topic must become so that it has these configurations.
///
/// # Errors
/// [`V3Error::Kafka`] for an unknown name, an invalid value, and one that must not be null.
pub(in crate::kafka_rest::v3) fn change(
    changes: Vec<ConfigChange>,
    settings: &GatewaySettings,
) -> Result<TopicChange, V3Error> {
    let mut change = TopicChange::default();
    for ConfigChange { name, value } in changes {
        let known =
            KnownConfig::find(&name).ok_or_else(|| V3Error::Kafka(format!("Unknown topic config name: {name}")))?;
        if let Some(value) = &value {
            known.check(value).map_err(|invalid| V3Error::Kafka(invalid.to_string()))?;
        }
        // Checked, and so a number of at least -1, which stands for ever.
        let number = value.as_deref().and_then(|value| value.trim().parse::<i64>().ok());
        let limit = number.map(|number| u64::try_from(number).ok());
        match known.name {
            RETENTION_MS => {
                let age = limit.map_or(settings.retention_age, |limit| limit.map(Duration::from_millis));
                change.retention_age = Some(age);
            }
            RETENTION_BYTES => change.retention_bytes = Some(limit.unwrap_or(settings.retention_bytes)),
            name => drop(change.properties.insert(property_name(name), value)),
        }
    }
    Ok(change)
}

/// How a new topic with these configurations is kept.
///
/// # Errors
/// As [`change`].
pub(in crate::kafka_rest::v3) fn new_topic(
    partitions: u32,
    configs: Vec<ConfigChange>,
    settings: &GatewaySettings,
) -> Result<TopicConfig, V3Error> {
    let change = change(configs, settings)?;
    let base = settings.topic_config(partitions);
    let properties: BTreeMap<String, String> =
        change.properties.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Ok(TopicConfig {
        retention_age: change.retention_age.unwrap_or(base.retention_age),
        retention_bytes: change.retention_bytes.unwrap_or(base.retention_bytes),
        properties,
        ..base
    })
}

fn millis(age: Option<Duration>) -> String {
    age.map_or_else(|| "-1".to_owned(), |age| age.as_millis().to_string())
}

fn bytes(limit: Option<u64>) -> String {
    limit.map_or_else(|| "-1".to_owned(), |bytes| bytes.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::MAX_MESSAGE_BYTES_PROPERTY;

    fn set(name: &str, value: &str) -> ConfigChange {
        ConfigChange { name: name.to_owned(), value: Some(value.to_owned()) }
    }

    #[test]
    fn what_the_log_does_is_the_logs_and_the_rest_is_a_property() {
        let settings = GatewaySettings::default();
        let configs = vec![
            set(RETENTION_MS, "1000"),
            set(RETENTION_BYTES, "-1"),
            set("cleanup.policy", "compact"),
            set(MAX_MESSAGE_BYTES, "10"),
        ];
        let topic = new_topic(2, configs, &settings).unwrap();
        assert_eq!(topic.retention_age, Some(Duration::from_secs(1)));
        assert_eq!(topic.retention_bytes, None);
        assert_eq!(topic.properties["kafka.cleanup.policy"], "compact");
        assert_eq!(topic.properties[MAX_MESSAGE_BYTES_PROPERTY], "10");
        assert_eq!(settings.record_limit(&topic), 10);
        let own: Vec<_> = all(&topic, &settings).into_iter().filter(|value| value.own.is_some()).collect();
        let names: Vec<_> = own.iter().map(|value| (value.name, value.own.as_deref().unwrap())).collect();
        assert_eq!(names, [("cleanup.policy", "compact"), (MAX_MESSAGE_BYTES, "10"), (RETENTION_MS, "1000")]);
        assert!(defaults(&settings).iter().all(|value| value.own.is_none()));
    }

    #[test]
    fn a_topic_takes_no_larger_records_than_the_node() {
        let settings = GatewaySettings::default();
        let topic = new_topic(1, vec![set(MAX_MESSAGE_BYTES, "2000000000")], &settings).unwrap();
        assert_eq!(settings.record_limit(&topic), settings.max_record_bytes);
    }

    #[test]
    fn minus_one_is_for_ever_and_a_reset_is_the_default() {
        let settings = GatewaySettings { retention_bytes: Some(7), ..GatewaySettings::default() };
        let reset = |name: &str| ConfigChange { name: name.to_owned(), value: None };
        let forever = change(vec![set(RETENTION_MS, "-1"), set(RETENTION_BYTES, "-1")], &settings).unwrap();
        assert_eq!((forever.retention_age, forever.retention_bytes), (Some(None), Some(None)));
        let changes = vec![reset(RETENTION_MS), reset(RETENTION_BYTES), reset("preallocate")];
        let reset = change(changes, &settings).unwrap();
        assert_eq!(reset.retention_age, Some(settings.retention_age));
        assert_eq!(reset.retention_bytes, Some(Some(7)));
        assert_eq!(reset.properties["kafka.preallocate"], None);
    }
}
