//! Finds the objects of a partition, and joins them with the manifests that say what they hold.
//!
//! Objects are listed before manifests: an object of a group is written after its manifest, so that none is taken for one that stands
//! by itself.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, ObjectStore, ObjectStoreExt};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use crate::fetch::unreadable;
use crate::layout::{
    Listed, Offsets, Strangers, TopicFolder, classify, classify_below, is_hidden, is_manifest, manifest_folder,
    name_prefix, parse_name, partition_in_name, topic_folder, topic_subfolder,
};
use crate::manifest::Manifest;
use crate::{ArchiveError, ArchiveObject};

/// Starts below this are written with a leading zero, and then every later object's name sorts behind theirs as text, however many
/// digits it has.
pub(crate) const SORTED_BELOW: Offset = Offset(1_000_000_000);

/// Manifests that are read side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// The objects of a partition, and what is wrong with them as far as their names tell.
#[derive(Clone, Debug, Default)]
pub struct ObjectListing {
    /// The objects, by the offset that they begin with; those of a group one behind the other.
    pub objects: Vec<ArchiveObject>,
    /// Where two objects begin with the same offset ([`ArchiveError::Repeated`]), or one cannot be read
    /// ([`ArchiveError::UnknownKind`], [`ArchiveError::Folder`]), by that offset.
    pub faults: Vec<(Offset, ArchiveError)>,
    /// What stands beside them and is not read.
    pub strangers: Strangers,
    /// The objects that begin before the offset that was asked for, where the names of all are known.
    pub older: Option<Vec<(Offset, String)>>,
}

/// What stands below a topic's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The partitions that have a folder or an object, in order.
    pub partitions: Vec<Partition>,
    /// What stands beside their folders, or in those of no single partition, and is not read.
    pub strangers: Strangers,
}

/// All that the archive has of a partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionListing {
    pub objects: Vec<ArchiveObject>,
    unknown: Vec<(Offset, Path)>,
    folders: Vec<(Offset, Path)>,
    strangers: Strangers,
    /// Whether objects of any offset were listed.
    is_whole: bool,
    /// The objects that are there of unfinished groups.
    set_aside: Vec<ArchiveObject>,
    /// Groups at the end that are not wholly there, in order.
    pub unfinished: Vec<UnfinishedGroup>,
}

/// A group that its writer did not finish yet.
#[derive(Debug)]
pub(crate) struct UnfinishedGroup {
    pub manifest: Manifest,
    /// The numbers of the objects that are missing.
    pub missing: Vec<usize>,
}

/// Where to look.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub store: Arc<dyn ObjectStore>,
    /// The folder that the store is, where it is a local one.
    pub folder: Option<PathBuf>,
}

impl Places {
    /// The partitions of `topic`, and what is no partition's.
    pub async fn survey(&self, topic: &TopicName) -> Result<Survey, ArchiveError> {
        let Survey { mut partitions, mut strangers } = Survey::default();
        let (place, below) = (topic_folder(topic), self.below(topic).await?);
        let depth = place.parts().count();
        let mut add_stranger = |path: Path| {
            if !path.parts().skip(depth).any(|name| is_hidden(name.as_ref())) {
                strangers.add(path);
            }
        };
        below.objects.into_iter().for_each(|meta| add_stranger(meta.location));
        for folder in below.common_prefixes {
            match topic_subfolder(&folder) {
                TopicFolder::Partition(partition) => partitions.push(partition),
                TopicFolder::Partitioned => {
                    let mut listed = self.store.list(Some(&folder));
                    while let Some(meta) = listed.try_next().await.map_err(ArchiveError::store("list", &folder))? {
                        match partition_in_name(topic, &meta.location) {
                            Some(partition) => partitions.push(partition),
                            None => add_stranger(meta.location),
                        }
                    }
                }
                TopicFolder::Other => {}
            }
        }
        partitions.sort_unstable();
        partitions.dedup();
        Ok(Survey { partitions, strangers })
    }

