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
    /// A record for an unknown stream makes the stream over the API Gateway dialect. Kinesis itself refuses such a record, and so
    /// does the native dialect in any case.
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
    /// How long a stream made over a Kinesis dialect keeps its records; `None` is for ever. Kinesis has a day.
    pub stream_retention_age: Option<Duration>,
    /// The stream that `POST /record` and `POST /records` of the API Gateway dialect write to; `None` where there are no such paths.
    pub default_stream: Option<TopicName>,
    /// First path segments that are stages of an API gateway: they are dropped where a dialect's own path follows.
    pub stages: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Bytes of memory that the bodies of all requests may take together, with what their records take while they are read. So
    /// many once more may be taken by the records that clients read.
    pub max_body_bytes_at_once: usize,
    /// The largest record, bytes of key and value. It must not exceed what the log takes.
    pub max_record_bytes: usize,
    /// The most records of one `PutRecords` request.
    pub max_put_records: usize,
    /// Kafka REST v2 also takes `application/json` as the JSON format, and answers who accepts nothing else. The original
    /// refuses both (415, 406).
    pub accept_plain_json: bool,
    /// A consumer instance of Kafka REST v2 that nobody used for so long is gone (`consumer.instance.timeout.ms`).
    pub consumer_instance_timeout: Duration,
    /// How long a read of a consumer waits for records unless its client says otherwise (`consumer.request.timeout.ms`).
    pub consumer_request_timeout: Duration,
    /// The most bytes of keys and values that one read of a consumer returns, whatever its client asks for: memory is held for
    /// them, and about as much again for their JSON. A single larger record is returned alone.
    pub max_consumer_response_bytes: usize,
    /// The most consumer instances, over all groups.
    pub max_consumer_instances: usize,
    /// The origin that browsers may call the API Gateway dialect from: `*` is any, `None` is none.
    pub allowed_origin: Option<String>,
    /// The region in the ARNs of streams.
    pub region: String,
    /// The account in the ARNs of streams and in messages, 12 digits.
    pub account_id: String,
    /// Topics that no client may delete: a lane reads them, and offsets that begin anew would be taken for ones that it has read.
    pub kept_topics: BTreeSet<TopicName>,
    /// The id of the one cluster that Kafka REST v3 shows: the same for as long as the data is.
    pub cluster_id: String,
    /// The most entries of one `records:batch` request.
    pub max_batch_entries: usize,
    /// How long one streamed `records` request may stay open.
    pub max_stream_duration: Duration,
    /// How long a streamed `records` request may leave a record half sent.
    pub stream_record_time: Duration,
    /// How long a streamed `records` request may stay open without a record.
    pub stream_idle_time: Duration,
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
            stream_retention_age: Some(Duration::from_secs(24 * 3600)),
            default_stream: None,
            stages: ["dev", "test", "prod", "production", "stage", "staging", "v1"].map(String::from).to_vec(),
            max_body_bytes: 10 * 1024 * 1024,
            max_body_bytes_at_once: 64 * 1024 * 1024,
            max_record_bytes: 1024 * 1024,
            max_put_records: 500,
            accept_plain_json: false,
            consumer_instance_timeout: Duration::from_secs(300),
            consumer_request_timeout: Duration::from_secs(1),
            max_consumer_response_bytes: 4 * 1024 * 1024,
            max_consumer_instances: 1_000,
            allowed_origin: Some("*".to_owned()),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            kept_topics: BTreeSet::new(),
            cluster_id: "pinflowpinflowpinflow0".to_owned(),
            max_batch_entries: 10,
            max_stream_duration: Duration::from_secs(24 * 3_600),
            stream_record_time: Duration::from_secs(30),
            stream_idle_time: Duration::from_secs(3_600),
            home: None,
            request_log: RequestLog::default(),
        }
    }
}

/// The property of a topic that is Kafka's `max.message.bytes`.
pub(crate) const MAX_MESSAGE_BYTES_PROPERTY: &str = "kafka.max.message.bytes";

impl GatewaySettings {
    /// The largest record that a topic takes, bytes of key, value and headers: its own limit or the node's, whichever is lower.
    pub(crate) fn record_limit(&self, topic: &TopicConfig) -> usize {
        let own = topic.properties.get(MAX_MESSAGE_BYTES_PROPERTY).and_then(|limit| limit.trim().parse().ok());
        own.map_or(self.max_record_bytes, |own| self.max_record_bytes.min(own))
    }

    /// How a topic with that many partitions is made.
    pub(crate) fn topic_config(&self, partitions: u32) -> TopicConfig {
        TopicConfig {
            partitions,
            retention_age: self.retention_age,
            retention_bytes: self.retention_bytes,
            ..TopicConfig::default()
        }
    }

    /// How a stream with that many shards is made.
    pub(crate) fn stream_config(&self, shards: u32) -> TopicConfig {
        TopicConfig { retention_age: self.stream_retention_age, ..self.topic_config(shards) }
    }
}
