//! Tags of streams and consumers: AddTagsToStream, RemoveTagsFromStream, ListTagsForStream, and the same by ARN.

use std::collections::BTreeMap;

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::TopicChange;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::member::{Integer, List, Text, TextMap};
use super::stream::{Stream, consumers_property, tags_property};
use super::{Kinesis, KinesisError, arn};

/// The most tags of a stream.
const MOST: usize = 50;
/// The most tags of a request.
pub(super) const MOST_GIVEN: usize = 200;
const LONGEST_KEY: usize = 128;
/// The most characters of a tag's value.
pub(super) const LONGEST_VALUE: usize = 256;

/// The request of AddTagsToStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct AddTagsToStream {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    tags: Option<TextMap>,
}

/// The request of RemoveTagsFromStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RemoveTagsFromStream {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    tag_keys: Option<List<Text>>,
}

/// The request of ListTagsForStream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListTagsForStream {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    limit: Option<Integer>,
    exclusive_start_tag_key: Option<Text>,
}

/// The request of TagResource.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<Text>,
    tags: Option<TextMap>,
}

/// The request of UntagResource.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UntagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<Text>,
    tag_keys: Option<List<Text>>,
}

/// The request of ListTagsForResource.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListTagsForResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<Text>,
}

/// The reply of both lists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagList {
    tags: Vec<Tag>,
    /// Not in the reply of ListTagsForResource.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_more_tags: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

type Tags = BTreeMap<String, String>;

/// Whose tags are changed.
struct Resource {
    stream: TopicName,
    consumer: Option<arn::Consumer>,
}

/// The constraints of a map of tags.
pub(super) fn check_tags(TextMap(tags): &TextMap, constraints: &mut Constraints) {
    let shown = || tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ");
    let length = |text: &str| text.chars().count();
    if !(1..=MOST_GIVEN).contains(&tags.len()) {
        constraints.length(
            "tags",
            format_args!("{{{}}}", super::constraint::excerpt(&shown())),
            tags.len(),
            1..=MOST_GIVEN,
        );
    }
    for (which, wrong, most, least) in [
        ("Map keys", tags.keys().any(|key| !(1..=LONGEST_KEY).contains(&length(key))), LONGEST_KEY, 1),
        ("Map value", tags.values().any(|value| length(value) > LONGEST_VALUE), LONGEST_VALUE, 0),
    ] {
        if wrong {
            let shown = format!("{{{}}}", super::constraint::excerpt(&shown()));
            let rule = format_args!("{which} must satisfy constraint: [{}]", lengths(least, most)).to_string();
            constraints.broken("tags", shown, rule);
        }
    }
}

fn check_keys(List(keys): &List<Text>, constraints: &mut Constraints) {
    let shown = || keys.iter().map(|key| &**key).collect::<Vec<_>>().join(", ");
    let shown = || format!("[{}]", super::constraint::excerpt(&shown()));
    if !(1..=MOST).contains(&keys.len()) {
        constraints.length("tagKeys", shown(), keys.len(), 1..=MOST);
    }
    if keys.iter().any(|key| !(1..=LONGEST_KEY).contains(&key.chars().count())) {
        let rule = format!("Member must satisfy constraint: [{}]", lengths(1, LONGEST_KEY));
        constraints.broken("tagKeys", shown(), rule);
    }
}

fn lengths(least: usize, most: usize) -> String {
    format!(
        "Member must have length less than or equal to {most}, Member must have length greater than or equal to {least}"
    )
}

