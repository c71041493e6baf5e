//! What is remembered and shown, and changes nothing here: UpdateStreamMode, encryption, enhanced monitoring.

use pinflow_access::Right;
use pinflow_log::TopicChange;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::member::{List, Structure, Text};
use super::stream::{encryption_property, mode_property, monitoring_property};
use super::streams::{StreamModeDetails, mode};
use super::{Kinesis, KinesisError};

/// Whether a stream is encrypted.
pub(super) const ENCRYPTION_TYPES: [&str; 2] = ["NONE", "KMS"];
const ALL_METRICS: &str = "ALL";
/// The metrics of a shard, and all of them together.
pub(super) const METRICS: [&str; 8] = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
    ALL_METRICS,
];

/// The request of UpdateStreamMode.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UpdateStreamMode {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    stream_mode_details: Option<Structure<StreamModeDetails>>,
}

/// The request of StartStreamEncryption and StopStreamEncryption.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeEncryption {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    encryption_type: Option<Text>,
    key_id: Option<Text>,
}

/// The request of EnableEnhancedMonitoring and DisableEnhancedMonitoring.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeMonitoring {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    shard_level_metrics: Option<List<Text>>,
}

/// The reply of both.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Monitoring {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_level_metrics: Vec<String>,
    desired_shard_level_metrics: Vec<String>,
}

impl Kinesis {
    /// Remembers how a stream shall get its shards. They stay as they are.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn update_stream_mode(&self, request: UpdateStreamMode) -> Result<(), KinesisError> {
        let arn = request.stream_arn.as_ref();
        let mut constraints = Constraints::default();
        constraints.required_text("streamARN", arn, TextRule::STREAM_ARN);
        constraints.not_null("streamModeDetails", request.stream_mode_details.as_ref());
        let mode = mode(request.stream_mode_details.as_ref(), &mut constraints);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, "UpdateStreamMode", None, arn)?;
        let properties = mode.map(mode_property).unwrap_or_default();
        self.alter(&stream, TopicChange { properties, ..TopicChange::default() }).await
    }

    /// Remembers the key that a stream shall be encrypted with. Nothing is encrypted: that is the disk's business here.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for the type `NONE`.
    pub(crate) async fn start_stream_encryption(&self, request: ChangeEncryption) -> Result<(), KinesisError> {
        self.change_encryption(request, "StartStreamEncryption").await
    }

    /// Forgets the key.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn stop_stream_encryption(&self, request: ChangeEncryption) -> Result<(), KinesisError> {
        self.change_encryption(request, "StopStreamEncryption").await
    }

    async fn change_encryption(&self, request: ChangeEncryption, operation: &str) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("encryptionType", request.encryption_type.as_ref());
        constraints.one_of("encryptionType", request.encryption_type.as_ref(), &ENCRYPTION_TYPES);
        constraints.required_text("keyId", request.key_id.as_ref(), TextRule::KEY_ID);
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, operation, name, arn)?;
        if request.encryption_type.as_deref() != Some("KMS") {
            let message = format!("EncryptionType for {operation} must be KMS.");
            return Err(KinesisError::InvalidArgument(message));
        }
        let key = request.key_id.as_deref().filter(|_| operation.starts_with("Start"));
        let properties = encryption_property(key);
        self.alter(&stream, TopicChange { properties, ..TopicChange::default() }).await
    }

    /// Remembers more metrics that each shard shall have.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn enable_enhanced_monitoring(
        &self,
        request: ChangeMonitoring,
    ) -> Result<Monitoring, KinesisError> {
        self.change_monitoring(request, "EnableEnhancedMonitoring", |current, given| {
            METRICS.iter().filter(|metric| current.contains(metric) || given.contains(metric)).copied().collect()
        })
        .await
    }

    /// Forgets metrics.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`].
    pub(crate) async fn disable_enhanced_monitoring(
        &self,
        request: ChangeMonitoring,
    ) -> Result<Monitoring, KinesisError> {
        self.change_monitoring(request, "DisableEnhancedMonitoring", |current, given| {
            current.iter().filter(|metric| !given.contains(metric)).copied().collect()
        })
        .await
    }

    async fn change_monitoring(
        &self,
        request: ChangeMonitoring,
        operation: &str,
        change: impl for<'a> FnOnce(&[&'a str], &[&'a str]) -> Vec<&'a str>,
    ) -> Result<Monitoring, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("shardLevelMetrics", request.shard_level_metrics.as_ref());
        let List(given) = request.shard_level_metrics.clone().unwrap_or_default();
        if request.shard_level_metrics.is_some() {
            constraints.length("shardLevelMetrics", format_args!("[{} metrics]", given.len()), given.len(), 1..=7);
        }
        for (index, metric) in given.iter().enumerate() {
            constraints.one_of(&format!("shardLevelMetrics.{}.member", index + 1), Some(metric), &METRICS);
        }
        constraints.stream(name, arn);
        constraints.check()?;
        let stream = self.authorized(Right::Administer, operation, name, arn)?;
        let _administration = self.backend.administration.lock().await;
        let current = self.stream(&stream).await?.monitoring()?;
        let given: Vec<&str> = given.iter().map(|metric| &**metric).collect();
        let every: Vec<&str> = METRICS.iter().copied().filter(|metric| *metric != ALL_METRICS).collect();
        let given = if given.contains(&ALL_METRICS) { every } else { given };
        let desired = change(&current.iter().map(String::as_str).collect::<Vec<_>>(), &given);
        let desired: Vec<String> = desired.into_iter().map(str::to_owned).collect();
        let properties = monitoring_property(&desired);
        self.alter(&stream, TopicChange { properties, ..TopicChange::default() }).await?;
        Ok(Monitoring {
            stream_arn: self.stream_arn(&stream),
            stream_name: stream.to_string(),
            current_shard_level_metrics: current,
            desired_shard_level_metrics: desired,
        })
    }
}
