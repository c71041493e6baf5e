//! Turns one partition's log into objects. Never tells the log that a record is done with before its object is stored.
//!
//! Where it stands is not kept anywhere: the object with the highest start and the number of its records say it. A crash leaves
//! an object whole or not at all, so that a restart neither loses nor doubles a record.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use pinflow_event::{Offset, Record, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use tokio::time::Instant;

use crate::layout::object_path;
use crate::open_object::OpenObject;
use crate::{ArchiveError, ArchiveObject, ArchiveReader, ArchiveSettings, ArchivedRecords, Packing, format};

/// The name under which the log keeps what the archive still needs.
pub(crate) const READER: &str = "archive";

/// How much is read from the log at a time; an object may take several reads.
const READ_LIMIT: ReadLimit = ReadLimit { records: 10_000, bytes: 1024 * 1024 };

/// Writes the objects of one partition. There must be one writer a partition only; a second one is noticed by its objects.
///
/// Every method may be dropped or fail at any point and be called again: what was not stored is still open, and an object that was
/// stored although the store said otherwise is recognised.
#[derive(Debug)]
pub struct ArchiveWriter {
    store: Arc<dyn ObjectStore>,
    log: Arc<dyn EventLog>,
    at: TopicPartition,
    settings: ArchiveSettings,
    next: Offset,
    open: Option<OpenObject>,
    objects: u64,
    bytes: u64,
}

impl ArchiveWriter {
    /// Finds out from the objects where the archive of `at` ends, and goes on there.
    ///
    /// # Errors
    /// [`ArchiveError::RecordsLost`] and [`ArchiveError::LogTooShort`] where log and archive do not join; [`ArchiveError::Torn`],
    /// [`ArchiveError::UnknownKind`] and [`ArchiveError::Repeated`] where the objects do not tell the end; else what store and log report.
    pub async fn recover(
        store: Arc<dyn ObjectStore>,
        log: Arc<dyn EventLog>,
        at: TopicPartition,
        settings: ArchiveSettings,
    ) -> Result<Self, ArchiveError> {
        let extent = ArchiveReader::new(store.clone()).extent(&at).await?;
        let bounds = log.bounds(&at).await.map_err(ArchiveError::log(&at))?;
        let next = extent.end;
        if next < bounds.earliest {
            return Err(ArchiveError::RecordsLost { at, next, earliest: bounds.earliest });
        }
        if next > bounds.end {
            return Err(ArchiveError::LogTooShort { at, wanted: next, end: bounds.end });
        }
        log.protect(READER, &at, next);
        Ok(Self { store, log, at, settings, next, open: None, objects: extent.objects, bytes: extent.bytes })
    }

    /// The first offset that is in no object yet.
    pub fn next_offset(&self) -> Offset {
        self.next
    }

    /// The first offset that was not read from the log yet.
    pub fn gathered(&self) -> Offset {
        self.open.as_ref().map_or(self.next, OpenObject::end)
    }

    /// When the open object has to be stored, however small it is.
    pub fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.opened + self.settings.flush_interval)
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
        let from = self.gathered();
        let records = match self.log.read(&self.at, from, READ_LIMIT).await {
            Err(LogError::OffsetOutOfRange { earliest, .. }) if earliest > from => {
                return Err(self.records_lost(from, earliest));
            }
            read => read.map_err(ArchiveError::log(&self.at))?,
        };
        if let Some(first) = records.first()
            && first.offset > from
        {
            return Err(self.records_lost(from, first.offset));
        }
        for record in &records {
            // Not the next one where an object found in place held less than was gathered: it is read anew.
            if record.offset != self.gathered() {
                break;
            }
            self.add(record).await?;
        }
        Ok(records.len() as u64)
    }

    /// Stores the open object, if there is one.
    ///
    /// # Errors
    /// As [`ArchiveWriter::gather`].
    pub async fn flush(&mut self) -> Result<(), ArchiveError> {
        // Taken out once it is stored: a caller who stops waiting in between finds it still open.
        if let Some(open) = &self.open {
            let (end, size) = self.store_object(open).await?;
            self.next = end;
            self.objects += 1;
            self.bytes += size;
            self.open = None;
            self.log.protect(READER, &self.at, end);
        }
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

    async fn add(&mut self, record: &Record) -> Result<(), ArchiveError> {
        let value = record.value.as_deref();
        let kind = format::kind_of(value);
        if self.open.as_ref().is_some_and(|open| !open.takes(kind, value, &self.settings)) {
            self.flush().await?;
            if self.gathered() != record.offset {
                return Ok(());
            }
        }
        let open = self.open.get_or_insert_with(|| OpenObject::new(record.offset, kind));
        open.push(value);
        if open.is_full(&self.settings) { self.flush().await } else { Ok(()) }
    }

    /// Puts the object where there is none. Returns the offset after the last record that is stored now, and the object's bytes.
    async fn store_object(&self, open: &OpenObject) -> Result<(Offset, u64), ArchiveError> {
        let path = object_path(&self.at, open.start, open.kind);
        let payload = PutPayload::from(Bytes::copy_from_slice(&open.content));
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, payload, options).await {
            Ok(_) => Ok((open.end(), open.content.len() as u64)),
            Err(object_store::Error::AlreadyExists { .. }) => self.accept_existing(path, open).await,
            Err(error) => Err(ArchiveError::store("write", &path)(error)),
        }
    }

    /// An earlier put had succeeded although it was reported as failed, maybe before further records were gathered: the object is
    /// then what we would write, or the first records of it.
    async fn accept_existing(&self, path: Path, open: &OpenObject) -> Result<(Offset, u64), ArchiveError> {
        let read = async { self.store.get(&path).await?.bytes().await };
        let existing = read.await.map_err(ArchiveError::store("read", &path))?;
        let size = existing.len() as u64;
        let is_ours = !existing.is_empty() && open.content.starts_with(&existing);
        let object = ArchiveObject { path, start: open.start, kind: open.kind, packing: Packing::Plain, size };
        let mut records = ArchivedRecords::new(&object, existing);
        if is_ours && records.ends_whole() {
            Ok((records.next_offset(), size))
        } else {
            Err(ArchiveError::Conflict { path: object.path })
        }
    }

    fn records_lost(&self, next: Offset, earliest: Offset) -> ArchiveError {
        ArchiveError::RecordsLost { at: self.at.clone(), next, earliest }
    }
}