/// Refuses characters that no tag may have. `action` says what they prevent.
pub(super) fn check_characters<'a>(
    texts: impl Iterator<Item = &'a String> + Clone,
    action: &str,
) -> Result<(), KinesisError> {
    let letter = |c: char| matches!(c, '\u{c0}'..='\u{1fff}' | '\u{2c00}'..='\u{d7ff}') || c.is_ascii_alphanumeric();
    let allowed = |c: char| letter(c) || "_.:/=+- @%".contains(c);
    if !texts.clone().all(|text| text.chars().all(allowed)) {
        return Err(KinesisError::InvalidArgument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.".to_owned(),
        ));
    }
    if texts.clone().any(|text| text.contains('%')) {
        return Err(KinesisError::InvalidArgument(format!(
            "Failed to {action} because some tags contained illegal characters. The allowed characters are Unicode letters, \
             white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}

impl Kinesis {
    /// Sets tags of a stream.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for odd characters and too many tags.
    pub(crate) async fn add_tags_to_stream(&self, request: AddTagsToStream) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("tags", request.tags.as_ref());
        request.tags.iter().for_each(|tags| check_tags(tags, &mut constraints));
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, "AddTagsToStream", name, arn)?;
        self.add_tags(Resource { stream, consumer: None }, request.tags.unwrap_or_default().0).await
    }

    /// Sets tags of a stream or a consumer.
    ///
    /// # Errors
    /// As [`Kinesis::add_tags_to_stream`].
    pub(crate) async fn tag_resource(&self, request: TagResource) -> Result<(), KinesisError> {
        let mut constraints = Constraints::default();
        constraints.required_text("resourceARN", request.resource_arn.as_ref(), TextRule::RESOURCE_ARN);
        constraints.not_null("tags", request.tags.as_ref());
        request.tags.iter().for_each(|tags| check_tags(tags, &mut constraints));
        constraints.check()?;
        let resource = self.resource(Right::Administer, "TagResource", request.resource_arn.as_ref())?;
        self.add_tags(resource, request.tags.unwrap_or_default().0).await
    }

    /// Removes tags of a stream; those that are not there are no error.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for odd characters.
    pub(crate) async fn remove_tags_from_stream(&self, request: RemoveTagsFromStream) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("tagKeys", request.tag_keys.as_ref());
        request.tag_keys.iter().for_each(|keys| check_keys(keys, &mut constraints));
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, "RemoveTagsFromStream", name, arn)?;
        self.remove_tags(Resource { stream, consumer: None }, request.tag_keys.unwrap_or_default()).await
    }

    /// Removes tags of a stream or a consumer.
    ///
    /// # Errors
    /// As [`Kinesis::remove_tags_from_stream`].
    pub(crate) async fn untag_resource(&self, request: UntagResource) -> Result<(), KinesisError> {
        let mut constraints = Constraints::default();
        constraints.required_text("resourceARN", request.resource_arn.as_ref(), TextRule::RESOURCE_ARN);
        constraints.not_null("tagKeys", request.tag_keys.as_ref());
        request.tag_keys.iter().for_each(|keys| check_keys(keys, &mut constraints));
        constraints.check()?;
        let resource = self.resource(Right::Administer, "UntagResource", request.resource_arn.as_ref())?;
        self.remove_tags(resource, request.tag_keys.unwrap_or_default()).await
    }

    /// A page of the tags of a stream, sorted by key.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn list_tags_for_stream(&self, request: ListTagsForStream) -> Result<TagList, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.range("limit", request.limit, 1..=i64::try_from(MOST).unwrap_or(i64::MAX));
        constraints.text("exclusiveStartTagKey", request.exclusive_start_tag_key.as_ref(), TextRule::TAG_KEY);
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Consume, "ListTagsForStream", name, arn)?;
        let Text(after) = request.exclusive_start_tag_key.unwrap_or_default();
        let page = request.limit.and_then(|Integer(limit)| usize::try_from(limit).ok()).unwrap_or(MOST_GIVEN);
        let mut tags = self.stream(&stream).await?.tags()?;
        tags.retain(|key, _| *key > after);
        let has_more_tags = Some(tags.len() > page);
        let tags = tags.into_iter().take(page).map(|(key, value)| Tag { key, value }).collect();
        Ok(TagList { tags, has_more_tags })
    }

    /// All tags of a stream or a consumer.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn list_tags_for_resource(&self, request: ListTagsForResource) -> Result<TagList, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.required_text("resourceARN", request.resource_arn.as_ref(), TextRule::RESOURCE_ARN);
        constraints.check()?;
        let resource = self.resource(Right::Consume, "ListTagsForResource", request.resource_arn.as_ref())?;
        let stream = self.stream(&resource.stream).await?;
        let tags = match &resource.consumer {
            Some(consumer) => self.find_consumer(&stream, consumer)?.tags,
            None => stream.tags()?,
        };
        let tags = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
        Ok(TagList { tags, has_more_tags: None })
    }

    fn resource(&self, right: Right, operation: &str, arn: Option<&Text>) -> Result<Resource, KinesisError> {
        let (stream, consumer) = arn::resource(arn);
        Ok(Resource { stream: self.authorized(right, operation, None, Some(&stream))?, consumer })
    }

    async fn add_tags(&self, resource: Resource, added: Tags) -> Result<(), KinesisError> {
        let action = format!("add tags to stream {} under account {}", resource.stream, self.account());
        self.change_tags(resource, |tags| {
            check_characters(added.iter().flat_map(|(key, value)| [key, value]), &action)?;
            tags.extend(added);
            if tags.len() <= MOST {
                return Ok(());
            }
            Err(KinesisError::InvalidArgument(format!(
                "Failed to {action} because a given stream cannot have more than {MOST} tags associated with it."
            )))
        })
        .await
    }

    async fn remove_tags(&self, resource: Resource, List(keys): List<Text>) -> Result<(), KinesisError> {
        let action = format!("remove tags from stream {} under account {}", resource.stream, self.account());
        self.change_tags(resource, |tags| {
            check_characters(keys.iter().map(|Text(key)| key), &action)?;
            keys.iter().for_each(|key| drop(tags.remove(&**key)));
            Ok(())
        })
        .await
    }

    async fn change_tags(
        &self,
        resource: Resource,
        change: impl FnOnce(&mut Tags) -> Result<(), KinesisError>,
    ) -> Result<(), KinesisError> {
        let _administration = self.backend.administration.lock().await;
        let stream: Stream = self.stream(&resource.stream).await?;
        let properties = match &resource.consumer {
            None => {
                let mut tags = stream.tags()?;
                change(&mut tags)?;
                tags_property(&tags)
            }
            Some(consumer) => {
                let found = self.find_consumer(&stream, consumer)?.name;
                let mut consumers = stream.consumers()?;
                if let Some(tagged) = consumers.iter_mut().find(|consumer| consumer.name == found) {
                    change(&mut tagged.tags)?;
                }
                consumers_property(&consumers)
            }
        };
        self.alter(&resource.stream, TopicChange { properties, ..TopicChange::default() }).await
    }
}
