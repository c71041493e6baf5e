//! Registered consumers: RegisterStreamConsumer, DescribeStreamConsumer, ListStreamConsumers, DeregisterStreamConsumer.

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::TopicChange;
use serde::{Deserialize, Serialize};

use super::arn::{self, Consumer};
use super::constraint::{Constraints, TextRule};
use super::member::{Integer, Text, TextMap, Time};
use super::page_token::PageToken;
use super::stream::{RegisteredConsumer, Stream, consumers_property};
use super::{Kinesis, KinesisError, tags};

/// The most consumers of a stream.
const MOST: usize = 20;
const DEFAULT_PAGE: usize = 100;

/// The request of RegisterStreamConsumer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RegisterStreamConsumer {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    consumer_name: Option<Text>,
    tags: Option<TextMap>,
}

/// The request of DescribeStreamConsumer and DeregisterStreamConsumer: a consumer by its ARN, or by its name and its stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ConsumerReference {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    consumer_name: Option<Text>,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: Option<Text>,
}

/// The request of ListStreamConsumers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListStreamConsumers {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    next_token: Option<Text>,
    max_results: Option<Integer>,
    stream_creation_timestamp: Option<Time>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerDescription {
    consumer_name: String,
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    consumer_status: &'static str,
    consumer_creation_timestamp: Time,
    /// In the reply of DescribeStreamConsumer alone.
    #[serde(rename = "StreamARN", skip_serializing_if = "Option::is_none")]
    stream_arn: Option<String>,
}

/// The reply of RegisterStreamConsumer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NewConsumer {
    consumer: ConsumerDescription,
}

/// The reply of DescribeStreamConsumer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribedConsumer {
    consumer_description: ConsumerDescription,
}

