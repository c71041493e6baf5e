//! The bodies of consumer requests, as strict as the original: unknown members are refused.

use std::collections::BTreeMap;

use axum::http::header::CONTENT_TYPE;
use pinflow_event::{Partition, TopicName, TopicPartition};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::dialect::Call;
use crate::json;
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::media_type;

/// Members that a body should not have.
pub(super) type Unrecognized = BTreeMap<String, IgnoredAny>;

/// A body whose unknown members can be named.
pub(super) trait ConsumerBody: DeserializeOwned {
    /// An unknown member, of the body or of an object in it.
    fn unrecognized(&self) -> Option<&String>;
}

/// Refuses a body that says to be something else.
///
/// # Errors
/// [`KafkaRestError::UnsupportedMediaType`].
pub(super) fn check_content_type(call: &Call) -> Result<(), KafkaRestError> {
    let plain_json = call.backend.settings.accept_plain_json;
    match call.headers.get(CONTENT_TYPE) {
        Some(given) if !media_type::is_control_type(given, plain_json) => Err(KafkaRestError::UnsupportedMediaType),
        _ => Ok(()),
    }
}

/// Parses a body; `None` where there is none, or `null`.
///
/// # Errors
/// Those of the status 400, and [`KafkaRestError::UnrecognizedField`].
pub(super) fn optional<T: ConsumerBody>(body: &[u8]) -> Result<Option<T>, KafkaRestError> {
    if json::is_blank(body) {
        return Ok(None);
    }
    let parsed: Option<T> = json::parse(body)?;
    match parsed.as_ref().and_then(T::unrecognized) {
        Some(name) => Err(KafkaRestError::UnrecognizedField(name.clone())),
        None => Ok(parsed),
    }
}

/// Parses a body that must be there.
///
/// # Errors
/// As [`optional`]; [`KafkaRestError::Constraint`] where there is none.
pub(super) fn required<T: ConsumerBody>(body: &[u8]) -> Result<T, KafkaRestError> {
    optional(body)?.ok_or_else(|| KafkaRestError::Constraint("request may not be null (was null)".to_owned()))
}

/// `{"topic", "partition"}`, unchecked.
#[derive(Debug, Deserialize)]
pub(super) struct PartitionBody {
    topic: Option<String>,
    partition: Option<i32>,
    #[serde(flatten)]
    pub(super) unrecognized: Unrecognized,
}

impl PartitionBody {
    /// The partition; `path` says where in the body it stands.
    ///
    /// # Errors
    /// Those of [`checked_partition`].
    pub(super) fn check(self, path: &str) -> Result<TopicPartition, KafkaRestError> {
        checked_partition(self.topic, self.partition, path)
    }
}

/// A partition that a body names at `path`.
///
/// # Errors
/// [`KafkaRestError::Constraint`], [`KafkaRestError::InvalidTopic`].
pub(super) fn checked_partition(
    topic: Option<String>,
    partition: Option<i32>,
    path: &str,
) -> Result<TopicPartition, KafkaRestError> {
    let topic = match topic {
        Some(topic) if !topic.is_empty() => TopicName::new(&topic)?,
        Some(_) => return Err(KafkaRestError::Constraint(format!("{path}.topic must not be empty (was )"))),
        None => return Err(KafkaRestError::Constraint(format!("{path}.topic must not be empty (was null)"))),
    };
    let at_least_zero = "must be greater than or equal to 0";
    match partition.map(u32::try_from) {
        Some(Ok(partition)) => Ok(TopicPartition::new(topic, Partition(partition))),
        Some(Err(_)) => {
            let number = partition.unwrap_or_default();
            Err(KafkaRestError::Constraint(format!("{path}.partition {at_least_zero} (was {number})")))
        }
        None => Err(KafkaRestError::Constraint(format!("{path}.partition {at_least_zero} (was null)"))),
    }
}

/// A text that may be written as a number or a boolean as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a text, a number or a boolean")]
        enum Written {
            Text(String),
            Boolean(bool),
            Number(serde_json::Number),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Boolean(value) => value.to_string(),
            Written::Number(number) => number.to_string(),
        }))
    }
}
