//! A topic on disk: a folder with `topic.json` and one folder a partition.
//!
//! A topic appears and disappears by one rename, so that a crash leaves no half of it. What is being made or removed has
//! a name with `~`, which no topic has; leftovers are removed at the next start. A topic changes by one rename too, that of
//! a new `topic.json`; the partitions that it adds are made before, and are removed at the next start where it does not name them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use pinflow_event::{Offset, Partition as PartitionNumber, TopicName, TopicPartition};

use super::disk::Disk;
use super::durable_file;
use super::partition::Partition;
use super::recovery::{self, Recovered, recover};
use super::segment::file_name;
use super::topic::Topic;
use super::topic_file::{self, TOPIC_FILE};
use crate::{LogError, TopicDescription};

/// The data folder, where topics are made, found, changed and removed. Partitions get ids from `next_id`.
#[derive(Debug)]
pub(crate) struct TopicFolder<'a> {
    pub(crate) root: &'a Path,
    pub(crate) disk: &'a Arc<dyn Disk>,
}

impl TopicFolder<'_> {
    /// Makes a topic without records. `number` is one that no other call had.
    pub(crate) fn create(
        &self,
        id: u64,
        description: TopicDescription,
        number: u64,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Topic, LogError> {
        let draft = self.root.join(format!("~creating-{number}"));
        self.disk.create_folder(&draft).map_err(LogError::io("create", &draft))?;
        let folder = self.root.join(description.name.as_str());
        let made = self.fill(&draft, id, &description).and_then(|()| {
            self.disk.rename(&draft, &folder).map_err(LogError::io("rename", &draft))?;
            self.disk.sync_folder(self.root).map_err(LogError::io("sync", self.root))
        });
        if let Err(error) = made {
            // At the next start the leftover is removed, if not now.
            let _ = self.disk.remove_folder(&draft);
            return Err(error);
        }
        let numbers = 0..description.config.partitions;
        let partitions =
            self.open_partitions(&description.name, numbers, next_id, |folder| Ok(recovery::fresh(folder)))?;
        Ok(Topic::new(id, description, partitions))
    }

    fn fill(&self, draft: &Path, id: u64, description: &TopicDescription) -> Result<(), LogError> {
        for number in 0..description.config.partitions {
            self.make_partition(&draft.join(number.to_string()))?;
        }
        durable_file::write(&draft.join(TOPIC_FILE), &topic_file::encode(id, description), &**self.disk)?;
        self.disk.sync_folder(draft).map_err(LogError::io("sync", draft))
    }

    /// Makes a partition's folder with its first segment. What an earlier try left of it is taken over: nothing was written there.
    fn make_partition(&self, folder: &Path) -> Result<(), LogError> {
        if !folder.is_dir() {
            self.disk.create_folder(folder).map_err(LogError::io("create", folder))?;
        }
        let segment = folder.join(file_name(Offset::ZERO));
        if !segment.exists() {
            self.disk.create(&segment).map_err(LogError::io("create", &segment))?;
        }
        self.disk.sync_folder(folder).map_err(LogError::io("sync", folder))
    }

    /// Makes `topic` as `description` says: durable once this returns. After a failure the old description holds; after a
    /// crash that follows it may be the new one.
    pub(crate) fn alter(
        &self,
        topic: &Topic,
        description: TopicDescription,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Topic, LogError> {
        let folder = self.root.join(description.name.as_str());
        let added = topic.description.config.partitions..description.config.partitions;
        for number in added.clone() {
            self.make_partition(&folder.join(number.to_string()))?;
        }
        if !added.is_empty() {
            self.disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
        }
        durable_file::replace(&folder, TOPIC_FILE, &topic_file::encode(topic.id, &description), &**self.disk)?;
        let added = self.open_partitions(&description.name, added, next_id, |folder| Ok(recovery::fresh(folder)))?;
        added.iter().for_each(|partition| partition.take_readers_of(&topic.partitions));
        let partitions = topic.partitions.iter().cloned().chain(added).collect();
        Ok(Topic::new(topic.id, description, partitions))
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
        let (id, description) = topic_file::read(folder, &name)?;
        self.remove_leftovers(folder, &description)?;
        // A `topic.json` that took its place just before a crash may have it in memory alone.
        self.disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
        let find = |folder: &Path| recover(folder, &**self.disk, verify);
        let partitions = self.open_partitions(&name, 0..description.config.partitions, next_id, find)?;
        Ok(Topic::new(id, description, partitions))
    }

    /// Removes partitions that were made for a change that did not come about.
    fn remove_leftovers(&self, folder: &Path, description: &TopicDescription) -> Result<(), LogError> {
        for entry in fs::read_dir(folder).map_err(LogError::io("list", folder))? {
            let path = entry.map_err(LogError::io("list", folder))?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            let Some(number) = number.filter(|number| *number >= description.config.partitions) else { continue };
            if holds_bytes(&path)? {
                let partitions = description.config.partitions;
                let why = format!("it has {partitions} partitions, but there are records of partition {number}");
                return Err(LogError::corrupt(&folder.join(TOPIC_FILE), 0, why));
            }
            self.disk.remove_folder(&path).map_err(LogError::io("remove", &path))?;
        }
        Ok(())
    }

    fn open_partitions(
        &self,
        topic: &TopicName,
        numbers: std::ops::Range<u32>,
        next_id: &mut dyn FnMut() -> u64,
        mut find: impl FnMut(&Path) -> Result<Recovered, LogError>,
    ) -> Result<Vec<Arc<Partition>>, LogError> {
        let mut partitions = Vec::with_capacity(numbers.len());
        for number in numbers {
            let folder = self.root.join(topic.as_str()).join(number.to_string());
            let found = find(&folder)?;
            let at = TopicPartition::new(topic.clone(), PartitionNumber(number));
            partitions.push(Arc::new(Partition::new(at, folder, next_id(), Arc::clone(self.disk), found)));
        }
        Ok(partitions)
    }
}

/// Whether any file of the folder has bytes in it.
fn holds_bytes(folder: &Path) -> Result<bool, LogError> {
    for entry in fs::read_dir(folder).map_err(LogError::io("list", folder))? {
        let length = entry.and_then(|entry| entry.metadata()).map_err(LogError::io("list", folder))?.len();
        if length > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
