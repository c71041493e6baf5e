//! What is on its way to one commit: batches that were cleaned, rows that are in files which no reader sees yet.

use std::collections::BTreeMap;

use pinflow_clean::{NewKeys, UnknownFields};
use pinflow_event::{Offset, Partition};
use pinflow_table::{DeadLetter, TableFiles, WrittenFiles};

use tokio::time::Instant;

use crate::chunk::Chunk;
use crate::freshness::Arrivals;
use crate::removal::Removal;

/// Bytes of dead letters that one commit gathers at most, but for its last batch.
const LETTER_BYTES: usize = 32 << 20;

/// Batches of one commit.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub files: TableFiles,
    /// Files that were closed before, because the table got a column.
    pub written: WrittenFiles,
    pub letters: Vec<DeadLetter>,
    /// The keys of its rows: the lane knows them once they are committed.
    pub new_keys: NewKeys,
    /// By partition, from where to where.
    pub ranges: BTreeMap<Partition, (Offset, Offset)>,
    pub records: u64,
    /// Bytes of the records.
    pub bytes: usize,
    /// Bytes of those that became letters: they wait in memory for the commit, rows do not.
    pub letter_bytes: usize,
    pub rows: u64,
    pub duplicates: u64,
    pub filtered: u64,
    pub nulled: u64,
    pub unknown: UnknownFields,
    /// The dead letters whose outcome this is, where it is that of letters.
    pub removal: Option<Removal>,
    pub arrivals: Arrivals,

    /// When the first record was in hand.
    pub began: Instant,
}

impl Gathering {
    pub fn new(files: TableFiles, began: Instant) -> Self {
        Self {
            files,
            written: WrittenFiles::default(),
            letters: Vec::new(),
            new_keys: NewKeys::default(),
            ranges: BTreeMap::new(),
            records: 0,
            bytes: 0,
            letter_bytes: 0,
            rows: 0,
            duplicates: 0,
            filtered: 0,
            nulled: 0,
            unknown: UnknownFields::default(),
            removal: None,
            arrivals: Arrivals::default(),

            began,
        }
    }

    /// Whether so much waits in memory that the commit must not take more.
    pub fn is_heavy(&self) -> bool {
        self.letter_bytes >= LETTER_BYTES
    }

    /// Counts the records of chunks in, each of which goes on where the one before it ended.
    pub fn cover(&mut self, chunks: &[Chunk]) {
        for chunk in chunks {
            self.ranges.entry(chunk.partition).or_insert((chunk.from, chunk.from)).1 = chunk.next;
            self.records += chunk.len() as u64;
            self.bytes += chunk.bytes();
            self.arrivals.add(chunk);
        }
    }
}
