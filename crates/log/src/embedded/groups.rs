//! What consumer groups have committed, on disk: a file a group, replaced whole by each commit.
//!
//! ```text
//! <folder>/~groups/<number>.json
//! ```
//!
//! - A group's name is any text, so it stands in the file; the file is named by a number.
//! - An entry counts while the topic with its id is there ([`Topic::id`](super::topic::Topic)). So deleting a topic needs no
//!   second step here that a crash could prevent, and a topic made anew begins without.
//! - Groups do not wait for each other, and who asks for committed offsets waits for no disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::durable_file;
use crate::{CommittedOffset, LogError};

const FOLDER: &str = "~groups";
const FORMAT: u32 = 1;

/// A committed offset, and the id of the topic that it was committed for.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) topic_id: u64,
    pub(crate) committed: CommittedOffset,
}

/// What a group has committed, also for topics that are gone.
pub(crate) type Entries = BTreeMap<TopicPartition, Entry>;

/// All groups of a log.
#[derive(Debug)]
pub(crate) struct Groups {
    root: PathBuf,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    known: Mutex<Known>,
    /// Whether the folder is there, durably.
    folder_made: Mutex<bool>,
    /// Held for reading while a file is changed.
    changing: RwLock<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<String, Arc<Group>>,
    newest_number: u64,
}

/// One group. Locks are taken in the order `turn`, `stored`; the latter is not held over a disk operation.
#[derive(Debug)]
struct Group {
    number: u64,
    /// Whose turn it is to change the file; whether the group was forgotten, and this is no longer the one with its name.
    turn: Mutex<bool>,
    /// What is on disk; `None` where nothing is.
    stored: RwLock<Option<Arc<Entries>>>,
}

/// A group's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    format: u32,
    group: String,
    offsets: Vec<OffsetLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OffsetLine {
    topic: TopicName,
    topic_id: u64,
    partition: Partition,
    offset: Offset,
    metadata: String,
}

impl Groups {
    /// Reads the groups of the log in `root`.
    pub(crate) fn open(root: &Path, disk: &Arc<dyn Disk>) -> Result<Self, LogError> {
        let folder = root.join(FOLDER);
        let folder_made = folder.is_dir();
        let mut known = Known::default();
        if folder_made {
            // What was committed just before a crash may be there in memory alone.
            disk.sync_folder(&folder).map_err(LogError::io("sync", &folder))?;
            for entry in fs::read_dir(&folder).map_err(LogError::io("list", &folder))? {
                let path = entry.map_err(LogError::io("list", &folder))?.path();
                let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
                let Some(number) = name.and_then(|name| name.parse().ok()) else { continue };
                let (group, entries) = read(&path)?;
                let stored = RwLock::new(Some(Arc::new(entries)));
                known.by_name.insert(group, Arc::new(Group { number, turn: Mutex::new(false), stored }));
                known.newest_number = known.newest_number.max(number);
            }
        }
        Ok(Self {
            root: root.to_owned(),
            folder,
            disk: Arc::clone(disk),
            known: Mutex::new(known),
            folder_made: Mutex::new(folder_made),
            changing: RwLock::new(()),
        })
    }

    /// The newest topic that an entry names.
    pub(crate) fn newest_topic_id(&self) -> Option<u64> {
        let groups: Vec<_> = self.known().by_name.values().cloned().collect();
        groups.iter().filter_map(|group| group.stored()?.values().map(|entry| entry.topic_id).max()).max()
    }

