//! PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy: the policy of a stream is kept and shown.
//!
//! It decides nothing here: who may do what is in the node's access list.

use pinflow_access::Right;
use pinflow_event::TopicName;
use pinflow_log::TopicChange;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule};
use super::member::Text;
use super::stream::policy_property;
use super::{Kinesis, KinesisError, arn};

/// The longest policy, in bytes, as IAM has it for policies of resources.
const LONGEST: usize = 20 * 1_024;
/// What a stream without a policy is said to have.
const NONE: &str = "{}";

/// The request of PutResourcePolicy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PutResourcePolicy {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<Text>,
    policy: Option<Text>,
}

/// The request of GetResourcePolicy and DeleteResourcePolicy.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ResourcePolicyOf {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<Text>,
}

/// The reply of GetResourcePolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ResourcePolicy {
    policy: String,
}

impl Kinesis {
    /// Keeps a policy in the place of the one before.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for a text that is no JSON object, or too long.
    pub(crate) async fn put_resource_policy(&self, request: PutResourcePolicy) -> Result<(), KinesisError> {
        let mut constraints = Constraints::default();
        constraints.not_null("policy", request.policy.as_ref());
        let stream = self.policy_holder(request.resource_arn.as_ref(), constraints, "PutResourcePolicy")?;
        let Text(policy) = request.policy.unwrap_or_default();
        let is_object = policy.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(&policy).is_ok();
        if !is_object {
            return Err(KinesisError::InvalidArgument("Policy must be valid JSON.".to_owned()));
        }
        if policy.len() > LONGEST {
            return Err(KinesisError::InvalidArgument(format!("Policy must not be longer than {LONGEST} bytes.")));
        }
        let properties = policy_property(Some(policy));
        self.alter(&stream, TopicChange { properties, ..TopicChange::default() }).await
    }

    /// The policy that is kept.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`] for an unknown stream.
    pub(crate) async fn get_resource_policy(&self, request: ResourcePolicyOf) -> Result<ResourcePolicy, KinesisError> {
        let arn = request.resource_arn.as_ref();
        let stream = self.policy_holder(arn, Constraints::default(), "GetResourcePolicy")?;
        let policy = self.stream(&stream).await?.policy().unwrap_or(NONE).to_owned();
        Ok(ResourcePolicy { policy })
    }

    /// Forgets the policy.
    ///
    /// # Errors
    /// [`KinesisError::ResourceNotFound`] for an unknown stream, and for one without a policy.
    pub(crate) async fn delete_resource_policy(&self, request: ResourcePolicyOf) -> Result<(), KinesisError> {
        let arn = request.resource_arn.as_ref();
        let stream = self.policy_holder(arn, Constraints::default(), "DeleteResourcePolicy")?;
        let _administration = self.backend.administration.lock().await;
        if self.stream(&stream).await?.policy().is_none() {
            let arn = arn.map(|arn| &**arn).unwrap_or_default();
            let message = format!("No resource policy found for resource ARN {arn}.");
            return Err(KinesisError::ResourceNotFound(message));
        }
        let properties = policy_property(None);
        self.alter(&stream, TopicChange { properties, ..TopicChange::default() }).await
    }

    /// The stream of an ARN. A consumer's policy is that of its stream.
    fn policy_holder(
        &self,
        arn: Option<&Text>,
        mut constraints: Constraints,
        operation: &str,
    ) -> Result<TopicName, KinesisError> {
        constraints.required_text("resourceARN", arn, TextRule::RESOURCE_ARN);
        constraints.check()?;
        let (stream, _) = arn::resource(arn);
        self.authorized(Right::Administer, operation, None, Some(&stream))
    }
}
