//! Which topics a caller sees, and what it may do with them.

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::TopicDescription;

use super::error::V3Error;
use crate::dialect::Call;
use crate::kafka_rest::error::KafkaRestError;

/// Refuses what the caller may not do. A caller without the right does not learn whether the topic is there.
///
/// # Errors
/// [`V3Error::forbidden`].
pub(super) fn require(call: &Call, right: Right, topic: &TopicName) -> Result<(), V3Error> {
    if call.may(right, topic) { Ok(()) } else { Err(V3Error::forbidden(topic)) }
}

/// The topics that the caller sees, sorted by name.
///
/// # Errors
/// What the log reports.
pub(super) async fn visible_topics(call: &Call) -> Result<Vec<TopicDescription>, V3Error> {
    let mut topics = call.backend.log.topics().await?;
    topics.retain(|topic| call.caller.knows(&topic.name));
    Ok(topics)
}

/// A topic to be looked at.
///
/// # Errors
/// [`V3Error::forbidden`]; that the topic is unknown, also for what is no name of a topic.
pub(super) async fn visible_topic(call: &Call, topic: &str) -> Result<TopicDescription, V3Error> {
    let name = existing_name(topic)?;
    if !call.caller.knows(&name) {
        return Err(V3Error::forbidden(&name));
    }
    Ok(call.backend.log.topic(&name).await?)
}

/// A topic to be changed.
///
/// # Errors
/// As [`visible_topic`].
pub(super) async fn administered_topic(call: &Call, topic: &str) -> Result<TopicDescription, V3Error> {
    let name = existing_name(topic)?;
    require(call, Right::Administer, &name)?;
    Ok(call.backend.log.topic(&name).await?)
}

/// A text that is no name is not the name of any topic.
fn existing_name(topic: &str) -> Result<TopicName, V3Error> {
    TopicName::new(topic).map_err(|_| KafkaRestError::UnknownTopic.into())
}
