//! Tokens for the next page of a list: opaque texts that hold all there is to know, for five minutes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use pinflow_event::{Timestamp, TopicName};
use serde::{Deserialize, Serialize};

use super::KinesisError;
use super::shard_iterator::LIFETIME;

/// Where a list of a stream's shards or consumers goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PageToken<F> {
    pub(super) stream: TopicName,
    /// When the stream was made: a later one of that name has other shards.
    pub(super) stream_created: Timestamp,
    /// The last shard or consumer of the page before.
    pub(super) after: String,
    /// What the list leaves out.
    pub(super) filter: F,
    pub(super) issued: Timestamp,
}

impl<F: Serialize + for<'de> Deserialize<'de>> PageToken<F> {
    /// The text for the client.
    pub(super) fn encode(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).expect("texts and numbers are JSON"))
    }

    /// Reads a client's text, at the time `now`.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`]; [`KinesisError::ExpiredNextToken`].
    pub(super) fn decode(text: &str, now: Timestamp) -> Result<Self, KinesisError> {
        let parsed = BASE64.decode(text).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let token = parsed.ok_or_else(|| KinesisError::InvalidArgument("NextToken is invalid.".to_owned()))?;
        if now.since(token.issued) > LIFETIME {
            let message = format!("NextToken expired. It is good for {} seconds.", LIFETIME.as_secs());
            return Err(KinesisError::ExpiredNextToken(message));
        }
        Ok(token)
    }
}
