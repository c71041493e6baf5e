//! PutRecord and PutRecords.

use bytes::Bytes;
use pinflow_access::Right;
use pinflow_event::{NewRecord, Partition, TopicName};
use pinflow_log::{Appended, LogError};
use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, TextRule, excerpt, hash_key};
use super::member::{Blob, List, Structure, Text};
use super::sequence_number::{ForeignNumber, SequenceNumber};
use super::shard::{HashKey, ShardId, hash_of};
use super::stream::Stream;
use super::{Kinesis, KinesisError};
use crate::append;

/// How a record of a list looks in a message about the list, and how many of them are shown.
const ENTRY: &str = "com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@c965e310";
const MOST_SHOWN: usize = 1_000;
/// How often the open shards are looked up again when one was closed meanwhile.
const MOST_LOOKUPS: usize = 10;

/// The request of PutRecord.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PutRecord {
    pub(crate) stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<Text>,
    pub(crate) data: Option<Blob>,
    pub(crate) partition_key: Option<Text>,
    pub(crate) explicit_hash_key: Option<Text>,
    pub(crate) sequence_number_for_ordering: Option<Text>,
}

/// The request of PutRecords.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PutRecords {
    pub(crate) stream_name: Option<Text>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<Text>,
    pub(crate) records: Option<List<Structure<PutEntry>>>,
}

/// A record of a request, as the client gave it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PutEntry {
    /// The event.
    pub(crate) data: Option<Blob>,
    /// What decides the shard.
    pub(crate) partition_key: Option<Text>,
    /// What decides the shard instead, where it is given.
    pub(crate) explicit_hash_key: Option<Text>,
}

/// Where a record is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Placed {
    sequence_number: String,
    shard_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

