//! The digests of all rows of both lanes, in buckets by key, so that a bucket fits into memory however many rows there are.
//!
//! What is more than the queries' memory goes to disk in runs: a run is a file with all buckets of a lane one behind the other.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SpillFile;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::MemoryReservation;

use crate::row_digest::Digest;

/// How many buckets there are. With a hundred million rows a bucket takes some 40 MB.
pub(crate) const BUCKETS: usize = 64;

/// How many rows memory is asked for at a time.
const CHUNK: usize = 256;

/// A row: the digest of its key, and half of the digest of all of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    key: [u64; 2],
    pub row: u64,
}

impl Entry {
    const BYTES: usize = 24;

    pub fn new(key: Digest, row: Digest) -> Self {
        Self { key: [(key >> 64) as u64, key as u64], row: row as u64 }
    }

    pub fn key(&self) -> Digest {
        Digest::from(self.key[0]) << 64 | Digest::from(self.key[1])
    }

    fn bucket(&self) -> usize {
        (self.key[0] >> (u64::BITS - BUCKETS.ilog2())) as usize
    }

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, part) in bytes.chunks_exact_mut(8).zip([self.key[0], self.key[1], self.row]) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let part = |at: usize| {
            u64::from_le_bytes(*bytes[at * 8..].first_chunk().expect("an entry has three parts of eight bytes"))
        };
        Self { key: [part(0), part(1)], row: part(2) }
    }
}

/// The rows of one lane.
pub(crate) struct Buckets {
    held: Vec<Vec<Entry>>,
    rows: u64,
    /// Bytes that `held` may take before more are asked for.
    granted: usize,
    runs: Vec<Arc<Run>>,
    memory: MemoryReservation,
    disk: Arc<DiskManager>,
}

/// Buckets on disk; the file goes with it.
struct Run {
    file: Arc<dyn SpillFile>,
    /// The bytes of each bucket.
    places: Vec<Range<u64>>,
}

impl Buckets {
    pub fn new(memory: MemoryReservation, disk: Arc<DiskManager>) -> Self {
        Self { held: vec![Vec::new(); BUCKETS], rows: 0, granted: 0, runs: Vec::new(), memory, disk }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Where there is room neither in memory nor on disk.
    pub fn extend(&mut self, entries: &[Entry]) -> Result<()> {
        for entries in entries.chunks(CHUNK) {
            // Twice: a bucket that grows doubles.
            let more = std::mem::size_of_val(entries) * 2;
            if self.memory.try_grow(more).is_err() {
                self.spill()?;
                self.memory.try_grow(more)?;
            }
            self.granted += more;
            self.rows += entries.len() as u64;
            entries.iter().for_each(|entry| self.held[entry.bucket()].push(*entry));
        }
        Ok(())
    }

    /// Moves what is in memory to disk.
    ///
    /// # Errors
    /// Where that has no room.
    pub fn spill(&mut self) -> Result<()> {
        if self.granted > 0 {
            self.runs.push(Arc::new(Run::write(&self.disk, &mut self.held)?));
            self.memory.shrink(self.granted);
            self.granted = 0;
        }
        Ok(())
    }

    /// Whether a part of it is on disk.
    pub fn is_spilled(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Takes a bucket out: what is needed to load it.
    pub fn take(&mut self, bucket: usize) -> Bucket {
        Bucket { number: bucket, held: std::mem::take(&mut self.held[bucket]), runs: self.runs.clone() }
    }
}

/// One bucket of a lane.
pub(crate) struct Bucket {
    number: usize,
    held: Vec<Entry>,
    runs: Vec<Arc<Run>>,
}

impl Bucket {
    /// The bytes that loading it takes beyond those in memory already.
    pub fn bytes_on_disk(&self) -> usize {
        let place = |run: &Arc<Run>| run.places[self.number].end - run.places[self.number].start;
        self.runs.iter().map(place).sum::<u64>() as usize
    }

    /// All of its rows, by key. May block.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub fn load(mut self) -> Result<Vec<Entry>> {
        self.held.reserve_exact(self.bytes_on_disk() / Entry::BYTES);
        for run in &self.runs {
            run.read(self.number, &mut self.held)?;
        }
        self.held.sort_unstable();
        Ok(self.held)
    }
}

impl Run {
    /// Writes the buckets, and leaves them empty.
    fn write(disk: &Arc<DiskManager>, buckets: &mut [Vec<Entry>]) -> Result<Self> {
        let file = disk.create_tmp_file("comparing the lanes")?;
        let mut places = Vec::with_capacity(buckets.len());
        let mut target = BufWriter::with_capacity(1 << 20, file.open_writer()?);
        let mut end = 0;
        for bucket in buckets {
            let begin = end;
            for entry in std::mem::take(bucket) {
                target.write_all(&entry.to_bytes())?;
                end += Entry::BYTES as u64;
            }
            places.push(begin..end);
        }
        target.flush()?;
        Ok(Self { file, places })
    }

    fn read(&self, bucket: usize, entries: &mut Vec<Entry>) -> Result<()> {
        let place = &self.places[bucket];
        let path = self.file.path().ok_or_else(|| DataFusionError::Internal("spilled rows have no file".to_owned()))?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(place.start))?;
        let mut bytes = Vec::with_capacity((place.end - place.start) as usize);
        file.take(place.end - place.start).read_to_end(&mut bytes)?;
        entries.extend(bytes.chunks_exact(Entry::BYTES).map(Entry::from_bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    /// Rows come back whether they were spilled never, once or often, each bucket sorted, the buckets in the order of the keys.
    #[test]
    fn rows_come_back_in_order_whatever_the_memory() {
        let wanted: Vec<Entry> =
            (0..5_000u128).map(|n| Entry::new(n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C8E_1234_5677), n)).collect();
        let mut sorted = wanted.clone();
        sorted.sort_unstable();
        for memory in [1 << 20, 100_000, 20_000] {
            let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0).build_arc().unwrap();
            let reservation = MemoryConsumer::new("test").with_can_spill(true).register(&runtime.memory_pool);
            let mut buckets = Buckets::new(reservation, Arc::clone(&runtime.disk_manager));
            wanted.chunks(100).for_each(|entries| buckets.extend(entries).unwrap());
            assert_eq!(buckets.is_spilled(), memory < 1 << 20);
            assert_eq!(buckets.rows(), 5_000);
            let read: Vec<Entry> = (0..BUCKETS).flat_map(|bucket| buckets.take(bucket).load().unwrap()).collect();
            assert!(read == sorted, "with {memory} bytes");
        }
    }
}