    /// What the archive has of `at` that begins at `from` or later, and maybe some of what is older. Without `sizes` those of local
    /// objects are 0, which saves a look at each file.
    pub async fn list(&self, at: &TopicPartition, from: Offset, sizes: bool) -> Result<PartitionListing, ArchiveError> {
        let mut listing = PartitionListing { is_whole: true, ..PartitionListing::default() };
        let prefix = name_prefix(at);
        for (folder, own) in self.folders_of(at).await? {
            match &self.folder {
                Some(local) if own && !sizes => self.list_names(at, &folder, local, &mut listing).await?,
                _ => {
                    listing.is_whole &= !own || from == Offset::ZERO;
                    let depth = folder.parts().count();
                    let mut listed = self.metas(at, &folder, own, from);
                    while let Some(ObjectMeta { location, size, .. }) =
                        listed.try_next().await.map_err(ArchiveError::store("list", &folder))?
                    {
                        match own {
                            true => listing.add(classify_below(&prefix, depth, location, size)),
                            // What is of no partition is counted once, by the survey.
                            false if parse_name(&prefix, &location).is_none() => {}
                            false => listing.add(classify(&prefix, location, size)),
                        }
                    }
                }
            }
        }
        let manifests = self.manifests(at).await?;
        listing.join(manifests);
        Ok(listing)
    }

    async fn below(&self, topic: &TopicName) -> Result<ListResult, ArchiveError> {
        let folder = topic_folder(topic);
        let listed = self.store.list_with_delimiter(Some(&folder)).await;
        listed.map_err(ArchiveError::store("list", &folder))
    }

    /// The folders that may hold objects of `at`, and whether a folder is the partition's own.
    pub async fn folders_of(&self, at: &TopicPartition) -> Result<Vec<(Path, bool)>, ArchiveError> {
        let own = |folder: Path| match topic_subfolder(&folder) {
            TopicFolder::Partition(partition) => (partition == at.partition).then_some((folder, true)),
            TopicFolder::Partitioned => Some((folder, false)),
            TopicFolder::Other => None,
        };
        Ok(self.below(&at.topic).await?.common_prefixes.into_iter().filter_map(own).collect())
    }

    /// The listing of a folder and all below it, in a partition's own as far as it may hold objects that begin at `from` or later.
    pub fn metas(
        &self,
        at: &TopicPartition,
        folder: &Path,
        own: bool,
        from: Offset,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        if !own {
            return self.store.list(Some(folder));
        }
        if from == Offset::ZERO || from >= SORTED_BELOW {
            self.store.list(Some(folder))
        } else {
            // No object has this name: the first one that is wanted begins with it.
            let name = format!("{}{:010}", name_prefix(at), from.0);
            self.store.list_with_offset(Some(folder), &folder.clone().join(name))
        }
    }

    /// The files of a local folder by their names alone.
    async fn list_names(
        &self,
        at: &TopicPartition,
        folder: &Path,
        local: &std::path::Path,
        listing: &mut PartitionListing,
    ) -> Result<(), ArchiveError> {
        let (prefix, place) = (name_prefix(at), folder.clone());
        let read = local.join(folder.as_ref());
        let listed = tokio::task::spawn_blocking(move || names(&read, &place, &prefix)).await;
        let listed =
            listed.expect("listing a folder does not panic").map_err(|error| unreadable("list", folder, error))?;
        listed.into_iter().for_each(|listed| listing.add(listed));
        Ok(())
    }

    async fn manifests(&self, at: &TopicPartition) -> Result<Vec<Manifest>, ArchiveError> {
        let folder = manifest_folder(&at.topic);
        let listed = self.store.list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(ArchiveError::store("list", &folder))?.objects;
        let paths = listed.into_iter().map(|meta| meta.location).filter(|path| is_manifest(at, path));
        let read = stream::iter(paths).map(|path| async move {
            let content = async { self.store.get(&path).await?.bytes().await };
            let content = content.await.map_err(ArchiveError::store("read", &path))?;
            Manifest::parse(at, &path, &content)
        });
        let mut manifests: Vec<Manifest> = read.buffered(MANIFESTS_AT_ONCE).try_collect().await?;
        manifests.sort_unstable_by_key(|manifest| manifest.group.start);
        Ok(manifests)
    }
}

/// What the files directly in `folder` are, which the store knows as `place`.
fn names(folder: &std::path::Path, place: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listed),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Files that are being written: the store does not list them either.
        if name.contains('#') {
            continue;
        }
        let path = place.clone().join(&*name);
        // A link is followed as the store does: it may lead to a file.
        listed.push(match (entry.file_type()?.is_dir(), parse_name(prefix, &path)) {
            (true, Some((start, _))) => Listed::Folder(start, path),
            _ => classify(prefix, path, 0),
        });
    }
    Ok(listed)
}