/// The reply of PutRecords.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRecordsReply {
    failed_record_count: usize,
    records: Vec<PutOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_type: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PutOutcome {
    #[serde(rename_all = "PascalCase")]
    Placed { sequence_number: String, shard_id: String },
    #[serde(rename_all = "PascalCase")]
    Failed { error_code: &'static str, error_message: String },
}

/// A checked record, and where it belongs if not to the hash of its key.
struct Addressed {
    explicit_hash_key: Option<HashKey>,
    record: NewRecord,
}

impl Addressed {
    fn hash_key(&self) -> HashKey {
        self.explicit_hash_key.unwrap_or_else(|| hash_of(self.record.key.as_deref().unwrap_or_default()))
    }
}

/// What became of an append: the stream as it was then, the shards that the records went to, and the log's answer.
struct Attempt {
    stream: Stream,
    shards: Vec<Partition>,
    appended: Result<Vec<Appended>, LogError>,
}

impl Kinesis {
    /// Stores one record.
    ///
    /// # Errors
    /// [`KinesisError`], with nothing stored.
    pub(crate) async fn put_record(&self, request: PutRecord) -> Result<Placed, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let ordering = request.sequence_number_for_ordering.as_ref();
        let PutRecord { data, partition_key, explicit_hash_key, .. } = request;
        let entry = PutEntry { data, partition_key, explicit_hash_key };
        let mut constraints = Constraints::default();
        constraints.text("sequenceNumberForOrdering", ordering, TextRule::SEQUENCE_NUMBER);
        self.check_entry(&entry, "", &mut constraints);
        constraints.stream(name, arn);
        constraints.check()?;
        let name = self.authorized(Right::Produce, "PutRecord", name, arn)?;
        let stream = self.find_or_create(&name).await?;
        let records = vec![addressed(entry)?];
        self.check_limit_of(&stream, &records, |_| "data".to_owned())?;
        self.check_ordering(&name, ordering)?;
        let Attempt { stream, shards, appended } = self.store(stream, records).await?;
        match appended {
            Ok(appended) => {
                let first = appended.first();
                let missing = || KinesisError::ServiceUnavailable("the log did not say where the record is".to_owned());
                let (sequence_number, shard_id) = place(&stream, first.ok_or_else(missing)?);
                Ok(Placed { sequence_number, shard_id, encryption_type: encryption_type(&stream) })
            }
            Err(LogError::Overloaded { retry_after, .. }) => Err(KinesisError::ProvisionedThroughputExceeded {
                message: self.rate_exceeded(&name, shards.first().copied().unwrap_or_default()),
                retry_after,
            }),
            Err(failure) => Err(self.error(&name, failure)),
        }
    }

    /// Stores records in their order. Those that the log cannot take now fail alone; one that breaks a constraint fails all.
    ///
    /// # Errors
    /// [`KinesisError`], with nothing stored.
    pub(crate) async fn put_records(&self, request: PutRecords) -> Result<PutRecordsReply, KinesisError> {
        let (name, arn) = (request.stream_name.as_ref(), request.stream_arn.as_ref());
        let mut constraints = Constraints::default();
        constraints.not_null("records", request.records.as_ref());
        let given = request.records.is_some();
        let List(entries) = request.records.unwrap_or_default();
        if given {
            self.check_entries(&entries, &mut constraints);
        }
        constraints.stream(name, arn);
        constraints.check()?;
        let name = self.authorized(Right::Produce, "PutRecords", name, arn)?;
        let stream = self.find_or_create(&name).await?;
        let records = entries.into_iter().map(|Structure(entry)| addressed(entry)).collect::<Result<Vec<_>, _>>()?;
        self.check_limit_of(&stream, &records, |index| format!("records.{}.member.data", index + 1))?;
        let Attempt { stream, shards, appended } = self.store(stream, records).await?;
        match appended {
            Ok(appended) => {
                let records = appended.iter().map(|at| {
                    let (sequence_number, shard_id) = place(&stream, at);
                    PutOutcome::Placed { sequence_number, shard_id }
                });
                let encryption_type = encryption_type(&stream);
                Ok(PutRecordsReply { failed_record_count: 0, records: records.collect(), encryption_type })
            }
            Err(LogError::Overloaded { .. }) => Ok(self.all_rate_exceeded(&name, &shards)),
            Err(failure) => Err(self.error(&name, failure)),
        }
    }

    fn check_entries(&self, entries: &[Structure<PutEntry>], constraints: &mut Constraints) {
        let most = self.backend.settings.max_put_records;
        if !(1..=most).contains(&entries.len()) {
            let shown = vec![ENTRY; entries.len().min(MOST_SHOWN)].join(", ");
            constraints.length("records", format_args!("[{shown}]"), entries.len(), 1..=most);
        }
        for (index, Structure(entry)) in entries.iter().enumerate() {
            self.check_entry(entry, &format!("records.{}.member.", index + 1), constraints);
        }
    }

    fn check_entry(&self, entry: &PutEntry, prefix: &str, constraints: &mut Constraints) {
        let limit = self.backend.settings.max_record_bytes;
        let size = entry.data.as_ref().map_or(0, |Blob(data)| data.len());
        let is_too_large = size + entry.partition_key.as_ref().map_or(0, |key| key.len()) > limit;
        let key_fits = entry.partition_key.as_ref().is_some_and(|key| (1..=256).contains(&key.len()));
        if key_fits && entry.data.is_some() && entry.explicit_hash_key.is_none() && !is_too_large {
            // So it is nearly always: no paths need to be made for messages.
            return;
        }
        constraints.required_text(
            &format!("{prefix}partitionKey"),
            entry.partition_key.as_ref(),
            TextRule::PARTITION_KEY,
        );
        constraints.text(&format!("{prefix}explicitHashKey"), entry.explicit_hash_key.as_ref(), TextRule::HASH_KEY);
        let path = format!("{prefix}data");
        constraints.not_null(&path, entry.data.as_ref());
        if is_too_large {
            too_large(&path, size, limit, constraints);
        }
    }

    /// A stream may take smaller records than the node does.
    fn check_limit_of(
        &self,
        stream: &Stream,
        records: &[Addressed],
        path: impl Fn(usize) -> String,
    ) -> Result<(), KinesisError> {
        let settings = &self.backend.settings;
        let limit = settings.record_limit(&stream.topic.config);
        if limit == settings.max_record_bytes {
            return Ok(());
        }
        let mut constraints = Constraints::default();
        for (index, Addressed { record, .. }) in records.iter().enumerate().filter(|(_, at)| at.record.size() > limit) {
            let size = record.value.as_ref().map_or(0, Bytes::len);
            too_large(&path(index), size, limit, &mut constraints);
        }
        constraints.check()
    }

    /// A record may be ordered after any number that could have been given out.
    fn check_ordering(&self, stream: &TopicName, number: Option<&Text>) -> Result<(), KinesisError> {
        let Some(text) = number else { return Ok(()) };
        let now = self.backend.clock.now();
        let valid = match SequenceNumber::parse(text) {
            Some(number) => number.time() <= now,
            None => ForeignNumber::parse(text).is_some(),
        };
        if valid {
            return Ok(());
        }
        Err(KinesisError::InvalidArgument(format!(
            "ExclusiveMinimumSequenceNumber {} used in PutRecord on stream {stream} under account {} is invalid.",
            excerpt(text),
            self.account()
        )))
    }

    async fn find_or_create(&self, name: &TopicName) -> Result<Stream, KinesisError> {
        let settings = &self.backend.settings;
        let creates = self.creates_streams && self.caller.may(Right::Administer, name);
        let config = creates.then(|| settings.stream_config(settings.default_shards));
        let topic = append::topic_or_create(&self.backend.log, name, config).await;
        Stream::of(topic.map_err(|failure| self.error(name, failure))?)
    }

    /// Appends to the shards that are open; looks them up again where one was closed meanwhile.
    async fn store(&self, mut stream: Stream, records: Vec<Addressed>) -> Result<Attempt, KinesisError> {
        let mut lookups = 1;
        loop {
            let shards: Vec<Partition> =
                records.iter().map(|at| stream.shards.of_hash_key(|| at.hash_key()).0).collect();
            let placed = shards.iter().zip(&records).map(|(shard, at)| (*shard, at.record.clone())).collect();
            let appended = append::append(&self.backend.log, &self.metrics, stream.name().clone(), placed).await;
            if !matches!(appended, Err(LogError::PartitionClosed(_))) || lookups == MOST_LOOKUPS {
                return Ok(Attempt { stream, shards, appended });
            }
            lookups += 1;
            stream = self.stream(stream.name()).await?;
        }
    }

    fn all_rate_exceeded(&self, stream: &TopicName, shards: &[Partition]) -> PutRecordsReply {
        const CODE: &str = "ProvisionedThroughputExceededException";
        let records = shards.iter().map(|shard| {
            self.metrics.refuse(CODE);
            PutOutcome::Failed { error_code: CODE, error_message: self.rate_exceeded(stream, *shard) }
        });
        PutRecordsReply { failed_record_count: shards.len(), records: records.collect(), encryption_type: None }
    }
}

fn addressed(entry: PutEntry) -> Result<Addressed, KinesisError> {
    let key = Bytes::from(entry.partition_key.unwrap_or_default().0);
    let explicit_hash_key = entry.explicit_hash_key.map(|given| {
        hash_key(&given).ok_or_else(|| {
            KinesisError::InvalidArgument(format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {}",
                &*given
            ))
        })
    });
    let value = entry.data.map(|Blob(data)| data);
    Ok(Addressed {
        explicit_hash_key: explicit_hash_key.transpose()?,
        record: NewRecord { key: Some(key), value, ..NewRecord::default() },
    })
}

fn too_large(path: &str, size: usize, limit: usize, constraints: &mut Constraints) {
    let buffer = format!("java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]");
    constraints.broken(path, buffer, format_args!("Member must have length less than or equal to {limit}"));
}

fn place(stream: &Stream, at: &Appended) -> (String, String) {
    let created = stream.shards.created(at.partition);
    let number = SequenceNumber::of_record(created, at.partition, at.offset, at.timestamp);
    (number.to_string(), ShardId(at.partition).to_string())
}

fn encryption_type(stream: &Stream) -> Option<&'static str> {
    stream.encryption_key().map(|_| "KMS")
}
