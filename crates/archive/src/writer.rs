//! Turns one partition's log into objects. Never tells the log that a record is done with before its object is stored.
//!
//! Where it stands is not kept anywhere: the object with the highest start and the number of its records say it, or the last manifest. A
//! crash leaves an object whole or not at all, and a group of objects is finished as its manifest says, so that a restart neither
//! loses nor doubles a record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use pinflow_event::{Clock, Offset, Record, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use tokio::time::Instant;

use crate::encoding::Encoding;
use crate::layout::manifest_path;
use crate::listing::UnfinishedGroup;
use crate::manifest::Manifest;
use crate::open_group::{Destination, EncodedObject, OpenGroup, encode};
use crate::partitioner::Partitioner;
use crate::{ArchiveError, ArchiveReader, ArchiveSettings};

/// The name under which the log keeps what the archive still needs.
pub(crate) const READER: &str = "archive";

/// How much is read from the log at a time; an object may take several reads.
const READ_LIMIT: ReadLimit = ReadLimit { records: 10_000, bytes: 1024 * 1024 };

/// Objects of a group that are stored side by side.
const PUTS_AT_ONCE: usize = 8;

/// The most bytes that an object may be set to.
const FLUSH_BYTES_MAX: usize = 1 << 30;

impl ArchiveSettings {
    /// Whether an archive can be written as these say.
    ///
    /// # Errors
    /// [`ArchiveError::Settings`] with the setting, and what it can be.
    pub fn check(&self) -> Result<(), ArchiveError> {
        self.plan().map(drop)
    }

    fn plan(&self) -> Result<(Encoding, Partitioner), ArchiveError> {
        let wrong = |reason| ArchiveError::Settings { reason };
        if self.flush_bytes > FLUSH_BYTES_MAX {
            return Err(wrong(format!("`flush_bytes` is {}; 1 GiB is the most", self.flush_bytes)));
        }
        Ok((Encoding::new(self).map_err(wrong)?, Partitioner::new(self).map_err(wrong)?))
    }
}

/// Writes the objects of one partition. There must be one writer a partition only; a second one is noticed by its objects.
///
/// Every method may be dropped or fail at any point and be called again: what was not stored is still open, and an object that was
/// stored although the store said otherwise is recognised.
#[derive(Debug)]
pub struct ArchiveWriter {
    store: Arc<dyn ObjectStore>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    at: TopicPartition,
    settings: ArchiveSettings,
    encoding: Encoding,
    partitioner: Partitioner,
    next: Offset,
    open: Option<Arc<OpenGroup>>,
    /// The open group was begun to be stored: nothing may join it any more, because what is stored of it already is of that.
    is_sealed: bool,
    objects: u64,
    bytes: u64,
}