/// The reply of ListStreamConsumers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConsumerList {
    consumers: Vec<ConsumerDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Kinesis {
    /// Registers a consumer. It can be used as soon as this returns.
    ///
    /// # Errors
    /// [`KinesisError::ResourceInUse`] for a name that is taken; [`KinesisError::LimitExceeded`].
    pub(crate) async fn register_stream_consumer(
        &self,
        request: RegisterStreamConsumer,
    ) -> Result<NewConsumer, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.required_text("consumerName", request.consumer_name.as_ref(), TextRule::NAME);
        constraints.required_text("streamARN", request.stream_arn.as_ref(), TextRule::STREAM_ARN);
        request.tags.iter().for_each(|given| tags::check_tags(given, &mut constraints));
        constraints.check()?;
        let stream = self.authorized(Right::Consume, "RegisterStreamConsumer", None, request.stream_arn.as_ref())?;
        let Text(name) = request.consumer_name.unwrap_or_default();
        let _administration = self.backend.administration.lock().await;
        let mut consumers = self.stream(&stream).await?.consumers()?;
        if consumers.iter().any(|consumer| consumer.name == name) {
            let message =
                format!("Consumer {name} under stream {stream} already exists for account {}.", self.account());
            return Err(KinesisError::ResourceInUse(message));
        }
        if consumers.len() >= MOST {
            let message = format!("Stream {stream} under account {} has {MOST} registered consumers.", self.account());
            return Err(KinesisError::LimitExceeded(message));
        }
        let tags = request.tags.unwrap_or_default().0;
        let consumer = RegisteredConsumer { name, created: self.backend.clock.now(), tags };
        consumers.push(consumer.clone());
        consumers.sort_by(|one, other| one.name.cmp(&other.name));
        self.set_consumers(&stream, &consumers).await?;
        Ok(NewConsumer { consumer: self.consumer_description(&stream, &consumer) })
    }

    /// One consumer.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn describe_stream_consumer(
        &self,
        request: ConsumerReference,
    ) -> Result<DescribedConsumer, KinesisError> {
        let (stream, consumer) = self.referenced_consumer(&request, "DescribeStreamConsumer").await?;
        let stream_arn = Some(self.stream_arn(stream.name()));
        let consumer_description =
            ConsumerDescription { stream_arn, ..self.consumer_description(stream.name(), &consumer) };
        Ok(DescribedConsumer { consumer_description })
    }

    /// Forgets a consumer.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn deregister_stream_consumer(&self, request: ConsumerReference) -> Result<(), KinesisError> {
        let _administration = self.backend.administration.lock().await;
        let (stream, gone) = self.referenced_consumer(&request, "DeregisterStreamConsumer").await?;
        let mut consumers = stream.consumers()?;
        consumers.retain(|consumer| consumer.name != gone.name);
        self.set_consumers(stream.name(), &consumers).await
    }

    /// A page of the consumers of a stream, sorted by name.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`]; [`KinesisError::ExpiredNextToken`].
    pub(crate) async fn list_stream_consumers(
        &self,
        request: ListStreamConsumers,
    ) -> Result<ConsumerList, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.range("maxResults", request.max_results, 1..=10_000);
        constraints.text("nextToken", request.next_token.as_ref(), TextRule::NEXT_TOKEN);
        constraints.required_text("streamARN", request.stream_arn.as_ref(), TextRule::STREAM_ARN);
        constraints.check()?;
        let stream = self.authorized(Right::Consume, "ListStreamConsumers", None, request.stream_arn.as_ref())?;
        let now = self.backend.clock.now();
        let token = request.next_token.map(|text| PageToken::<()>::decode(&text, now)).transpose()?;
        let stream = self.stream(&stream).await?;
        self.check_creation(&stream, request.stream_creation_timestamp)?;
        let after = token.map(|token| token.after).unwrap_or_default();
        let mut consumers = stream.consumers()?;
        consumers.retain(|consumer| consumer.name > after);
        let page = request.max_results.and_then(|Integer(most)| usize::try_from(most).ok()).unwrap_or(DEFAULT_PAGE);
        let more = consumers.len() > page;
        consumers.truncate(page);
        let next_token = consumers.last().filter(|_| more).map(|last| {
            let (name, created) = (stream.name().clone(), stream.topic.created);
            PageToken { stream: name, stream_created: created, after: last.name.clone(), filter: (), issued: now }
                .encode()
        });
        let consumers = consumers.iter().map(|consumer| self.consumer_description(stream.name(), consumer)).collect();
        Ok(ConsumerList { consumers, next_token })
    }

    /// The consumer that an ARN names.
    pub(super) fn find_consumer(&self, stream: &Stream, wanted: &Consumer) -> Result<RegisteredConsumer, KinesisError> {
        let registered = |consumer: &RegisteredConsumer| {
            consumer.name == wanted.name && consumer.created.as_millis().div_euclid(1_000) == wanted.created
        };
        let found = stream.consumers()?.into_iter().find(registered);
        found.ok_or_else(|| self.no_such_consumer(stream.name(), &wanted.name))
    }

    async fn referenced_consumer(
        &self,
        request: &ConsumerReference,
        operation: &str,
    ) -> Result<(Stream, RegisteredConsumer), KinesisError> {
        let mut constraints = Constraints::default();
        constraints.text("consumerARN", request.consumer_arn.as_ref(), TextRule::CONSUMER_ARN);
        constraints.text("consumerName", request.consumer_name.as_ref(), TextRule::NAME);
        constraints.text("streamARN", request.stream_arn.as_ref(), TextRule::STREAM_ARN);
        constraints.check()?;
        if request.consumer_arn.is_some() {
            let (stream_arn, consumer) = arn::resource(request.consumer_arn.as_ref());
            let stream = self.stream(&self.authorized(Right::Consume, operation, None, Some(&stream_arn))?).await?;
            let wanted = consumer.ok_or_else(|| self.no_such_consumer(stream.name(), ""))?;
            let found = self.find_consumer(&stream, &wanted)?;
            return Ok((stream, found));
        }
        let (Some(arn), Some(name)) = (&request.stream_arn, &request.consumer_name) else {
            let message = "Either ConsumerARN, or StreamARN and ConsumerName should be provided.";
            return Err(KinesisError::InvalidArgument(message.to_owned()));
        };
        let stream = self.stream(&self.authorized(Right::Consume, operation, None, Some(arn))?).await?;
        let found = stream.consumers()?.into_iter().find(|consumer| consumer.name == **name);
        let found = found.ok_or_else(|| self.no_such_consumer(stream.name(), name))?;
        Ok((stream, found))
    }

    fn no_such_consumer(&self, stream: &TopicName, name: &str) -> KinesisError {
        let account = self.account();
        KinesisError::ResourceNotFound(format!("Consumer {name} under stream {stream}, account {account} not found."))
    }

    fn consumer_description(&self, stream: &TopicName, consumer: &RegisteredConsumer) -> ConsumerDescription {
        ConsumerDescription {
            consumer_arn: self.consumer_arn(stream, &consumer.name, consumer.created),
            consumer_name: consumer.name.clone(),
            consumer_status: "ACTIVE",
            consumer_creation_timestamp: Time(consumer.created),
            stream_arn: None,
        }
    }

    async fn set_consumers(&self, stream: &TopicName, consumers: &[RegisteredConsumer]) -> Result<(), KinesisError> {
        let properties = consumers_property(consumers);
        self.alter(stream, TopicChange { properties, ..TopicChange::default() }).await
    }
}
