//! `.../subscription`.

use pinflow_event::TopicName;
use serde::{Deserialize, Serialize};

use super::request::{ConsumerBody, Unrecognized, required};
use crate::kafka_rest::consumer_groups::{Consumer, ConsumerError, Subscription};
use crate::kafka_rest::error::KafkaRestError;

#[derive(Debug, Deserialize)]
struct SubscriptionBody {
    topics: Option<Vec<String>>,
    topic_pattern: Option<String>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

impl ConsumerBody for SubscriptionBody {
    fn unrecognized(&self) -> Option<&String> {
        self.unrecognized.keys().next()
    }
}

/// What a body subscribes to.
///
/// # Errors
/// Those of the body, and for names and patterns that cannot be.
pub(super) fn decode(body: &[u8]) -> Result<Subscription, KafkaRestError> {
    let SubscriptionBody { topics, topic_pattern, .. } = required(body)?;
    match (topics, topic_pattern) {
        (Some(_), Some(_)) => Err(ConsumerError::MixedSubscription.into()),
        (Some(topics), None) => {
            let names = topics.iter().map(|topic| TopicName::new(topic)).collect::<Result<_, _>>()?;
            Ok(Subscription::topics(names)?)
        }
        (None, Some(pattern)) => Ok(Subscription::pattern(&pattern)?),
        (None, None) => Err(KafkaRestError::Constraint("topics may not be null (was null)".to_owned())),
    }
}

#[derive(Serialize)]
pub(super) struct SubscriptionReply {
    topics: Vec<String>,
}

/// `GET .../subscription`.
///
/// # Errors
/// As [`Consumer::subscription`].
pub(super) async fn reply(consumer: &Consumer<'_>) -> Result<SubscriptionReply, KafkaRestError> {
    Ok(SubscriptionReply { topics: consumer.subscription().await? })
}
