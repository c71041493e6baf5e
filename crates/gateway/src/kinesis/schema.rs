//! The types of the service's model as the OpenAPI document has them, from the very rules that requests are checked by.

use pinflow_openapi::Schema;
use pinflow_openapi::schema::{map_of, one_of_texts, text_of};

use super::constraint::TextRule;
use super::list_shards::FILTER_TYPES;
use super::reshard::SCALING_TYPES;
use super::starting_position::TYPES;
use super::stream::StreamMode;
use super::stream_settings::{ENCRYPTION_TYPES, METRICS};
use super::tags::{LONGEST_VALUE, MOST_GIVEN};

/// The name of a stream or a consumer, the id of a shard.
pub(crate) fn name() -> Schema {
    TextRule::NAME.schema()
}

/// The ARN of a stream.
pub(crate) fn stream_arn() -> Schema {
    TextRule::STREAM_ARN.schema()
}

/// The ARN of a stream or of a consumer.
pub(crate) fn resource_arn() -> Schema {
    TextRule::RESOURCE_ARN.schema()
}

/// The ARN of a consumer.
pub(crate) fn consumer_arn() -> Schema {
    TextRule::CONSUMER_ARN.schema()
}

/// A sequence number.
pub(crate) fn sequence_number() -> Schema {
    TextRule::SEQUENCE_NUMBER.schema()
}

/// A hash key.
pub(crate) fn hash_key() -> Schema {
    TextRule::HASH_KEY.schema()
}

/// A partition key.
pub(crate) fn partition_key() -> Schema {
    TextRule::PARTITION_KEY.schema()
}

/// A shard iterator.
pub(crate) fn shard_iterator() -> Schema {
    TextRule::SHARD_ITERATOR.schema()
}

/// A token for the next page.
pub(crate) fn next_token() -> Schema {
    TextRule::NEXT_TOKEN.schema()
}

/// The key of a tag.
pub(crate) fn tag_key() -> Schema {
    TextRule::TAG_KEY.schema()
}

/// The value of a tag.
pub(crate) fn tag_value() -> Schema {
    text_of(0, LONGEST_VALUE)
}

/// The tags of a request.
pub(crate) fn tags() -> Schema {
    map_of(tag_key(), tag_value(), 1, MOST_GIVEN)
}

/// The name of an encryption key.
pub(crate) fn key_id() -> Schema {
    TextRule::KEY_ID.schema()
}

/// Where to start reading a shard.
pub(crate) fn starting_position_type() -> Schema {
    one_of_texts(&TYPES)
}

/// Which shards a list shall have.
pub(crate) fn shard_filter_type() -> Schema {
    one_of_texts(&FILTER_TYPES)
}

/// How the number of shards is changed.
pub(crate) fn scaling_type() -> Schema {
    one_of_texts(&SCALING_TYPES)
}

/// How a stream gets its shards.
pub(crate) fn stream_mode() -> Schema {
    one_of_texts(&StreamMode::NAMES)
}

/// Whether a stream is encrypted.
pub(crate) fn encryption_type() -> Schema {
    one_of_texts(&ENCRYPTION_TYPES)
}

/// A metric of a shard, or all.
pub(crate) fn metric() -> Schema {
    one_of_texts(&METRICS)
}