    /// Begins a change. The log does not close before the guard is dropped.
    pub(crate) fn begin_change(&self) -> impl Drop {
        self.changing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the changes that were begun have ended.
    pub(crate) fn settle(&self) {
        drop(self.changing.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The names of the groups that are there, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let known = self.known();
        let there = known.by_name.iter().filter(|(_, group)| group.stored().is_some());
        there.map(|(name, _)| name.clone()).collect()
    }

    /// What a group has committed.
    pub(crate) fn entries(&self, name: &str) -> Option<Arc<Entries>> {
        self.known().by_name.get(name)?.stored()
    }

    /// Adds to what a group has committed; durable once this returns. Entries that are not `alive` any more go.
    pub(crate) fn commit(
        &self,
        name: &str,
        added: Entries,
        alive: impl Fn(&TopicPartition, &Entry) -> bool,
    ) -> Result<(), LogError> {
        loop {
            let group = self.group(name);
            let forgotten = group.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if *forgotten {
                continue;
            }
            let mut entries = group.stored().map(|stored| (*stored).clone()).unwrap_or_default();
            entries.retain(|at, entry| alive(at, entry));
            entries.extend(added);
            self.make_folder()?;
            durable_file::replace(&self.folder, &group.file_name(), &encode(name, &entries), &*self.disk)?;
            group.store(Some(entries));
            return Ok(());
        }
    }

    /// Removes a group; durable once this returns.
    pub(crate) fn forget(&self, name: &str) -> Result<(), LogError> {
        let Some(group) = self.known().by_name.get(name).cloned() else { return Ok(()) };
        let mut forgotten = group.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if *forgotten {
            return Ok(());
        }
        let path = self.folder.join(group.file_name());
        if path.exists() {
            self.disk.remove(&path).map_err(LogError::io("remove", &path))?;
            self.disk.sync_folder(&self.folder).map_err(LogError::io("sync", &self.folder))?;
        }
        group.store(None);
        *forgotten = true;
        self.known().by_name.remove(name);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nothing panics while it holds the groups")
    }

    /// The group of that name, which is new where there was none.
    fn group(&self, name: &str) -> Arc<Group> {
        let mut known = self.known();
        if let Some(group) = known.by_name.get(name) {
            return Arc::clone(group);
        }
        known.newest_number += 1;
        let group = Group { number: known.newest_number, turn: Mutex::new(false), stored: RwLock::new(None) };
        let group = Arc::new(group);
        known.by_name.insert(name.to_owned(), Arc::clone(&group));
        group
    }

    fn make_folder(&self) -> Result<(), LogError> {
        let mut made = self.folder_made.lock().unwrap_or_else(PoisonError::into_inner);
        if !*made {
            if !self.folder.is_dir() {
                self.disk.create_folder(&self.folder).map_err(LogError::io("create", &self.folder))?;
            }
            self.disk.sync_folder(&self.root).map_err(LogError::io("sync", &self.root))?;
            *made = true;
        }
        Ok(())
    }
}

impl Group {
    fn file_name(&self) -> String {
        format!("{}.json", self.number)
    }

    fn stored(&self) -> Option<Arc<Entries>> {
        self.stored.read().expect("nothing panics while it holds the entries").clone()
    }

    fn store(&self, entries: Option<Entries>) {
        *self.stored.write().expect("nothing panics while it holds the entries") = entries.map(Arc::new);
    }
}

fn encode(group: &str, entries: &Entries) -> Vec<u8> {
    let line = |(at, Entry { topic_id, committed }): (&TopicPartition, &Entry)| OffsetLine {
        topic: at.topic.clone(),
        topic_id: *topic_id,
        partition: at.partition,
        offset: committed.offset,
        metadata: committed.metadata.clone(),
    };
    let file = GroupFile { format: FORMAT, group: group.to_owned(), offsets: entries.iter().map(line).collect() };
    serde_json::to_vec(&file).expect("the file has text and numbers alone")
}

fn read(path: &Path) -> Result<(String, Entries), LogError> {
    let json = fs::read(path).map_err(LogError::io("read", path))?;
    let file: GroupFile = serde_json::from_slice(&json).map_err(|why| LogError::corrupt(path, 0, why.to_string()))?;
    if file.format != FORMAT {
        let why = format!("it is in format {}, not in format {FORMAT}", file.format);
        return Err(LogError::corrupt(path, 0, why));
    }
    let entries = file.offsets.into_iter().map(|line| {
        let OffsetLine { topic, topic_id, partition, offset, metadata } = line;
        let committed = CommittedOffset { offset, metadata };
        (TopicPartition::new(topic, partition), Entry { topic_id, committed })
    });
    Ok((file.group, entries.collect()))
}
