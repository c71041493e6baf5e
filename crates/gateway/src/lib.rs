//! The gateway: HTTP dialects in front of an [`EventLog`](pinflow_log::EventLog).
//!
//! A reply with status 200 to a write is sent after the log has acknowledged it, never before. What one dialect
//! writes the others read: a Kafka topic and a Kinesis stream of one name are the same data.
//!
//! A request goes `gateway` (path, request id, counters) -> the first of the dialects that claims it ->
//! that dialect's routes -> `append` or the log's reads. A new dialect is a folder beside `kafka_rest` and
//! one line in `dialect::dialects`.

mod api_gateway;
mod append;
mod body;
mod dialect;
mod exchange;
mod gateway;
mod json;
mod kafka_rest;
mod kinesis;
mod kinesis_native;
mod metrics;
pub mod openapi;
mod path;
mod request_id;
mod request_log;
mod settings;

pub use gateway::{Gateway, OWN_ROUTES};
pub use metrics::{DialectCounts, MetricsSnapshot};
pub use request_log::{RequestLog, TARGET as REQUEST_LOG_TARGET};
pub use settings::GatewaySettings;
