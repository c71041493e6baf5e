//! The one table of settings. The file's keys, the variables of the environment, `pinflow config` and
//! `docs/configuration.md` all come from it.

use super::{Settings, form};

/// Something that can be set.
#[derive(Debug)]
pub struct Setting {
    /// Its key in the file, and after `-c`.
    pub key: &'static str,
    /// Its own flag, where it has one.
    pub flag: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
    /// Whether its value is kept out of everything that is shown.
    pub secret: bool,
    /// Reads its value from text.
    pub set: fn(&mut Settings, &str) -> Result<(), String>,
    /// Its value as text that can be read again.
    pub get: fn(&Settings) -> String,
}

impl Setting {
    /// The setting of that key.
    pub fn find(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The variable of the environment that sets it.
    pub fn variable(&self) -> String {
        match self.key {
            // What users of other tools try first; the names below `log.` are those of the event log.
            "logging.level" => "PINFLOW_LOG".to_owned(),
            key => format!("PINFLOW_{}", key.replace('.', "_").to_uppercase()),
        }
    }

    /// Its value for people: `(hidden)` where it is a secret.
    pub fn shown(&self, settings: &Settings) -> String {
        match (self.get)(settings) {
            value if self.secret && value != "none" => "(hidden)".to_owned(),
            value => value,
        }
    }
}

macro_rules! settings {
    ($($key:literal $([$flag:literal])? $form:ident $($field:ident).+ $(, $secret:ident)? => $help:literal;)+) => {
        /// All settings, in the order in which they are shown.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            flag: flag!($($flag)?),
            help: $help,
            secret: is_secret!($($secret)?),
            set: |settings, text| {
                settings.$($field).+ = form::$form::read(text)?;
                Ok(())
            },
            get: |settings| form::$form::show(&settings.$($field).+),
        }),+];
    };
}

macro_rules! flag {
    () => {
        None
    };
    ($flag:literal) => {
        Some($flag)
    };
}

macro_rules! is_secret {
    () => {
        false
    };
    (secret) => {
        true
    };
}