impl ArchiveWriter {
    /// Finds out from the objects where the archive of `at` ends, finishes what was begun there, and goes on.
    ///
    /// # Errors
    /// [`ArchiveError::Settings`]; [`ArchiveError::RecordsLost`] and [`ArchiveError::LogTooShort`] where log and archive do not join;
    /// [`ArchiveError::Torn`], [`ArchiveError::UnknownKind`], [`ArchiveError::Repeated`] and [`ArchiveError::Manifest`] where the objects do
    /// not tell the end; else what store and log report.
    pub async fn recover(
        store: Arc<dyn ObjectStore>,
        log: Arc<dyn EventLog>,
        at: TopicPartition,
        settings: ArchiveSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ArchiveError> {
        let (encoding, partitioner) = settings.plan()?;
        let found = ArchiveReader::new(store.clone()).extent_and_unfinished(&at).await;
        let bounds = log.bounds(&at).await.map_err(ArchiveError::log(&at))?;
        let (extent, unfinished) = found.map_err(|error| match error {
            ArchiveError::Torn { path, start, .. } => {
                let is_logged = bounds.earliest <= start && start < bounds.end;
                ArchiveError::Torn { path, start, is_logged }
            }
            error => error,
        })?;
        let next = extent.end;
        let wanted = unfinished.last().map_or(next, |group| group.manifest.group.end);
        if next < bounds.earliest {
            return Err(ArchiveError::RecordsLost { at, next, earliest: bounds.earliest });
        }
        if wanted > bounds.end {
            return Err(ArchiveError::LogTooShort { at, wanted, end: bounds.end });
        }
        let (objects, bytes) = (extent.objects, extent.bytes);
        let (open, is_sealed) = (None, false);
        let mut writer =
            Self { store, log, clock, at, settings, encoding, partitioner, next, open, is_sealed, objects, bytes };
        for group in unfinished {
            writer.finish(group).await?;
        }
        writer.log.protect(READER, &writer.at, writer.next);
        Ok(writer)
    }

    /// The first offset that is in no object yet.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The first offset that was not read from the log yet.
    pub fn gathered(&self) -> Offset {
        self.open.as_ref().map_or(self.next, |open| open.end())
    }

    /// When what is open has to be stored, however small it is.
    pub fn due(&self) -> Option<Instant> {
        let patience = if self.is_sealed { Duration::ZERO } else { self.settings.flush_interval };
        self.open.as_ref().map(|open| open.opened + patience)
    }

    /// The objects of the partition, and their bytes.
    pub fn stored(&self) -> (u64, u64) {
        (self.objects, self.bytes)
    }

    /// Reads on in the log, once, and stores every object that this completes. Returns how many records were read.
    ///
    /// # Errors
    /// [`ArchiveError::RecordsLost`] where the log has dropped what comes next; [`ArchiveError::Conflict`]; else what store and log report.
    pub async fn gather(&mut self) -> Result<u64, ArchiveError> {
        let records = self.read(self.gathered()).await?;
        for record in &records {
            self.add(record).await?;
        }
        Ok(records.len() as u64)
    }

    /// Stores what is open, if anything is.
    ///
    /// # Errors
    /// As [`ArchiveWriter::gather`].
    pub async fn flush(&mut self) -> Result<(), ArchiveError> {
        // Taken out once it is stored: a caller who stops waiting in between finds it still open.
        let Some(open) = self.open.clone() else { return Ok(()) };
        self.is_sealed = true;
        let manifest = open.manifest(&self.at, &self.encoding);
        // One object with all of the range tells by its name and its records what it has.
        if manifest.objects.len() > 1 {
            let path = manifest_path(&self.at, manifest.group.start);
            self.put(&path, manifest.to_bytes(&self.at).into()).await?;
        }
        let everything = (0..manifest.objects.len()).collect();
        let end = manifest.group.end;
        self.store_objects(manifest, everything, open).await?;
        self.open = None;
        self.is_sealed = false;
        self.move_on(end);
        Ok(())
    }

    /// Stores everything up to before `end`, and maybe more.
    ///
    /// # Errors
    /// [`ArchiveError::LogTooShort`] where the log does not go to `end`; else as [`ArchiveWriter::gather`].
    pub async fn flush_through(&mut self, end: Offset) -> Result<(), ArchiveError> {
        while self.next < end {
            if self.gathered() >= end {
                self.flush().await?;
            } else if self.gather().await? == 0 {
                return Err(ArchiveError::LogTooShort { at: self.at.clone(), wanted: end, end: self.gathered() });
            }
        }
        Ok(())
    }

    async fn read(&self, from: Offset) -> Result<Vec<Record>, ArchiveError> {
        let records = match self.log.read(&self.at, from, READ_LIMIT).await {
            Err(LogError::OffsetOutOfRange { earliest, .. }) if earliest > from => {
                return Err(self.records_lost(from, earliest));
            }
            read => read.map_err(ArchiveError::log(&self.at))?,
        };
        match records.first() {
            Some(first) if first.offset > from => Err(self.records_lost(from, first.offset)),
            _ => Ok(records),
        }
    }

    async fn add(&mut self, record: &Record) -> Result<(), ArchiveError> {
        let value = record.value.as_deref();
        let folder = self.partitioner.folder(record, self.clock.now());
        let destination = Destination { folder, kind: self.encoding.kind_of(value) };
        let takes = |open: &Arc<OpenGroup>| open.takes(&destination, value, &self.settings);
        if self.is_sealed || self.open.as_ref().is_some_and(|open| !takes(open)) {
            self.flush().await?;
        }
        let open = self.open.get_or_insert_with(|| Arc::new(OpenGroup::new(record.offset)));
        // Nobody else holds it, unless a flush that was broken off is still encoding.
        let open = Arc::make_mut(open);
        open.push(destination, record);
        if open.is_full(&self.settings) { self.flush().await } else { Ok(()) }
    }

    /// Stores what is missing of a group, as its manifest says.
    async fn finish(&mut self, group: UnfinishedGroup) -> Result<(), ArchiveError> {
        let UnfinishedGroup { manifest, missing } = group;
        if manifest.group.start != self.next {
            return Err(ArchiveError::Conflict { path: manifest_path(&self.at, manifest.group.start) });
        }
        let mut records = OpenGroup::new(self.next);
        while records.end() < manifest.group.end {
            for record in self.read(records.end()).await? {
                records.push(Destination { folder: None, kind: self.encoding.kind_of(None) }, &record);
            }
        }
        let end = manifest.group.end;
        self.objects += (manifest.objects.len() - missing.len()) as u64;
        self.store_objects(manifest, missing, Arc::new(records)).await?;
        self.next = end;
        Ok(())
    }

    /// Stores the objects of `manifest` with these numbers, made of `records`.
    async fn store_objects(
        &mut self,
        manifest: Manifest,
        numbers: Vec<usize>,
        records: Arc<OpenGroup>,
    ) -> Result<(), ArchiveError> {
        let encoding = self.encoding;
        // Packing takes a while: other tasks of this thread must not wait for it.
        let encoded = tokio::task::spawn_blocking(move || {
            let encode = |number: usize| encode(&manifest.objects[number], records.start, records.records(), &encoding);
            numbers.into_iter().map(encode).collect::<Vec<EncodedObject>>()
        });
        let encoded = encoded.await.expect("encoding does not panic");
        let (objects, bytes) = (encoded.len(), encoded.iter().map(|object| object.content.len()).sum::<usize>());
        let puts = encoded.into_iter().map(|object| self.put_object(object));
        stream::iter(puts).buffer_unordered(PUTS_AT_ONCE).try_collect::<()>().await?;
        self.objects += objects as u64;
        self.bytes += bytes as u64;
        Ok(())
    }

    async fn put_object(&self, object: EncodedObject) -> Result<(), ArchiveError> {
        self.put(&object.path, object.content).await
    }

    /// Puts the content where there is none. What is there already is fine where it is the same: then an earlier put had succeeded
    /// although it was reported as failed.
    async fn put(&self, path: &Path, content: Bytes) -> Result<(), ArchiveError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(path, PutPayload::from(content.clone()), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let existing = async { self.store.get(path).await?.bytes().await };
                let existing = existing.await.map_err(ArchiveError::store("read", path))?;
                if existing == content { Ok(()) } else { Err(ArchiveError::Conflict { path: path.clone() }) }
            }
            Err(error) => Err(ArchiveError::store("write", path)(error)),
        }
    }

    fn move_on(&mut self, next: Offset) {
        self.next = next;
        self.log.protect(READER, &self.at, next);
    }

    fn records_lost(&self, next: Offset, earliest: Offset) -> ArchiveError {
        ArchiveError::RecordsLost { at: self.at.clone(), next, earliest }
    }
}
