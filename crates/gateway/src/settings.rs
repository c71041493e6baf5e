//! What can be set about the gateway. All of it has a default with which an embedded node works at once.

use std::collections::BTreeSet;
use std::time::Duration;

use pinflow_event::TopicName;
use pinflow_log::TopicConfig;

use crate::request_log::RequestLog;

/// Settings of a [`Gateway`](crate::Gateway).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// A record for an unknown topic makes the topic (Kafka's `auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// A record for an unknown stream makes the stream. Kinesis itself refuses such a record.
    pub auto_create_streams: bool,
    /// The partitions of a topic that a record over Kafka REST made.
    pub default_partitions: u32,
    /// The shards of a stream that a record over a Kinesis dialect made.
    pub default_shards: u32,
    /// The most shards that a stream may be created with.
    pub max_shards: u32,
    /// How long a topic made here keeps its records; `None` is for ever.
    pub retention_age: Option<Duration>,
    /// How many bytes a partition of a topic made here keeps; `None` is all.
    pub retention_bytes: Option<u64>,
    /// First path segments that are stages of an API gateway: they are dropped where a dialect's own path follows.
    pub stages: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The largest record, bytes of key and value. It must not exceed what the log takes.
    pub max_record_bytes: usize,
    /// The most records of one `PutRecords` request.
    pub max_put_records: usize,
    /// Kafka REST v2 also takes `application/json` as the JSON format, and answers who accepts nothing else. The original
    /// refuses both (415, 406).
    pub accept_plain_json: bool,
    /// The origin that browsers may call the API Gateway dialect from: `*` is any, `None` is none.
    pub allowed_origin: Option<String>,
    /// The region in the ARNs of streams.
    pub region: String,
    /// The account in the ARNs of streams and in messages, 12 digits.
    pub account_id: String,
    /// Topics that no client may delete: a lane reads them, and offsets that begin anew would be taken for ones that it has read.
    pub kept_topics: BTreeSet<TopicName>,
    /// Where `GET /` sends who asks for HTML, as in `/dashboard`. `None` answers `{}` to everyone.
    pub home: Option<String>,
    /// Which requests the request log has a line for.
    pub request_log: RequestLog,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            auto_create_topics: true,
            auto_create_streams: true,
            default_partitions: 1,
            default_shards: 1,
            max_shards: 1_000,
            retention_age: TopicConfig::default().retention_age,
            retention_bytes: TopicConfig::default().retention_bytes,
            stages: ["dev", "test", "prod", "production", "stage", "staging", "v1"].map(String::from).to_vec(),
            max_body_bytes: 10 * 1024 * 1024,
            max_record_bytes: 1024 * 1024,
            max_put_records: 500,
            accept_plain_json: false,
            allowed_origin: Some("*".to_owned()),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            kept_topics: BTreeSet::new(),
            home: None,
            request_log: RequestLog::default(),
        }
    }
}

impl GatewaySettings {
    /// How a topic with that many partitions is made.
    pub(crate) fn topic_config(&self, partitions: u32) -> TopicConfig {
        TopicConfig {
            partitions,
            retention_age: self.retention_age,
            retention_bytes: self.retention_bytes,
            ..TopicConfig::default()
        }
    }
}
