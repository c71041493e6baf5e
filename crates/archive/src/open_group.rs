//! The records that are being gathered, before they are stored together.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use pinflow_event::{Offset, Record, TopicPartition};
use tokio::time::Instant;

use crate::encoding::Encoding;
use crate::layout::object_path;
use crate::manifest::{Manifest, ManifestObject};
use crate::{ArchiveSettings, ObjectKind, format};

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    /// The folder below the topic's; `None` is that of the partition.
    pub folder: Option<String>,
    pub kind: ObjectKind,
}

/// A contiguous run of records, and the object that each goes to.
#[derive(Clone, Debug)]
pub(crate) struct OpenGroup {
    pub(crate) start: Offset,
    pub(crate) opened: Instant,
    records: Vec<Record>,
    /// For each record the number of its destination.
    routes: Vec<u32>,
    destinations: Vec<Destination>,
    numbers: HashMap<Destination, u32>,
    size: usize,
}

/// An object that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct EncodedObject {
    pub path: Path,
    pub content: Bytes,
}

impl OpenGroup {
    /// A group that begins with the record at `start`.
    pub fn new(start: Offset) -> Self {
        Self {
            start,
            opened: Instant::now(),
            records: Vec::new(),
            routes: Vec::new(),
            destinations: Vec::new(),
            numbers: HashMap::new(),
            size: 0,
        }
    }

    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.start.plus(self.records.len() as u64)
    }

    /// Its records, from the first offset on.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether a further record may join; if not, the group is complete. In the folder of a partition an object holds a contiguous range,
    /// so that nothing but its name is needed to read it.
    pub fn takes(&self, destination: &Destination, value: Option<&[u8]>, settings: &ArchiveSettings) -> bool {
        let size = self.size + format::encoded_size(destination.kind, value);
        let joins = destination.folder.is_some() || self.destinations.first().is_none_or(|first| first == destination);
        joins && !self.is_full(settings) && (size <= settings.flush_bytes || self.records.is_empty())
    }

    /// Whether it is complete whatever comes next.
    pub fn is_full(&self, settings: &ArchiveSettings) -> bool {
        self.records.len() as u64 >= settings.flush_size.max(1) || self.size >= settings.flush_bytes
    }

    /// Adds the record at [`OpenGroup::end`].
    pub fn push(&mut self, destination: Destination, record: &Record) {
        self.size += format::encoded_size(destination.kind, record.value.as_deref());
        let next = u32::try_from(self.destinations.len()).expect("a group has fewer records than 2^32");
        let destinations = &mut self.destinations;
        let number = self.numbers.entry(destination).or_insert_with_key(|destination| {
            destinations.push(destination.clone());
            next
        });
        self.routes.push(*number);
        // Headers have no place in the archive.
        self.records.push(Record { headers: Vec::new(), ..record.clone() });
    }

    /// The objects that hold its records, and which has which.
    pub fn manifest(&self, at: &TopicPartition, encoding: &Encoding) -> Manifest {
        let mut runs: Vec<Vec<Range<Offset>>> = vec![Vec::new(); self.destinations.len()];
        for (record, route) in self.records.iter().zip(&self.routes) {
            let runs = &mut runs[*route as usize];
            match runs.last_mut().filter(|run| run.end == record.offset) {
                Some(run) => run.end = record.offset.plus(1),
                None => runs.push(record.offset..record.offset.plus(1)),
            }
        }
        let object = |(destination, runs): (&Destination, Vec<Range<Offset>>)| {
            let extension = encoding.extension(destination.kind);
            let path = object_path(at, destination.folder.as_deref(), runs[0].start, &extension);
            ManifestObject { path, runs: runs.into() }
        };
        Manifest { group: self.start..self.end(), objects: self.destinations.iter().zip(runs).map(object).collect() }
    }
}

/// The object that `manifest` lists, made of `records`, which are those from its group's start on. It may be made of fewer records than it
/// lists, where not all are there.
pub(crate) fn encode(object: &ManifestObject, start: Offset, records: &[Record], encoding: &Encoding) -> EncodedObject {
    let name = object.path.filename().unwrap_or_default();
    let digits = name.rfind('+').map_or(0, |at| at + 1);
    let extension = name[digits..].split_once('.').map_or("", |(_, extension)| extension);
    let slices = object.runs.iter().map(|run| {
        let index = |offset: Offset| (offset.since(start) as usize).min(records.len());
        &records[index(run.start)..index(run.end)]
    });
    let runs: Arc<[&[Record]]> = slices.collect();
    let content = encoding.encode(extension, runs.iter().flat_map(|run| run.iter()));
    EncodedObject { path: object.path.clone(), content }
}
