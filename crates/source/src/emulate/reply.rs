//! What a reply says about each event of its request.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored.
    Accepted,
    /// It is not stored, and sending it again would not help.
    Refused,
    /// It may be stored; sending it again would not help.
    Doubtful,
    /// It is not stored, and may be sent again after a pause.
    Later,
    /// It may be stored, and may be sent again after a pause.
    Unknown,
}

/// What became of the events of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// One for each event, in the order of the request.
    pub verdicts: Vec<Verdict>,
    /// The first thing that went wrong.
    pub fault: Option<Fault>,
    /// How long the gateway asks to wait.
    pub retry_after: Option<Duration>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Its kind, as in `HTTP 429` or `kafka 50003`: one of few.
    pub kind: String,
    /// What was said about it.
    pub text: String,
}

/// The kind of a fault where there was no connection to send on.
const CANNOT_CONNECT: &str = "cannot connect";

impl Fault {
    /// Whether the gateway takes no events at all, so that every other one would fare the same.
    pub(super) fn concerns_the_gateway(&self) -> bool {
        matches!(self.kind.as_str(), CANNOT_CONNECT | "HTTP 503" | "ServiceUnavailable")
    }
}

/// The longest pause that a gateway may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Reply {
    fn same_for_all(events: usize, verdict: Verdict, kind: impl Into<String>, text: impl Into<String>) -> Self {
        let fault = Fault { kind: kind.into(), text: text.into() };
        Self { verdicts: vec![verdict; events], fault: Some(fault), retry_after: None }
    }

    /// No reply came.
    pub(super) fn from_error(error: &reqwest::Error, events: usize) -> Self {
        let text = chain(error);
        if error.is_connect() {
            Self::same_for_all(events, Verdict::Later, CANNOT_CONNECT, text)
        } else if error.is_timeout() {
            Self::same_for_all(events, Verdict::Unknown, "timeout", text)
        } else if error.is_builder() || error.is_request() && error.is_redirect() {
            Self::same_for_all(events, Verdict::Refused, "cannot send", text)
        } else {
            Self::same_for_all(events, Verdict::Unknown, "reply lost", text)
        }
    }

    /// A reply came.
    pub(super) fn read(
        status: StatusCode,
        retry_after: Option<&str>,
        body: &[u8],
        is_kafka: bool,
        events: usize,
    ) -> Self {
        let mut reply = match (status.is_success(), is_kafka) {
            (true, true) => kafka(body, events),
            (true, false) => kinesis(body, events),
            (false, _) => unsuccessful(status, body, events),
        };
        let seconds = retry_after.and_then(|text| text.trim().parse().ok());
        reply.retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
        reply
    }
}

fn unsuccessful(status: StatusCode, body: &[u8], events: usize) -> Reply {
    let text = String::from_utf8_lossy(body).into_owned();
    if let Some((verdict, kind)) = kinesis_error(body) {
        return Reply::same_for_all(events, verdict, kind, text);
    }
    let verdict = match status {
        // Both say that the request was not taken up.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Verdict::Later,
        StatusCode::REQUEST_TIMEOUT => Verdict::Unknown,
        _ if status.is_server_error() => Verdict::Unknown,
        _ => Verdict::Refused,
    };
    Reply::same_for_all(events, verdict, format!("HTTP {}", status.as_u16()), text)
}

fn unreadable(body: &[u8], events: usize) -> Reply {
    // The original takes every 200 for a success. Here nothing is taken for stored that the gateway does not say is.
    let text = String::from_utf8_lossy(body);
    Reply::same_for_all(events, Verdict::Doubtful, "unreadable reply", text)
}

#[derive(Deserialize)]
struct KafkaReply {
    offsets: Vec<KafkaOffset>,
}

#[derive(Deserialize)]
struct KafkaOffset {
    error_code: Option<i64>,
    error: Option<String>,
}

/// Kafka REST answers 200 whatever became of the single records.
fn kafka(body: &[u8], events: usize) -> Reply {
    let Ok(reply) = serde_json::from_slice::<KafkaReply>(body) else {
        return unreadable(body, events);
    };
    if reply.offsets.len() != events {
        return unreadable(body, events);
    }
    let verdict = |offset: &KafkaOffset| match offset.error_code {
        None => Verdict::Accepted,
        // A broker that did not answer in time may have stored it; an unknown topic has the same code.
        Some(50003) => Verdict::Doubtful,
        Some(_) => Verdict::Refused,
    };
    let fault = reply.offsets.iter().find_map(|offset| {
        let kind = format!("kafka {}", offset.error_code?);
        Some(Fault { kind, text: offset.error.clone().unwrap_or_default() })
    });
    Reply { verdicts: reply.offsets.iter().map(verdict).collect(), fault, retry_after: None }
}

#[derive(Deserialize)]
struct KinesisReply {
    #[serde(rename = "SequenceNumber")]
    sequence_number: Option<String>,
    #[serde(rename = "Records")]
    records: Option<Vec<KinesisRecord>>,
    #[serde(rename = "__type")]
    error_type: Option<String>,
}

#[derive(Deserialize)]
struct KinesisRecord {
    #[serde(rename = "ErrorCode")]
    error_code: Option<String>,
    #[serde(rename = "ErrorMessage")]
    error_message: Option<String>,
}

/// AWS's tutorial maps every Kinesis error to 200, with the error's name in `__type`.
fn kinesis(body: &[u8], events: usize) -> Reply {
    let Ok(reply) = serde_json::from_slice::<KinesisReply>(body) else {
        return unreadable(body, events);
    };
    if let Some((verdict, kind)) = kinesis_error(body) {
        return Reply::same_for_all(events, verdict, kind, String::from_utf8_lossy(body));
    }
    match reply.records {
        Some(records) if records.len() == events => {
            let verdict =
                |record: &KinesisRecord| record.error_code.as_deref().map_or(Verdict::Accepted, error_verdict);
            let fault = records.iter().find_map(|record| {
                let text = record.error_message.clone().unwrap_or_default();
                Some(Fault { kind: record.error_code.clone()?, text })
            });
            Reply { verdicts: records.iter().map(verdict).collect(), fault, retry_after: None }
        }
        None if events == 1 && reply.sequence_number.is_some() => {
            Reply { verdicts: vec![Verdict::Accepted], fault: None, retry_after: None }
        }
        _ => unreadable(body, events),
    }
}

fn kinesis_error(body: &[u8]) -> Option<(Verdict, String)> {
    let name = serde_json::from_slice::<KinesisReply>(body).ok()?.error_type?;
    // Some write `com.amazonaws...#Name`.
    let name = name.rsplit('#').next().unwrap_or_default();
    Some((error_verdict(name), name.to_owned()))
}

fn error_verdict(name: &str) -> Verdict {
    match name {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Verdict::Later,
        "InternalFailure" | "InternalServerError" | "InternalFailureException" => Verdict::Unknown,
        _ => Verdict::Refused,
    }
}

/// An error with its causes: reqwest's own message says only what was being done.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
