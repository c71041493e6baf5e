//! What objects look like, how large they get, how soon they are written, and how much is read at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::choice::choice;

choice! {
    /// How records stand in an object (the connector's `format.class`).
    Format {
        /// Newline-delimited JSON, with `.raw` objects beside it for what is no line of JSON.
        Json => "json",
        /// Parquet with the columns `offset`, `timestamp`, `key` and `value`.
        Parquet => "parquet",
    }
}

choice! {
    /// How `.json` and `.raw` objects are packed (the connector's `s3.compression.type`).
    Compression {
        /// Not at all.
        None => "none",
        /// `.gz`.
        Gzip => "gzip",
        /// `.zst`.
        Zstd => "zstd",
    }
}

choice! {
    /// How Parquet objects are packed inside (the connector's `parquet.codec`).
    ParquetCodec {
        /// Snappy.
        Snappy => "snappy",
        /// Zstandard.
        Zstd => "zstd",
        /// Not at all.
        None => "none",
    }
}

choice! {
    /// Which folder a record goes to (the connector's `partitioner.class`).
    PartitionerKind {
        /// `partition=0`: that of its partition.
        Default => "default",
        /// `year=2026/month=01/day=31`.
        Daily => "daily",
        /// `year=2026/month=01/day=31/hour=23`.
        Hourly => "hourly",
        /// By `path_format`.
        Time => "time",
        /// `country=Norway/kind=a`: by fields of its JSON.
        Field => "field",
    }
}

choice! {
    /// Which time of a record counts (the connector's `timestamp.extractor`).
    TimestampExtractor {
        /// The client's, or the one of its arrival.
        Record => "record",
        /// When it is archived.
        Wallclock => "wallclock",
        /// That in `timestamp_field` of its JSON; the record's own where there is none.
        RecordField => "record_field",
    }
}

/// When an object is closed and stored, what it looks like, and how failures are met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveSettings {
    /// Somebody else writes the objects, as the S3 sink connector: they are read, and nothing is written from the log.
    pub read_only: bool,
    /// Records of a partition after which everything of it that is open is stored, exactly (the connector's `flush.size`); 0 counts as 1.
    pub flush_size: u64,
    /// Bytes after which it is stored earlier; a record that alone is larger is stored alone.
    pub flush_bytes: usize,
    /// How long a record waits at most before its object is stored, however small.
    pub flush_interval: Duration,
    /// How records stand in an object.
    pub format: Format,
    /// How `.json` and `.raw` objects are packed.
    pub compression: Compression,
    /// How hard they are packed: 0 to 9 for gzip, 1 to 22 for zstd; `None` is the library's own choice.
    pub compression_level: Option<u32>,
    /// How Parquet objects are packed inside.
    pub parquet_codec: ParquetCodec,
    /// Which folder a record goes to.
    pub partitioner: PartitionerKind,
    /// The fields of [`PartitionerKind::Field`]; dots lead into objects.
    pub partition_fields: Vec<String>,
    /// The folders of [`PartitionerKind::Time`], as a pattern of Joda-Time.
    pub path_format: String,
    /// The span of time that [`PartitionerKind::Time`] puts together: times are rounded down to it.
    pub partition_duration: Duration,
    /// The time zone of folders that are named by time.
    pub timezone: String,
    /// The language of months and days in such names.
    pub locale: String,
    /// Which time of a record counts.
    pub timestamp_extractor: TimestampExtractor,
    /// The field of [`TimestampExtractor::RecordField`]; dots lead into objects.
    pub timestamp_field: Option<String>,
    /// How often new topics and partitions are looked for.
    pub discover_interval: Duration,
    /// The pause after a first failure; it doubles with every further one.
    pub retry_pause: Duration,
    /// The longest pause.
    pub retry_pause_max: Duration,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            read_only: false,
            flush_size: 10_000,
            flush_bytes: 8 * 1024 * 1024,
            flush_interval: Duration::from_secs(10),
            format: Format::Json,
            compression: Compression::None,
            compression_level: None,
            parquet_codec: ParquetCodec::Snappy,
            partitioner: PartitionerKind::Default,
            partition_fields: Vec::new(),
            path_format: "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH".to_owned(),
            partition_duration: Duration::from_secs(3600),
            timezone: "UTC".to_owned(),
            locale: "en-US".to_owned(),
            timestamp_extractor: TimestampExtractor::Record,
            timestamp_field: None,
            discover_interval: Duration::from_secs(2),
            retry_pause: Duration::from_millis(500),
            retry_pause_max: Duration::from_secs(60),
        }
    }
}

/// How much the reader fetches ahead, and how large its batches are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSettings {
    /// Batches that may wait for the consumer.
    pub ahead: usize,
    /// Objects that are fetched at once from a store that is no local folder.
    pub concurrency: usize,
    /// Bytes of such objects that may be under way at once; one that is larger is fetched alone.
    pub memory_bytes: u64,
    /// Records a batch holds at most; 0 counts as 1. Small objects are put together, large ones divided.
    pub batch_records: usize,
    /// Bytes after which a batch is closed.
    pub batch_bytes: usize,
}

impl Default for ReadSettings {
    /// Batches that fit the caches of a processor core.
    fn default() -> Self {
        Self { ahead: 2, concurrency: 32, memory_bytes: 64 << 20, batch_records: 16_384, batch_bytes: 4 << 20 }
    }
}
