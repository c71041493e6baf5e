//! Counts how the rows of the lanes match, key by key.

use std::cmp::Ordering;

use crate::reconcile::Difference;
use crate::reconcile_buckets::Entry;
use crate::row_digest::Digest;

/// How many rows of each kind of difference are shown.
pub(crate) const SAMPLES: usize = 5;
/// How many rows that differ are looked at to tell in which columns.
const LOOKED_AT: usize = 10_000;

/// How many rows match, and how many do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub matching: u64,
    pub missing_in_batch: u64,
    pub missing_in_stream: u64,
    pub different: u64,
}

/// The rows of some buckets.
#[derive(Debug, Default)]
pub(crate) struct BucketTally {
    pub totals: Tally,
    /// The smallest keys of each kind of difference, so that a second comparison shows the same.
    pub missing_in_batch: Vec<Digest>,
    pub missing_in_stream: Vec<Digest>,
    pub different: Vec<Digest>,
}

impl BucketTally {
    /// Compares the rows of a bucket, which are sorted. Without a key a row is its own key.
    pub fn of(mut batch: &[Entry], mut live: &[Entry], keyed: bool) -> Self {
        let mut tally = Self::default();
        while let Some(key) = smallest(batch.first(), live.first()) {
            let (of_batch, of_live);
            (of_batch, batch) = batch.split_at(batch.partition_point_here(key));
            (of_live, live) = live.split_at(live.partition_point_here(key));
            tally.add(key, of_batch, of_live, keyed);
        }
        tally
    }

    /// Adds the rows of one key.
    fn add(&mut self, key: Digest, batch: &[Entry], live: &[Entry], keyed: bool) {
        let (in_batch, in_live) = (batch.len() as u64, live.len() as u64);
        let common = in_batch.min(in_live);
        // Sorted by their digests too: the same rows stand in the same places.
        let is_same =
            !keyed || (in_batch == in_live && batch.iter().zip(live).all(|(one, other)| one.row == other.row));
        let Tally { matching, missing_in_batch, missing_in_stream, different } = &mut self.totals;
        *(if is_same { matching } else { different }) += common;
        *missing_in_batch += in_live - common;
        *missing_in_stream += in_batch - common;
        let kept = match (is_same, in_batch.cmp(&in_live)) {
            (false, _) if common > 0 => (&mut self.different, LOOKED_AT),
            (_, Ordering::Less) => (&mut self.missing_in_batch, SAMPLES),
            (_, Ordering::Greater) => (&mut self.missing_in_stream, SAMPLES),
            (_, Ordering::Equal) => return,
        };
        keep(kept.0, [key], kept.1);
    }

    /// Adds the rows of the buckets behind these.
    pub fn append(&mut self, next: Self) {
        self.totals.matching += next.totals.matching;
        self.totals.missing_in_batch += next.totals.missing_in_batch;
        self.totals.missing_in_stream += next.totals.missing_in_stream;
        self.totals.different += next.totals.different;
        keep(&mut self.missing_in_batch, next.missing_in_batch, SAMPLES);
        keep(&mut self.missing_in_stream, next.missing_in_stream, SAMPLES);
        keep(&mut self.different, next.different, LOOKED_AT);
    }

    /// The keys of the rows to look at, and whether they are shown.
    pub fn wanted(&self) -> impl Iterator<Item = (Digest, Difference, bool)> {
        let kinds = [
            (Difference::MissingInBatch, &self.missing_in_batch),
            (Difference::MissingInStream, &self.missing_in_stream),
            (Difference::Different, &self.different),
        ];
        kinds
            .into_iter()
            .flat_map(|(kind, keys)| keys.iter().enumerate().map(move |(number, key)| (*key, kind, number < SAMPLES)))
    }
}

fn keep(kept: &mut Vec<Digest>, more: impl IntoIterator<Item = Digest>, most: usize) {
    let room = most - kept.len();
    kept.extend(more.into_iter().take(room));
}

fn smallest(one: Option<&Entry>, other: Option<&Entry>) -> Option<Digest> {
    one.into_iter().chain(other).map(Entry::key).min()
}

/// Rows of one key stand together.
trait RowsOfKey {
    /// How many rows of `key` stand in front.
    fn partition_point_here(&self, key: Digest) -> usize;
}

impl RowsOfKey for [Entry] {
    fn partition_point_here(&self, key: Digest) -> usize {
        self.iter().take_while(|entry| entry.key() == key).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(rows: &[(u128, u128)]) -> Vec<Entry> {
        rows.iter().map(|(key, row)| Entry::new(*key, *row)).collect()
    }

    fn tally(batch: &[(u128, u128)], live: &[(u128, u128)], keyed: bool) -> [u64; 4] {
        let Tally { matching, missing_in_batch, missing_in_stream, different } =
            BucketTally::of(&entries(batch), &entries(live), keyed).totals;
        [matching, missing_in_batch, missing_in_stream, different]
    }

    #[test]
    fn rows_match_by_their_keys() {
        assert_eq!(tally(&[], &[], true), [0, 0, 0, 0]);
        assert_eq!(tally(&[(1, 1), (2, 2)], &[(1, 1), (2, 2)], true), [2, 0, 0, 0]);
        assert_eq!(tally(&[(1, 1), (3, 3)], &[(2, 2), (3, 3)], true), [1, 1, 1, 0]);
        assert_eq!(tally(&[(1, 1)], &[(1, 2)], true), [0, 0, 0, 1]);
        assert_eq!(tally(&[(1, 1), (1, 2)], &[(1, 1), (1, 2)], true), [2, 0, 0, 0], "a key twice, alike in both");
        assert_eq!(tally(&[(1, 1)], &[(1, 1), (1, 2)], true), [0, 1, 0, 1]);
    }

    #[test]
    fn without_a_key_rows_are_counted() {
        assert_eq!(tally(&[(1, 1), (1, 1), (2, 2)], &[(1, 1), (3, 3)], false), [1, 1, 2, 0]);
    }
}
