//! Finds and reads objects: ours, the connector's, and those that a human wrote in the same layout.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Buf;
use object_store::{ObjectStore, ObjectStoreExt};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};

use crate::fetch::{Fetch, damaged, open};
use crate::listing::{ObjectListing, Places, Survey, UnfinishedGroup};
use crate::{ArchiveError, ArchiveObject, ArchivedRecords, ObjectKind, Offsets, Packing, ReadSettings, RecordBatches};

/// Reads an archive. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArchiveReader {
    pub(crate) places: Places,
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
        Self { places: Places { store, folder: None } }
    }

    /// A reader of the archive in `store`, which keeps each object as the file of its name below `folder`: they are read without a detour.
    pub fn local(store: Arc<dyn ObjectStore>, folder: PathBuf) -> Self {
        Self { places: Places { store, folder: Some(folder) } }
    }

    /// The partitions of `topic` that the archive has a folder or an object for, in order.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn partitions(&self, topic: &TopicName) -> Result<Vec<Partition>, ArchiveError> {
        Ok(self.survey(topic).await?.partitions)
    }

    /// The partitions of `topic`, and what stands below its folder and is no partition's.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn survey(&self, topic: &TopicName) -> Result<Survey, ArchiveError> {
        self.places.survey(topic).await
    }

    /// The objects that may hold offsets from `from` on: the last one that begins at or before it, and all after that. Whether they
    /// join without gap or overlap shows when they are read, see [`ArchiveReader::records`].
    ///
    /// # Errors
    /// [`ArchiveError::Store`], [`ArchiveError::Manifest`].
    pub async fn objects(&self, at: &TopicPartition, from: Offset) -> Result<ObjectListing, ArchiveError> {
        Ok(self.places.list(at, Offset::ZERO, true).await?.from(from))
    }

    /// As [`ArchiveReader::objects`], for whoever knows that an object begins with `known`, which is not behind `from`: older objects
    /// are not listed where the store can do without. Where that one is gone, all are. Sizes may be 0.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], [`ArchiveError::Manifest`].
    pub async fn objects_since(
        &self,
        at: &TopicPartition,
        from: Offset,
        known: Option<Offset>,
    ) -> Result<ObjectListing, ArchiveError> {
        let recent = self.places.list(at, known.unwrap_or_default(), false).await?;
        if known.is_none() || recent.objects.first().is_some_and(|first| first.group_start() <= from) {
            return Ok(recent.from(from));
        }
        Ok(self.places.list(at, Offset::ZERO, false).await?.from(from))
    }

    /// Reads one object whole.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], also where it has gone meanwhile; [`ArchiveError::Damaged`] where it cannot be unpacked.
    pub async fn read(&self, object: &ArchiveObject) -> Result<ArchivedRecords, ArchiveError> {
        let read = async { self.places.store.get(&object.path).await?.bytes().await };
        let data = read.await.map_err(ArchiveError::store("read", &object.path))?;
        if object.packing == Packing::Plain && object.kind != ObjectKind::Parquet {
            return Ok(ArchivedRecords::new(object, data));
        }
        let mut unpacked = Vec::new();
        let read = open(object, Box::new(data.reader())).and_then(|mut data| data.read_to_end(&mut unpacked));
        read.map_err(|error| damaged(object, &error))?;
        Ok(ArchivedRecords::new(object, unpacked.into()))
    }

    /// The records of `at` from `from` on, as they are archived now, in batches. Objects are fetched ahead side by side.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], [`ArchiveError::Manifest`].
    pub async fn records(
        &self,
        at: &TopicPartition,
        from: Offset,
        settings: ReadSettings,
    ) -> Result<RecordBatches, ArchiveError> {
        let listing = self.places.list(at, Offset::ZERO, false).await?.from(from);
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
        let Places { store, folder } = self.places.clone();
        let fetch = Fetch::new(store, folder, &listing.objects, &settings);
        RecordBatches::spawn(at.clone(), from, listing, fetch, settings)
    }

    /// How far the archive of `at` goes: the last object's start and the number of its records. Offset 0 where there is nothing.
    ///
    /// # Errors
    /// [`ArchiveError::Torn`], [`ArchiveError::Damaged`], [`ArchiveError::UnknownKind`], [`ArchiveError::Folder`] or
    /// [`ArchiveError::Repeated`] where that cannot be said; [`ArchiveError::Store`], [`ArchiveError::Manifest`].
    pub async fn extent(&self, at: &TopicPartition) -> Result<ArchiveExtent, ArchiveError> {
        Ok(self.extent_and_unfinished(at).await?.0)
    }

    /// How far the archive goes, and the groups behind that whose writing was begun.
    pub(crate) async fn extent_and_unfinished(
        &self,
        at: &TopicPartition,
    ) -> Result<(ArchiveExtent, Vec<UnfinishedGroup>), ArchiveError> {
        let mut listing = self.places.list(at, Offset::ZERO, true).await?;
        let unfinished = std::mem::take(&mut listing.unfinished);
        let objects = listing.objects.len() as u64;
        let bytes = listing.objects.iter().map(|object| object.size).sum();
        let end = match listing.newest()? {
            None => Offset::ZERO,
            Some(newest) => self.end_of(&newest).await?,
        };
        Ok((ArchiveExtent { end, objects, bytes }, unfinished))
    }

    async fn end_of(&self, last: &ArchiveObject) -> Result<Offset, ArchiveError> {
        if let Offsets::Listed { group, .. } = &last.offsets {
            return Ok(group.end);
        }
        let mut records = self.read(last).await?;
        if records.ends_whole() {
            Ok(records.next_offset())
        } else {
            Err(ArchiveError::Torn { path: last.path.clone(), start: last.start, is_logged: false })
        }
    }
}