settings! {
    "data" ["--data"] path node.data => "The data folder: log, archive, tables, answers, runs";
    "pipeline" ["--pipeline"] optional_path pipeline => "The pipeline's folder; `none` is the one in the binary";
    "url" ["--url"] optional_url url => "The node that commands talk to; `none` is the one that runs on the data folder, else the folder itself";
    "api_key" secret_header client.api_key, secret => "The API key that commands send to the node, where it asks who they are";
    "ca_file" optional_path client.ca_file => "The roots, PEM, that the certificate of a node at an `https` address has to lead to; `none` are the system's";
    "host" ["--host"] address node.host => "The IP address that the node listens on";
    "port" ["--port"] count node.port => "The port that the node listens on; 0 is any free one";
    "next_free_port" boolean node.next_free_port => "Where the port is taken, one of the hundred after it is used";
    "listen" listen node.listen => "Further addresses to listen on, as in `127.0.0.1:8082,127.0.0.1:4568`; `http://` before one keeps it without TLS";
    "tls.certificate" optional_path node.tls.certificate => "The node's certificate with those that lead to its root, PEM; read again when it changes";
    "tls.key" optional_path node.tls.key => "The private key of the certificate, PEM";
    "access.file" optional_path node.access.file => "The access list (docs/access.md), read again when it changes; `none` lets anyone do everything";
    "access.allow_anonymous" boolean node.access.allow_anonymous => "Without an access list, also listen on addresses that others reach";
    "limits.connections" count node.limits.connections => "Connections at once; one more is refused with 503. Each is an open file of the process";
    "limits.header_bytes" size node.limits.header_bytes => "The largest head of a request: its first line and its headers";
    "limits.header_time" duration node.limits.header_time => "How long a head may take, and a new connection until its first one";
    "limits.idle_time" duration node.limits.idle_time => "How long a connection may stay open without a request";
    "limits.stall_time" duration node.limits.stall_time => "How long a body may pause before its reply begins, and how long a client may not take its reply";
    "limits.body_time" duration node.limits.body_time => "How long a body may take in all before its reply begins";
    "limits.drain_time" duration node.limits.drain_time => "How long the end of the node waits for requests under way";
    "host_names" list node.host_names => "Names under which people reach the dashboard, besides `localhost` and IP addresses";
    "schedule" boolean node.schedule => "Whether jobs start by their schedules";
    "parallel_tasks" count node.parallel_tasks => "Tasks of a run that go on side by side";
    "log.segment_bytes" size node.log.segment_bytes => "Bytes after which the log begins a new segment file; retention deletes whole segments";
    "log.max_waiting_bytes" size node.log.max_waiting_bytes => "Bytes that may wait to be stored before clients are told to come back later";
    "log.retention_interval" duration node.log.retention_interval => "How often retention is enforced";
    "topics.partitions" count node.topics.partitions => "Partitions of each of the pipeline's topics, when they are made";
    "topics.retention_age" optional_duration node.topics.retention_age => "How long the pipeline's topics keep records that every reader has passed; `none` is for ever";
    "topics.retention_bytes" optional_size node.topics.retention_bytes => "How many bytes a partition of the pipeline's topics keeps; `none` is all";
    "gateway.auto_create_topics" boolean node.gateway.auto_create_topics => "A record for an unknown Kafka topic makes the topic";
    "gateway.auto_create_streams" boolean node.gateway.auto_create_streams => "A record for an unknown Kinesis stream makes the stream";
    "gateway.default_partitions" count node.gateway.default_partitions => "Partitions of a topic that a record made";
    "gateway.default_shards" count node.gateway.default_shards => "Shards of a stream that a record made";
    "gateway.max_shards" count node.gateway.max_shards => "The most shards that a stream may be created with";
    "gateway.retention_age" optional_duration node.gateway.retention_age => "How long topics that clients made keep their records";
    "gateway.retention_bytes" optional_size node.gateway.retention_bytes => "How many bytes a partition of such a topic keeps";
    "gateway.stream_retention_age" optional_duration node.gateway.stream_retention_age => "How long streams that Kinesis clients made keep their records";
    "gateway.default_stream" optional_topic node.gateway.default_stream => "The stream that `POST /record` and `POST /records` write to; `none` has no such paths";
    "gateway.consumer_instance_timeout" duration node.gateway.consumer_instance_timeout => "A Kafka REST consumer that nobody used for so long is gone";
    "gateway.consumer_request_timeout" duration node.gateway.consumer_request_timeout => "How long a read of such a consumer waits for records at most";
    "gateway.max_consumer_response_bytes" size node.gateway.max_consumer_response_bytes => "Bytes that one read of such a consumer returns at most";
    "gateway.max_consumer_instances" count node.gateway.max_consumer_instances => "The most such consumers at a time";
    "gateway.max_batch_entries" count node.gateway.max_batch_entries => "The most entries of one `records:batch` request";
    "gateway.max_stream_duration" duration node.gateway.max_stream_duration => "How long one streamed `records` request may stay open";
    "gateway.stream_record_time" duration node.gateway.stream_record_time => "How long a streamed `records` request may leave a record half sent";
    "gateway.stream_idle_time" duration node.gateway.stream_idle_time => "How long a streamed `records` request may stay open without a record";
    "gateway.stages" list node.gateway.stages => "First path segments that are dropped, as the stages of an API gateway";
    "gateway.max_body_bytes" size node.gateway.max_body_bytes => "The largest request body";
    "gateway.max_body_bytes_at_once" size node.gateway.max_body_bytes_at_once => "Memory for the bodies of all requests together, with their records; beyond it clients are told to come back later";
    "gateway.max_record_bytes" size node.gateway.max_record_bytes => "The largest record: key and value";
    "gateway.max_put_records" count node.gateway.max_put_records => "The most records of one Kinesis `PutRecords` request";
    "gateway.accept_plain_json" boolean node.gateway.accept_plain_json => "Kafka REST also takes `application/json`, which the original refuses";
    "gateway.request_log" request_log node.gateway.request_log => "Which requests have a line in the log: `all`, `errors` (those refused, wholly or in part) or `none`";
    "gateway.allowed_origin" optional_text node.gateway.allowed_origin => "The origin that browsers may post from: `*` is any, `none` is none";
    "gateway.region" text node.gateway.region => "The AWS region in the names of streams";
    "gateway.account_id" text node.gateway.account_id => "The AWS account in the names of streams";
    "archive.folder" optional_path node.archive_folder => "The folder that holds the archive's `topics/`; `none` is `archive` in the data folder";
    "archive.stream_topics" boolean node.archive_stream_topics => "The topics that only stream lanes read are archived, too: a replay then finds their records when the log has let go of them";
    "archive.read_only" boolean node.archive.read_only => "Somebody else writes the archive, as the S3 sink connector: jobs read it, and nothing is written from the log";
    "archive.flush_size" count node.archive.flush_size => "Records of a partition after which they are stored, exactly (the S3 sink's `flush.size`); 1 makes an object of each";
    "archive.flush_bytes" size node.archive.flush_bytes => "Bytes after which they are stored earlier";
    "archive.flush_interval" duration node.archive.flush_interval => "How long a record waits at most before its object is stored, also where no other comes";
    "archive.format" word node.archive.format => "How records stand in an object: `json` (a line a record) or `parquet` (docs/archive.md)";
    "archive.compression" word node.archive.compression => "How `.json` objects are packed: `none`, `gzip` or `zstd`";
    "archive.compression_level" optional_count node.archive.compression_level => "How hard they are packed: 0 to 9 for gzip, 1 to 22 for zstd; `none` is the library's choice";
    "archive.parquet_codec" word node.archive.parquet_codec => "How Parquet objects are packed inside: `snappy`, `zstd` or `none`";
    "archive.partitioner" word node.archive.partitioner => "Which folder a record goes to: `default` (`partition=0`), `daily`, `hourly`, `time` or `field`";
    "archive.partition_fields" list node.archive.partition_fields => "For `field`: fields of the JSON, as in `country,user.kind`";
    "archive.path_format" text node.archive.path_format => "For `time`: the folders as a pattern of Joda-Time";
    "archive.partition_duration" duration node.archive.partition_duration => "For `time`: the span that a folder is for; times are rounded down to it";
    "archive.timezone" text node.archive.timezone => "The time zone of such folders: `UTC`, `Europe/Berlin`, `+05:45`";
    "archive.locale" text node.archive.locale => "The language of months and days in them; words are English only";
    "archive.timestamp_extractor" word node.archive.timestamp_extractor => "Which time of a record counts: `record` (its own), `wallclock` (when it is archived) or `record_field`";
    "archive.timestamp_field" optional_text node.archive.timestamp_field => "For `record_field`: the field of the JSON that holds it";
    "archive.discover_interval" duration node.archive.discover_interval => "How often new topics are looked for";
    "archive.retry_pause" duration node.archive.retry_pause => "The pause after a first failure; it doubles with every further one";
    "archive.retry_pause_max" duration node.archive.retry_pause_max => "The longest pause after a failure";
    "stream.trigger" duration node.trigger.interval => "How long a stream lane gathers records for a micro-batch, unless there are enough before; `0` takes what is there";
    "batch.changed_definition" changed_definition node.batch.changed_definition => "What a run does where a stream's fields, SELECT or key are not those that made its table: `refuse`, or `mix` rows of both";
    "batch.changed_objects" changed_objects node.batch.changed_objects => "What a run does where objects that it read before came late, vanished or were rewritten: `report`, or clean what is new and `fail`";
    "stream.records" count node.trigger.records => "Records of a micro-batch at most";
    "stream.bytes" size node.trigger.bytes => "Bytes of a micro-batch at most";
    "tables.target_file_bytes" size node.tables.target_file_bytes => "The size up to which the files of a table are merged";
    "tables.kept_commits" count node.tables.kept_commits => "How many commits back a version of a table stays readable";
    "query.memory_bytes" size node.query.memory_bytes => "Memory that all queries share";
    "query.spill_bytes" size node.query.spill_bytes => "Bytes that queries may put on disk for a while";
    "query.spill_folder" optional_path node.query.spill_folder => "Where queries put them; `none` is the system's folder for temporary files";
    "query.time" duration node.query.time => "The longest that a query may run";
    "query.rows" count node.query.rows => "The most rows that an answer may have";
    "query.fresh_records" count node.fresh.records => "Records of a stream that are not committed yet and that one question may clean";
    "query.fresh_bytes" size node.fresh.bytes => "Bytes of such records";
    "serving.postgres" optional_socket node.serving.postgres => "The address where PostgreSQL's clients read the tables, as in `127.0.0.1:5432` (docs/serving.md); `none` has no such port";
    "source.url" ["--source"] optional_text source.url, secret => "The database that the emulator draws from; `none` is `source.db` in the data folder";
    "source.credentials" ["--credentials"] optional_path source.credentials => "A credentials file (`HOST`, `USER`, `PASSWORD`, `DATABASE`, `PORT`) in place of `source.url`";
    "logging.level" ["--verbose"] text logging.level => "What is logged: `error`, `warn`, `info`, `debug`, `trace`, or directives as in `pinflow_lane=debug`";
    "logging.format" ["--log-format"] log_format logging.format => "How log lines look: `text` or `json`";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_default_can_be_read_again() {
        let mut settings = Settings::default();
        for setting in SETTINGS {
            let before = (setting.get)(&settings);
            (setting.set)(&mut settings, &before).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
            assert_eq!((setting.get)(&settings), before, "{}", setting.key);
        }
    }

    #[test]
    fn keys_and_variables_are_unique() {
        let mut names: Vec<String> = SETTINGS.iter().flat_map(|s| [s.key.to_owned(), s.variable()]).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len() * 2);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let mut settings = Settings::default();
        let source = Setting::find("source.url").unwrap();
        assert_eq!(source.shown(&settings), "none");
        (source.set)(&mut settings, "mysql://u:s3cret@h/d").unwrap();
        assert_eq!(source.shown(&settings), "(hidden)");
    }
}
