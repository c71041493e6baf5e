//! `topic.json`: how a topic is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use pinflow_event::{Partition, Timestamp, TopicName};
use serde::{Deserialize, Serialize};

use crate::{LogError, TopicConfig, TopicDescription};

/// The file's name in the topic's folder.
pub(crate) const TOPIC_FILE: &str = "topic.json";
const FORMAT: u32 = 1;

/// What the file says. Fields with a default were added later; a file that needs none of them is as the first release wrote it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicFile {
    format: u32,
    name: TopicName,
    #[serde(default)]
    id: u64,
    partitions: u32,
    retention_ms: Option<u64>,
    retention_bytes: Option<u64>,
    created_ms: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    closed: BTreeSet<Partition>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, String>,
}

/// The file of a topic.
pub(crate) fn encode(id: u64, description: &TopicDescription) -> Vec<u8> {
    let TopicDescription { name, config, created } = description.clone();
    let file = TopicFile {
        format: FORMAT,
        name,
        id,
        partitions: config.partitions,
        retention_ms: config.retention_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        retention_bytes: config.retention_bytes,
        created_ms: created,
        closed: config.closed,
        properties: config.properties,
    };
    serde_json::to_vec_pretty(&file).expect("the file has text keys, text and numbers alone")
}

/// Reads the file of the topic `name` in `folder`: the topic's id, and how it is kept.
pub(crate) fn read(folder: &Path, name: &TopicName) -> Result<(u64, TopicDescription), LogError> {
    let path = folder.join(TOPIC_FILE);
    let json = fs::read(&path).map_err(LogError::io("read", &path))?;
    let corrupt = |why: String| LogError::corrupt(&path, 0, why);
    let file: TopicFile = serde_json::from_slice(&json).map_err(|why| corrupt(why.to_string()))?;
    if file.format != FORMAT || file.name != *name {
        return Err(corrupt(format!(
            "it describes topic `{}` in format {}, not `{name}` in format {FORMAT}",
            file.name, file.format
        )));
    }
    if let Some(closed) = file.closed.last().filter(|closed| closed.0 >= file.partitions) {
        return Err(corrupt(format!("it calls partition {closed} closed and has {} partitions", file.partitions)));
    }
    let config = TopicConfig {
        partitions: file.partitions,
        retention_age: file.retention_ms.map(Duration::from_millis),
        retention_bytes: file.retention_bytes,
        closed: file.closed,
        properties: file.properties,
    };
    Ok((file.id, TopicDescription { name: file.name, config, created: file.created_ms }))
}
