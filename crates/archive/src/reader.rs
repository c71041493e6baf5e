//! Finds and reads objects: ours, the connector's, and those that a human wrote in the same layout.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Buf;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use crate::fetch::{Fetch, unpack, unreadable};
use crate::layout::{Listed, classify, partition_folder, partition_of, topic_folder};
use crate::{ArchiveError, ArchiveObject, ArchivedRecords, Packing, ReadSettings, RecordBatches};

/// Reads an archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArchiveReader {
    store: Arc<dyn ObjectStore>,
    /// The folder that the store is, where it is a local one: its files are read without a detour.
    folder: Option<PathBuf>,
}

/// The objects of a partition, and what is wrong with them as far as their names tell.
#[derive(Clone, Debug, Default)]
pub struct ObjectListing {
    /// The objects, by the offset that they begin with.
    pub objects: Vec<ArchiveObject>,
    /// Objects that begin with the same offset ([`ArchiveError::Repeated`]) or cannot be read ([`ArchiveError::UnknownKind`]).
    pub faults: Vec<ArchiveError>,
}

/// How far the archive of a partition goes, and how much it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveExtent {
    /// The offset after the last archived record.
    pub end: Offset,
    /// The objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl ArchiveReader {
    /// A reader of the archive in `store`, whose root holds the folder `topics`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    /// A reader of the archive in `store`, which keeps each object as the file of its name below `folder`.
    pub fn local(store: Arc<dyn ObjectStore>, folder: PathBuf) -> Self {
        Self { store, folder: Some(folder) }
    }

    /// The partitions of `topic` that the archive has a folder for, in order.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn partitions(&self, topic: &TopicName) -> Result<Vec<Partition>, ArchiveError> {
        let folder = topic_folder(topic);
        let listed =
            self.store.list_with_delimiter(Some(&folder)).await.map_err(ArchiveError::store("list", &folder))?;
        let mut partitions: Vec<_> = listed.common_prefixes.iter().filter_map(partition_of).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The objects that may hold offsets from `from` on: the last one that begins at or before it, and all after that. Whether they
    /// join without gap or overlap shows when they are read, see [`ArchiveReader::records`].
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn objects(&self, at: &TopicPartition, from: Offset) -> Result<ObjectListing, ArchiveError> {
        Ok(self.list(at, Offset::ZERO).await?.from(from))
    }

    /// As [`ArchiveReader::objects`], for whoever knows that an object begins with `known`, which is not behind `from`: older objects
    /// are not listed. Where that one is gone, all are.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn objects_since(
        &self,
        at: &TopicPartition,
        from: Offset,
        known: Option<Offset>,
    ) -> Result<ObjectListing, ArchiveError> {
        let recent = self.list(at, known.unwrap_or_default()).await?;
        if recent.objects.first().is_some_and(|first| first.start <= from) || known.is_none() {
            return Ok(recent.from(from));
        }
        self.objects(at, from).await
    }

    /// Reads one object whole.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], also where it has gone meanwhile or cannot be unpacked.
    pub async fn read(&self, object: &ArchiveObject) -> Result<ArchivedRecords, ArchiveError> {
        let read = async { self.store.get(&object.path).await?.bytes().await };
        let data = read.await.map_err(ArchiveError::store("read", &object.path))?;
        let data = match object.packing {
            Packing::Plain => data,
            packing => {
                let mut unpacked = Vec::new();
                let read =
                    unpack(packing, Box::new(data.reader())).and_then(|mut data| data.read_to_end(&mut unpacked));
                read.map_err(|error| unreadable(&object.path, error))?;
                unpacked.into()
            }
        };
        Ok(ArchivedRecords::new(object, data))
    }

    /// The records of `at` from `from` on, as they are archived now, in batches. Objects are fetched ahead side by side.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn records(
        &self,
        at: &TopicPartition,
        from: Offset,
        settings: ReadSettings,
    ) -> Result<RecordBatches, ArchiveError> {
        let listing = self.objects(at, from).await?;
        Ok(self.records_of(at, from, listing, settings))
    }

    /// As [`ArchiveReader::records`], for objects that were listed before.
    pub fn records_of(
        &self,
        at: &TopicPartition,
        from: Offset,
        listing: ObjectListing,
        settings: ReadSettings,
    ) -> RecordBatches {
        let fetch = Fetch::new(Arc::clone(&self.store), self.folder.clone(), &listing.objects, &settings);
        RecordBatches::spawn(at.clone(), from, listing, fetch, settings)
    }

    /// How far the archive of `at` goes: the last object's start and the number of its records. Offset 0 where there is nothing.
    ///
    /// # Errors
    /// [`ArchiveError::Torn`], [`ArchiveError::UnknownKind`] or [`ArchiveError::Repeated`] where that cannot be said; [`ArchiveError::Store`].
    pub async fn extent(&self, at: &TopicPartition) -> Result<ArchiveExtent, ArchiveError> {
        let everything = self.list(at, Offset::ZERO).await?;
        let objects = everything.objects.len() as u64;
        let bytes = everything.objects.iter().map(|object| object.size).sum();
        let mut newest = everything.from(Offset(u64::MAX));
        if let Some(fault) = newest.faults.pop() {
            return Err(fault);
        }
        let Some(last) = newest.objects.last() else { return Ok(ArchiveExtent::default()) };
        let mut records = self.read(last).await?;
        if !records.ends_whole() {
            return Err(ArchiveError::Torn { path: last.path.clone() });
        }
        Ok(ArchiveExtent { end: records.next_offset(), objects, bytes })
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Whether the store lists objects in the order of their names. A local folder has no order.
    pub(crate) fn lists_by_name(&self) -> bool {
        self.folder.is_none()
    }

    /// All objects that begin at `from` or later, and maybe some of those before.
    async fn list(&self, at: &TopicPartition, from: Offset) -> Result<Everything, ArchiveError> {
        let folder = partition_folder(at);
        let mut listed = self.list_from(at, from);
        let mut everything = Everything::default();
        while let Some(meta) = listed.try_next().await.map_err(ArchiveError::store("list", &folder))? {
            match classify(at, meta) {
                Listed::Object(object) => everything.objects.push(object),
                Listed::UnknownKind(start, path) => everything.unknown.push((start, path)),
                Listed::Other => {}
            }
        }
        everything.objects.sort_unstable_by(|a, b| (a.start, a.kind, &a.path).cmp(&(b.start, b.kind, &b.path)));
        Ok(everything)
    }
}

/// All that a partition's folder holds.
#[derive(Default)]
struct Everything {
    objects: Vec<ArchiveObject>,
    unknown: Vec<(Offset, Path)>,
}

impl Everything {
    /// What may hold offsets from `from` on, and what is wrong there.
    fn from(self, from: Offset) -> ObjectListing {
        let Self { mut objects, mut unknown } = self;
        let first =
            objects.iter().map(|object| object.start).take_while(|start| *start <= from).last().unwrap_or_default();
        objects.retain(|object| object.start >= first);
        unknown.retain(|(start, _)| *start >= first);
        let unknown = unknown.into_iter().map(|(_, path)| ArchiveError::UnknownKind { path });
        let same_start = objects.windows(2).filter(|pair| pair[0].start == pair[1].start);
        let repeated =
            same_start.map(|pair| ArchiveError::Repeated { path: pair[1].path.clone(), end: pair[0].start.plus(1) });
        let faults = unknown.chain(repeated).collect();
        ObjectListing { objects, faults }
    }
}
