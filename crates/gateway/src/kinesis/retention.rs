//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use std::time::Duration;

use pinflow_access::Right;
use pinflow_log::TopicChange;
use serde::Deserialize;

use super::constraint::Constraints;
use super::member::{Integer, Text};
use super::{Kinesis, KinesisError};

const SHORTEST_HOURS: i64 = 24;
const LONGEST_HOURS: i64 = 8_760;

/// The request of both.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeRetentionPeriod {
    stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<Text>,
    retention_period_hours: Option<Integer>,
}

/// Which of the two.
#[derive(Clone, Copy)]
enum Direction {
    Increase,
    Decrease,
}

impl Kinesis {
    /// Keeps records longer.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for a shorter period.
    pub(crate) async fn increase_retention(&self, request: ChangeRetentionPeriod) -> Result<(), KinesisError> {
        self.change_retention(request, Direction::Increase).await
    }

    /// Keeps records less long.
    ///
    /// # Errors
    /// [`KinesisError::InvalidArgument`] for a longer period.
    pub(crate) async fn decrease_retention(&self, request: ChangeRetentionPeriod) -> Result<(), KinesisError> {
        self.change_retention(request, Direction::Decrease).await
    }

    async fn change_retention(&self, request: ChangeRetentionPeriod, direction: Direction) -> Result<(), KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("retentionPeriodHours", request.retention_period_hours.as_ref());
        constraints.range("retentionPeriodHours", request.retention_period_hours, 1..=i64::MAX);
        constraints.stream(name, arn);
        constraints.check()?;
        let operation = match direction {
            Direction::Increase => "IncreaseStreamRetentionPeriod",
            Direction::Decrease => "DecreaseStreamRetentionPeriod",
        };
        let stream = self.authorized(Right::Administer, operation, name, arn)?;
        let Integer(hours) = request.retention_period_hours.unwrap_or_default();
        let _administration = self.backend.administration.lock().await;
        let existing = self.stream(&stream).await?.retention_hours();
        let requested = u64::try_from(hours).unwrap_or(0);
        let refusal = if hours < SHORTEST_HOURS {
            format!(
                "Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."
            )
        } else if hours > LONGEST_HOURS {
            format!(
                "Maximum allowed retention period is {LONGEST_HOURS} hours. Requested retention period ({hours} hours) is too long."
            )
        } else {
            let (wrong, other) = match direction {
                Direction::Increase if existing > requested => ("shorter", "Decrease"),
                Direction::Decrease if existing < requested => ("longer", "Increase"),
                _ => {
                    let retention_age = Some(Some(Duration::from_secs(requested * 3_600)));
                    return self.alter(&stream, TopicChange { retention_age, ..TopicChange::default() }).await;
                }
            };
            format!(
                "Requested retention period ({hours} hours) for stream {stream} can not be {wrong} than existing retention period \
                 ({existing} hours). Use {other}RetentionPeriod API."
            )
        };
        Err(KinesisError::InvalidArgument(refusal))
    }
}
