//! An embedded log in a folder, opened and closed at will, with a topic `demo.pin`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pinflow_event::{ManualClock, NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};
use pinflow_log::{EmbeddedLog, EmbeddedOptions, EventLog, LogError, ReadLimit, TopicConfig};

use crate::faulty_disk::FaultyDisk;

pub const EVERYTHING: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

pub fn topic() -> TopicName {
    TopicName::new("demo.pin").unwrap()
}

pub fn at(partition: u32) -> TopicPartition {
    TopicPartition::new(topic(), Partition(partition))
}

pub fn kept_forever(partitions: u32) -> TopicConfig {
    TopicConfig { partitions, retention_age: None, ..TopicConfig::default() }
}

/// Opens a log with tiny segments on a disk that needs no time to sync.
pub fn open(folder: &Path) -> Result<EmbeddedLog, LogError> {
    open_on(folder, &Arc::default())
}

pub fn open_on(folder: &Path, disk: &Arc<FaultyDisk>) -> Result<EmbeddedLog, LogError> {
    open_with(EmbeddedOptions { segment_bytes: 1_000, ..options(folder, disk) })
}

pub fn options(folder: &Path, disk: &Arc<FaultyDisk>) -> EmbeddedOptions {
    EmbeddedOptions { disk: Arc::clone(disk) as _, ..EmbeddedOptions::new(folder) }
}

pub fn open_with(options: EmbeddedOptions) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(options, Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000))))
}

pub async fn append(log: &EmbeddedLog, values: &[&str]) -> Result<Offset, LogError> {
    let record = |value: &&str| (Partition(0), NewRecord::from_value(value.to_string()));
    Ok(log.append(&topic(), values.iter().map(record).collect()).await?[0].offset)
}

/// All values of a partition, from its earliest record on; panics where offsets have a gap.
pub async fn values(log: &EmbeddedLog, partition: u32) -> Vec<String> {
    let bounds = log.bounds(&at(partition)).await.unwrap();
    let records = log.read(&at(partition), bounds.earliest, EVERYTHING).await.unwrap();
    for (record, offset) in records.iter().zip(bounds.earliest.0..) {
        assert_eq!(record.offset, Offset(offset));
    }
    assert_eq!(bounds.earliest.plus(records.len() as u64), bounds.end);
    records.iter().map(value).collect()
}

pub fn value(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
}

/// The segment files of a partition, oldest first.
pub fn segments(folder: &Path, partition: u32) -> Vec<PathBuf> {
    let folder = folder.join("demo.pin").join(partition.to_string());
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<PathBuf> = names.filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
    names.sort();
    names
}
