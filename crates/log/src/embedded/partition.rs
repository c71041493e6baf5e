//! A partition: its segments, the end that is published, and the one writer.
//!
//! Invariant: what is in `segments` is durable. Readers see nothing else.
//! Locks are taken in the order writer, segments; the segments are never locked over a disk operation.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use pinflow_event::{Offset, TopicPartition};

use super::disk::Disk;
use super::recovery::Recovered;
use super::segment::Segment;
use super::writer::Writer;
use crate::readers::Readers;
use crate::tail::Tail;
use crate::{Bounds, LogError};

/// One partition of the embedded log.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) at: TopicPartition,
    pub(crate) folder: PathBuf,
    /// No two partitions of a log have the same, not even after a topic was deleted and made again. It decides which
    /// committer writes the partition.
    pub(crate) id: u64,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) tail: Tail,
    /// Oldest first; at least one. The last is the active one.
    pub(crate) segments: RwLock<Vec<Segment>>,
    readers: Mutex<Readers>,
    writer: Mutex<Writer>,
}

impl Partition {
    /// The partition `at` in `folder`, as it was found there.
    pub(crate) fn new(at: TopicPartition, folder: PathBuf, id: u64, disk: Arc<dyn Disk>, found: Recovered) -> Self {
        let Recovered { segments, marked } = found;
        let active = segments.last().expect("a partition has a segment");
        let tail = Tail::new(active.contents.end);
        let writer = Mutex::new(Writer::new(Arc::clone(&disk), active, marked));
        let (segments, readers) = (RwLock::new(segments), Mutex::default());
        Self { at, folder, id, disk, tail, segments, readers, writer }
    }

    /// The writer, once nobody else has it. A panic elsewhere does not matter: the log is poisoned by then.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be read.
    pub(crate) fn bounds(&self) -> Bounds {
        let segments = self.segments.read().expect("nothing panics while it holds the segments");
        let (first, active) = (segments.first(), segments.last());
        Bounds {
            earliest: first.map_or(Offset::ZERO, |segment| segment.base),
            end: active.map_or(Offset::ZERO, |segment| segment.contents.end),
        }
    }

    /// Makes `change` to the active segment and passes its answer on.
    pub(crate) fn active<T>(&self, change: impl FnOnce(&mut Segment) -> T) -> T {
        let mut segments = self.segments.write().expect("nothing panics while it holds the segments");
        change(segments.last_mut().expect("a partition has a segment"))
    }

    /// Is needed from its beginning by whoever reads all of `others`; nobody else knows of the partition yet.
    pub(crate) fn take_readers_of(&self, others: &[Arc<Partition>]) {
        let others: Vec<_> = others.iter().map(|other| other.readers()).collect();
        *self.readers() = Readers::beside(others.iter().map(|readers| &**readers));
    }

    /// What readers said that they need.
    pub(crate) fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().expect("nothing panics while it holds the readers")
    }

    /// Ends the partition: nothing is written any more, and whoever waits gets `why`.
    pub(crate) fn finish(&self, why: &LogError) {
        self.writer().finish();
        self.tail.finish(why);
    }
}
