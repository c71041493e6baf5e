//! A topic on disk: a folder with `topic.json` and one folder a partition.
//!
//! A topic appears and disappears by one rename, so that a crash leaves no half of it. What is being made or removed has
//! a name with `~`, which no topic has; leftovers are removed at the next start.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pinflow_event::{Offset, Partition as PartitionNumber, Timestamp, TopicName, TopicPartition};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::partition::Partition;
use super::recovery::{self, Recovered, recover};
use super::retention::write_file;
use super::segment::file_name;
use crate::{LogError, TopicConfig, TopicDescription};

const TOPIC_FILE: &str = "topic.json";
const FORMAT: u32 = 1;

/// A topic that is open.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) description: TopicDescription,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// The partition with this number.
    pub(crate) fn partition(&self, number: PartitionNumber) -> Result<&Arc<Partition>, LogError> {
        self.partitions.get(number.0 as usize).ok_or_else(|| LogError::UnknownPartition {
            at: TopicPartition::new(self.description.name.clone(), number),
            partitions: self.description.config.partitions,
        })
    }

    /// Ends all partitions; whoever waits gets `why`.
    pub(crate) fn finish(&self, why: &LogError) {
        self.partitions.iter().for_each(|partition| partition.finish(why));
    }
}

/// `topic.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicFile {
    format: u32,
    name: TopicName,
    partitions: u32,
    retention_ms: Option<u64>,
    retention_bytes: Option<u64>,
    created_ms: Timestamp,
}

/// The data folder, where topics are made, found and removed.
#[derive(Debug)]
pub(crate) struct TopicFolder<'a> {
    pub(crate) root: &'a Path,
    pub(crate) disk: &'a Arc<dyn Disk>,
}

impl TopicFolder<'_> {
    /// Makes a topic without records. `number` is one that no other call had; partitions get ids from `next_id`.
    pub(crate) fn create(
        &self,
        description: TopicDescription,
        number: u64,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Topic, LogError> {
        let draft = self.root.join(format!("~creating-{number}"));
        self.disk.create_folder(&draft).map_err(LogError::io("create", &draft))?;
        let folder = self.root.join(description.name.as_str());
        let made = self.fill(&draft, &description).and_then(|()| {
            self.disk.rename(&draft, &folder).map_err(LogError::io("rename", &draft))?;
            self.disk.sync_folder(self.root).map_err(LogError::io("sync", self.root))
        });
        if let Err(error) = made {
            // At the next start the leftover is removed, if not now.
            let _ = self.disk.remove_folder(&draft);
            return Err(error);
        }
        self.open_partitions(description, next_id, |folder| Ok(recovery::fresh(folder)))
    }

    fn fill(&self, draft: &Path, description: &TopicDescription) -> Result<(), LogError> {
        for number in 0..description.config.partitions {
            let folder = draft.join(number.to_string());
            self.disk.create_folder(&folder).map_err(LogError::io("create", &folder))?;
            let segment = folder.join(file_name(Offset::ZERO));
            self.disk.create(&segment).map_err(LogError::io("create", &segment))?;
            self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
        }
        let TopicConfig { partitions, retention_age, retention_bytes, .. } = description.config;
        let file = TopicFile {
            format: FORMAT,
            name: description.name.clone(),
            partitions,
            retention_ms: retention_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            retention_bytes,
            created_ms: description.created,
        };
        let json = serde_json::to_vec_pretty(&file).expect("the file has text keys and numbers alone");
        write_file(&draft.join(TOPIC_FILE), &json, &**self.disk)?;
        self.disk.sync_folder(draft).map_err(LogError::io("sync", draft))
    }

    /// Removes a topic's folder. Once this has begun, the topic is gone, whether it ends or not.
    pub(crate) fn remove(&self, topic: &TopicName, number: u64) -> Result<(), LogError> {
        let folder = self.root.join(topic.as_str());
        let condemned = self.root.join(format!("~deleted-{number}"));
        self.disk.rename(&folder, &condemned).map_err(LogError::io("rename", &folder))?;
        self.disk.sync_folder(self.root).map_err(LogError::io("sync", self.root))?;
        self.disk.remove_folder(&condemned).map_err(LogError::io("remove", &condemned))
    }

    /// Opens all topics that are there, after removing what was being made or removed.
    pub(crate) fn open_all(
        &self,
        verify: bool,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<BTreeMap<TopicName, Arc<Topic>>, LogError> {
        let mut topics = BTreeMap::new();
        for entry in fs::read_dir(self.root).map_err(LogError::io("list", self.root))? {
            let path = entry.map_err(LogError::io("list", self.root))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) else {
                continue;
            };
            if name.starts_with("~creating-") || name.starts_with("~deleted-") {
                self.disk.remove_folder(&path).map_err(LogError::io("remove", &path))?;
                continue;
            }
            // Other folders, such as `lost+found`, are not ours.
            let Ok(name) = TopicName::new(name) else { continue };
            let topic = self.open(&path, name.clone(), verify, next_id)?;
            topics.insert(name, Arc::new(topic));
        }
        // A topic that was made just before a crash may have its name in memory alone.
        self.disk.sync_folder(self.root).map_err(LogError::io("sync", self.root))?;
        Ok(topics)
    }

    fn open(
        &self,
        folder: &Path,
        name: TopicName,
        verify: bool,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Topic, LogError> {
        let path = folder.join(TOPIC_FILE);
        let json = fs::read(&path).map_err(LogError::io("read", &path))?;
        let file: TopicFile =
            serde_json::from_slice(&json).map_err(|why| LogError::corrupt(&path, 0, why.to_string()))?;
        if file.format != FORMAT || file.name != name {
            let why = format!(
                "it describes topic `{}` in format {}, not `{name}` in format {FORMAT}",
                file.name, file.format
            );
            return Err(LogError::corrupt(&path, 0, why));
        }
        let config = TopicConfig {
            partitions: file.partitions,
            retention_age: file.retention_ms.map(Duration::from_millis),
            retention_bytes: file.retention_bytes,
            ..TopicConfig::default()
        };
        let description = TopicDescription { name, config, created: file.created_ms };
        self.open_partitions(description, next_id, |folder| recover(folder, &**self.disk, verify))
    }

    fn open_partitions(
        &self,
        description: TopicDescription,
        next_id: &mut dyn FnMut() -> u64,
        mut find: impl FnMut(&Path) -> Result<Recovered, LogError>,
    ) -> Result<Topic, LogError> {
        let mut partitions = Vec::with_capacity(description.config.partitions as usize);
        for number in 0..description.config.partitions {
            let folder = self.root.join(description.name.as_str()).join(number.to_string());
            let found = find(&folder)?;
            let at = TopicPartition::new(description.name.clone(), PartitionNumber(number));
            partitions.push(Arc::new(Partition::new(at, folder, next_id(), Arc::clone(self.disk), found)));
        }
        Ok(Topic { description, partitions })
    }
}
