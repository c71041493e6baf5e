//! PutRecord and PutRecords.

use bytes::Bytes;
use pinflow_event::{NewRecord, Partition, TopicName};
use pinflow_log::{Appended, LogError, TopicDescription};
use serde::Serialize;

use super::constraint::Constraints;
use super::sequence_number::SequenceNumber;
use super::shard::{ShardId, shard_of_key};
use super::{Kinesis, KinesisError, stream_name};
use crate::append;

/// The longest partition key, in characters.
const LONGEST_KEY: usize = 256;

/// A record of a request, as the client gave it.
#[derive(Debug, Default)]
pub(crate) struct PutEntry {
    /// The event.
    pub(crate) data: Option<Bytes>,
    /// What decides the shard.
    pub(crate) partition_key: Option<String>,
}

/// Where a record is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Placed {
    sequence_number: String,
    shard_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRecordsReply {
    failed_record_count: usize,
    records: Vec<PutOutcome>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PutOutcome {
    Placed(Placed),
    #[serde(rename_all = "PascalCase")]
    Failed {
        error_code: &'static str,
        error_message: String,
    },
}

/// Checked records with their shards.
type Routed = Vec<(Partition, NewRecord)>;

impl Kinesis {
    /// Stores one record.
    ///
    /// # Errors
    /// [`KinesisError`], with nothing stored.
    pub(crate) async fn put_record(&self, stream: &str, entry: PutEntry) -> Result<Placed, KinesisError> {
        let mut constraints = Constraints::default();
        self.check_entry(&entry, "", &mut constraints);
        let stream = stream_name::note(stream, &mut constraints);
        constraints.check()?;
        let (topic, records) = self.route(stream.expect(stream_name::CHECKED), vec![entry]).await?;
        let shards: Vec<Partition> = records.iter().map(|(shard, _)| *shard).collect();
        let appended = append::append(&self.backend.log, &self.metrics, topic.name.clone(), records).await;
        match appended {
            Ok(appended) => appended
                .first()
                .map(|at| placed(&topic, at))
                .ok_or_else(|| KinesisError::ServiceUnavailable("the log did not say where the record is".to_owned())),
            Err(LogError::Overloaded { retry_after, .. }) => Err(KinesisError::ProvisionedThroughputExceeded {
                message: self.rate_exceeded(&topic.name, shards.first().copied().unwrap_or_default()),
                retry_after,
            }),
            Err(failure) => Err(self.error(&topic.name, failure)),
        }
    }

    /// Stores records in their order. Those that the log cannot take now fail alone; one that breaks a constraint fails all.
    ///
    /// # Errors
    /// [`KinesisError`], with nothing stored.
    pub(crate) async fn put_records(
        &self,
        stream: &str,
        entries: Option<Vec<PutEntry>>,
    ) -> Result<PutRecordsReply, KinesisError> {
        let mut constraints = Constraints::default();
        constraints.not_null(entries.as_ref(), "records");
        let entries = self.check_entries(entries, &mut constraints);
        let stream = stream_name::note(stream, &mut constraints);
        constraints.check()?;
        let (topic, records) = self.route(stream.expect(stream_name::CHECKED), entries).await?;
        let shards: Vec<Partition> = records.iter().map(|(shard, _)| *shard).collect();
        match append::append(&self.backend.log, &self.metrics, topic.name.clone(), records).await {
            Ok(appended) => {
                let records = appended.iter().map(|at| PutOutcome::Placed(placed(&topic, at))).collect();
                Ok(PutRecordsReply { failed_record_count: 0, records })
            }
            Err(LogError::Overloaded { .. }) => Ok(self.all_rate_exceeded(&topic.name, &shards)),
            Err(failure) => Err(self.error(&topic.name, failure)),
        }
    }

    fn check_entries(&self, entries: Option<Vec<PutEntry>>, constraints: &mut Constraints) -> Vec<PutEntry> {
        let Some(entries) = entries else { return Vec::new() };
        let most = self.backend.settings.max_put_records;
        if entries.is_empty() {
            constraints.broken("[]", "records", "Member must have length greater than or equal to 1");
        } else if entries.len() > most {
            let given = format!("[{} records]", entries.len());
            constraints.broken(given, "records", format_args!("Member must have length less than or equal to {most}"));
        }
        for (index, entry) in entries.iter().enumerate() {
            self.check_entry(entry, &format!("records.{}.member.", index + 1), constraints);
        }
        entries
    }

    fn check_entry(&self, entry: &PutEntry, prefix: &str, constraints: &mut Constraints) {
        // A key that is absent is empty: so the request templates of API Gateway have it.
        let key = entry.partition_key.as_deref().unwrap_or_default();
        constraints.length(key, &format!("{prefix}partitionKey"), 1, LONGEST_KEY);
        let path = format!("{prefix}data");
        constraints.not_null(entry.data.as_ref(), &path);
        let limit = self.backend.settings.max_record_bytes;
        let size = entry.data.as_ref().map_or(0, Bytes::len);
        if size + key.len() > limit {
            let buffer = format!("java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]");
            constraints.broken(buffer, &path, format_args!("Member must have length less than or equal to {limit}"));
        }
    }

    /// Finds the stream, or makes it, and the shard of each record.
    async fn route(
        &self,
        stream: TopicName,
        entries: Vec<PutEntry>,
    ) -> Result<(TopicDescription, Routed), KinesisError> {
        let settings = &self.backend.settings;
        let config = settings.auto_create_streams.then(|| settings.topic_config(settings.default_shards));
        let topic = append::topic_or_create(&self.backend.log, &stream, config).await;
        let topic = topic.map_err(|failure| self.error(&stream, failure))?;
        let records = entries
            .into_iter()
            .map(|PutEntry { data, partition_key }| {
                let key = partition_key.unwrap_or_default();
                let ShardId(shard) = shard_of_key(&key, topic.config.partitions);
                (shard, NewRecord { key: Some(key.into()), value: data, ..NewRecord::default() })
            })
            .collect();
        Ok((topic, records))
    }

    fn all_rate_exceeded(&self, stream: &TopicName, shards: &[Partition]) -> PutRecordsReply {
        const CODE: &str = "ProvisionedThroughputExceededException";
        let records = shards
            .iter()
            .map(|shard| {
                self.metrics.refuse(CODE);
                PutOutcome::Failed { error_code: CODE, error_message: self.rate_exceeded(stream, *shard) }
            })
            .collect();
        PutRecordsReply { failed_record_count: shards.len(), records }
    }

    fn rate_exceeded(&self, stream: &TopicName, shard: Partition) -> String {
        format!("Rate exceeded for shard {} in stream {stream} under account {}.", ShardId(shard), self.account())
    }
}

fn placed(topic: &TopicDescription, at: &Appended) -> Placed {
    Placed {
        sequence_number: SequenceNumber::of_record(topic.created, at.partition, at.offset, at.timestamp).to_string(),
        shard_id: ShardId(at.partition).to_string(),
    }
}
