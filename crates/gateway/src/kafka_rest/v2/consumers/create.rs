//! `POST /consumers/{group}`.

use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::request::{ConsumerBody, Scalar, Unrecognized, check_content_type, optional};
use crate::GatewaySettings;
use crate::dialect::Call;
use crate::kafka_rest::base_url::base_url;
use crate::kafka_rest::consumer_groups::{ConsumerGroups, ConsumerSettings, InstanceName, OffsetReset};
use crate::kafka_rest::error::KafkaRestError;
use crate::kafka_rest::json_reply;
use crate::kafka_rest::media_type::EmbeddedFormat;
use crate::path::percent_encoded;

/// The bounds of `fetch.min.bytes`.
const MIN_BYTES: std::ops::RangeInclusive<i64> = -1..=10_000_000;

#[derive(Debug, Default, Deserialize)]
struct CreateBody {
    id: Option<Scalar>,
    name: Option<Scalar>,
    format: Option<Scalar>,
    #[serde(rename = "auto.offset.reset")]
    offset_reset: Option<Scalar>,
    #[serde(rename = "auto.commit.enable")]
    auto_commit: Option<Scalar>,
    #[serde(rename = "fetch.min.bytes", alias = "responseMinBytes")]
    min_bytes: Option<Scalar>,
    #[serde(rename = "consumer.request.timeout.ms", alias = "requestWaitMs")]
    request_timeout: Option<Scalar>,
    #[serde(flatten)]
    unrecognized: Unrecognized,
}

impl ConsumerBody for CreateBody {
    fn unrecognized(&self) -> Option<&String> {
        self.unrecognized.keys().next()
    }
}

#[derive(Serialize)]
struct CreateReply {
    instance_id: String,
    base_uri: String,
}

/// Makes an instance.
///
/// # Errors
/// [`KafkaRestError`], with nothing made.
pub(super) async fn create(
    groups: &ConsumerGroups,
    call: &Call,
    body: Body,
    group: String,
) -> Result<Response, KafkaRestError> {
    check_content_type(call)?;
    let media_type = super::reply_type(call)?;
    let body = call.read(body).await?;
    let body: CreateBody = optional(&body)?.unwrap_or_default();
    let settings = settings(&body, &call.backend.settings)?;
    // The older `id` wins over `name`. A request's id is as good a name as any: no other request has it.
    let instance = body.id.or(body.name).map_or_else(|| format!("rest-consumer-{}", call.id), |Scalar(name)| name);
    let name = InstanceName { group, instance };
    groups.create(&name, settings, &call.caller)?;
    let (group, instance) = (percent_encoded(&name.group), percent_encoded(&name.instance));
    let base_uri = format!("{}/consumers/{group}/instances/{instance}", base_url(call));
    Ok(json_reply(media_type, &CreateReply { instance_id: name.instance, base_uri }))
}

fn settings(body: &CreateBody, defaults: &GatewaySettings) -> Result<ConsumerSettings, KafkaRestError> {
    let format = format(body.format.as_ref())?;
    let min_bytes = min_bytes(body.min_bytes.as_ref())?;
    let request_timeout = match &body.request_timeout {
        None => defaults.consumer_request_timeout,
        Some(millis) => {
            Duration::from_millis(u64::try_from(integer("consumer.request.timeout.ms", millis)?).unwrap_or(0))
        }
    };
    let auto_commit = match body.auto_commit.as_ref().map(|Scalar(text)| text.trim().to_ascii_lowercase()) {
        None => true,
        Some(text) => match text.as_str() {
            "true" => true,
            "false" => false,
            _ => {
                let expected = "Expected value to be either true or false";
                return Err(invalid("enable.auto.commit", &text, expected));
            }
        },
    };
    let offset_reset = match body.offset_reset.as_ref().map(|Scalar(text)| text.to_ascii_lowercase()) {
        None => OffsetReset::Latest,
        Some(text) => match text.as_str() {
            "latest" => OffsetReset::Latest,
            "earliest" => OffsetReset::Earliest,
            "none" => OffsetReset::Nothing,
            _ => return Err(invalid("auto.offset.reset", &text, "String must be one of: latest, earliest, none")),
        },
    };
    Ok(ConsumerSettings { format, offset_reset, auto_commit, min_bytes, request_timeout })
}

fn format(format: Option<&Scalar>) -> Result<EmbeddedFormat, KafkaRestError> {
    let Some(Scalar(format)) = format else { return Ok(EmbeddedFormat::Binary) };
    match format.to_ascii_lowercase().as_str() {
        "binary" => Ok(EmbeddedFormat::Binary),
        "json" => Ok(EmbeddedFormat::Json),
        "avro" | "jsonschema" | "protobuf" => Err(KafkaRestError::NoSchemaRegistry),
        _ => Err(KafkaRestError::Constraint("Invalid format type.".to_owned())),
    }
}

/// Where the original waits for `-1` bytes it waits for ever, and so until the time-out. Here both -1 and 0 are any record.
fn min_bytes(given: Option<&Scalar>) -> Result<usize, KafkaRestError> {
    let Some(given) = given else { return Ok(0) };
    let bytes = integer("fetch.min.bytes", given)?;
    if MIN_BYTES.contains(&bytes) {
        return Ok(usize::try_from(bytes).unwrap_or(0));
    }
    let broken = if bytes < *MIN_BYTES.start() {
        format!("Value must be at least {}", MIN_BYTES.start())
    } else {
        format!("Value must be no more than {}", MIN_BYTES.end())
    };
    let text = format!("Invalid value {bytes} for configuration fetch.min.bytes: {broken}");
    Err(KafkaRestError::ConsumerSettingOutOfBounds(text))
}

fn integer(setting: &str, Scalar(text): &Scalar) -> Result<i64, KafkaRestError> {
    text.trim().parse::<i32>().map(i64::from).map_err(|_| invalid(setting, text, "Not a number of type INT"))
}

fn invalid(setting: &str, value: impl Display, expected: &str) -> KafkaRestError {
    KafkaRestError::InvalidConsumerSetting(format!("Invalid value {value} for configuration {setting}: {expected}"))
}
