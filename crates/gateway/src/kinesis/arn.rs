//! The names of streams, and the ARNs of streams and consumers.

use pinflow_event::{Timestamp, TopicName};

use super::constraint::{Constraints, TextRule};
use super::{Kinesis, KinesisError, Text};

const LONGEST_STREAM_NAME: usize = 128;

/// Whether a topic can be addressed as a stream.
pub(super) fn is_stream(topic: &TopicName) -> bool {
    topic.as_str().len() <= LONGEST_STREAM_NAME
}

/// The stream of a name, an ARN, or both, whose constraints are checked. Region and account of an ARN do not matter.
///
/// # Errors
/// [`KinesisError::Validation`]; [`KinesisError::InvalidArgument`] for two different streams.
pub(super) fn stream_name(name: Option<&Text>, arn: Option<&Text>) -> Result<TopicName, KinesisError> {
    let in_arn = arn.and_then(|arn| arn.split_once("stream/")).map(|(_, name)| name);
    let text = match (name.map(|name| &**name), in_arn) {
        (Some(name), Some(in_arn)) if name != in_arn => {
            let message = format!("StreamARN and StreamName name two streams, {in_arn} and {name}.");
            return Err(KinesisError::InvalidArgument(message));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => "",
    };
    if let Some(topic) = TopicName::new(text).ok().filter(is_stream) {
        return Ok(topic);
    }
    // `.` and `..` fit the pattern of names, but are none here; the name in an ARN has not been looked at yet.
    let mut constraints = Constraints::default();
    constraints.text("streamName", Some(&Text::from(text)), TextRule::NAME);
    constraints.check()?;
    constraints = Constraints::default();
    constraints.broken("streamName", text, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    Err(constraints.check().expect_err("a constraint is broken"))
}

/// The ARN of the stream that the ARN of a stream or of a consumer begins with, and the consumer.
pub(super) fn resource(arn: Option<&Text>) -> (Text, Option<Consumer>) {
    let text = arn.map(|arn| &**arn).unwrap_or_default();
    match text.split_once("/consumer/") {
        Some((stream_arn, consumer)) => (Text::from(stream_arn), Consumer::parse(consumer)),
        None => (Text::from(text), None),
    }
}

/// What the ARN of a consumer says beside its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consumer {
    pub(super) name: String,
    /// The second in which it was registered.
    pub(super) created: i64,
}

impl Consumer {
    fn parse(text: &str) -> Option<Self> {
        let (name, created) = text.split_once(':')?;
        Some(Self { name: name.to_owned(), created: created.parse().ok()? })
    }
}

impl Kinesis {
    pub(super) fn stream_arn(&self, stream: &TopicName) -> String {
        let settings = &self.backend.settings;
        format!("arn:aws:kinesis:{}:{}:stream/{stream}", settings.region, settings.account_id)
    }

    pub(super) fn consumer_arn(&self, stream: &TopicName, consumer: &str, created: Timestamp) -> String {
        format!("{}/consumer/{consumer}:{}", self.stream_arn(stream), created.as_millis().div_euclid(1_000))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(name: Option<&str>, arn: Option<&str>) -> Result<String, String> {
        let (name, arn) = (name.map(Text::from), arn.map(Text::from));
        let found = stream_name(name.as_ref(), arn.as_ref());
        found.map(|name| name.to_string()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_stream_is_found_by_name_and_by_arn() {
        const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";
        assert_eq!(named(Some("s"), None).unwrap(), "s");
        assert_eq!(named(None, Some(ARN)).unwrap(), "s");
        assert_eq!(named(Some("s"), Some(ARN)).unwrap(), "s");
        assert!(named(Some("t"), Some(ARN)).unwrap_err().contains("two streams"));
    }

    #[test]
    fn what_is_no_name_breaks_one_constraint_or_more() {
        let long = "x".repeat(LONGEST_STREAM_NAME + 1);
        for name in ["", ".", "..", "a b", "a/b", "é", &"é".repeat(200), &long] {
            let refused = named(Some(name), None).unwrap_err();
            assert!(refused.contains("failed to satisfy constraint"), "{refused}");
            let refused = named(None, Some(&format!("arn:aws:kinesis:r:000000000000:stream/{name}"))).unwrap_err();
            assert!(refused.contains("at 'streamName' failed to satisfy constraint"), "{refused}");
        }
    }

    #[test]
    fn a_consumer_has_a_name_and_a_time() {
        let arn = Text::from("arn:aws:kinesis:r:000000000000:stream/s/consumer/c:17");
        let (stream, consumer) = resource(Some(&arn));
        assert_eq!(&*stream, "arn:aws:kinesis:r:000000000000:stream/s");
        assert_eq!(consumer, Some(Consumer { name: "c".to_owned(), created: 17 }));
    }
}