impl PartitionListing {
    fn add(&mut self, listed: Listed) {
        match listed {
            Listed::Object(object) => self.objects.push(object),
            Listed::UnknownKind(start, path) => self.unknown.push((start, path)),
            Listed::Folder(start, path) => self.folders.push((start, path)),
            Listed::Stranger(path) => self.strangers.add(path),
            Listed::Other => {}
        }
    }

    /// Tells the objects which offsets they have, and takes out groups that are under way.
    fn join(&mut self, manifests: Vec<Manifest>) {
        let by_path: HashMap<&Path, usize> = match manifests.is_empty() {
            true => HashMap::new(),
            false => self.objects.iter().enumerate().map(|(number, object)| (&object.path, number)).collect(),
        };
        let found: Vec<Vec<Option<usize>>> = manifests
            .iter()
            .map(|manifest| manifest.objects.iter().map(|object| by_path.get(&object.path).copied()).collect())
            .collect();
        for (manifest, found) in manifests.iter().zip(&found) {
            for (object, number) in manifest.objects.iter().zip(found) {
                if let Some(number) = number {
                    let (group, runs) = (manifest.group.clone(), Arc::clone(&object.runs));
                    self.objects[*number].offsets = Offsets::Listed { group, runs };
                }
            }
        }
        self.objects.sort_unstable_by(|a, b| {
            (a.group_start(), a.start, a.kind, &a.path).cmp(&(b.group_start(), b.start, b.kind, &b.path))
        });
        for (manifest, found) in manifests.into_iter().zip(found).rev() {
            let missing: Vec<usize> = (0..found.len()).filter(|number| found[*number].is_none()).collect();
            let is_last = self.objects.last().is_none_or(|object| object.group_start() <= manifest.group.start);
            if missing.is_empty() || !is_last {
                break;
            }
            let of_group =
                |object: &mut ArchiveObject| object.group_start() == manifest.group.start && object.is_listed();
            self.set_aside.extend(self.objects.extract_if(.., of_group));
            self.unfinished.insert(0, UnfinishedGroup { manifest, missing });
        }
    }

    /// What may hold offsets from `from` on, and what is wrong there.
    pub fn from(self, from: Offset) -> ObjectListing {
        let Self { mut objects, unknown, folders, strangers, is_whole, set_aside, .. } = self;
        let older = is_whole.then(|| {
            let older = objects.iter().chain(&set_aside).filter(|object| object.start < from);
            older.map(|object| (object.start, object.path.to_string())).collect()
        });
        let starts = objects.iter().map(ArchiveObject::group_start);
        let first = starts.take_while(|start| *start <= from).last().unwrap_or_default();
        objects.retain(|object| object.group_start() >= first);
        let same_start = objects.windows(2).filter(|pair| pair[0].start == pair[1].start);
        let repeated = same_start.map(|pair| (pair[0].start, repeated(pair)));
        let no_object = no_objects(unknown, folders).filter(|(start, _)| *start >= from);
        let mut faults: Vec<(Offset, ArchiveError)> = no_object.chain(repeated).collect();
        faults.sort_by_key(|(start, _)| *start);
        ObjectListing { objects, faults, strangers, older }
    }

    /// The object at the end; none where there is none at all.
    ///
    /// # Errors
    /// Where it is not the only one there, or cannot be read.
    pub fn newest(self) -> Result<Option<ArchiveObject>, ArchiveError> {
        let Self { mut objects, unknown, folders, .. } = self;
        if let Some(pair) = objects.last_chunk::<2>().filter(|pair| pair[0].start == pair[1].start) {
            return Err(repeated(pair));
        }
        let newest = objects.pop();
        let begin = newest.as_ref().map_or(Offset::ZERO, ArchiveObject::group_start);
        match no_objects(unknown, folders).find(|(start, _)| *start >= begin) {
            Some((_, fault)) => Err(fault),
            None => Ok(newest),
        }
    }
}

/// That two objects begin with the same offset.
fn repeated(pair: &[ArchiveObject]) -> ArchiveError {
    ArchiveError::Repeated { path: pair[1].path.clone(), end: pair[0].start.plus(1) }
}

/// What stands in the place of objects, by the offset that they would begin with.
fn no_objects(
    unknown: Vec<(Offset, Path)>,
    mut folders: Vec<(Offset, Path)>,
) -> impl Iterator<Item = (Offset, ArchiveError)> {
    // A store lists a folder by each object in it.
    folders.dedup();
    let unknown = unknown.into_iter().map(|(start, path)| (start, ArchiveError::UnknownKind { path }));
    unknown.chain(folders.into_iter().map(|(start, path)| (start, ArchiveError::Folder { path })))
}
