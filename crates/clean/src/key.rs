//! De-duplication by key: of several rows with the same key the first arrival wins.
//!
//! A key is remembered by 128 bits: the number itself, or a keyed hash of the text. Two of a billion texts share a hash with a
//! probability of 10^-20. A remembered key takes 16 bytes, 20 to 39 with the free places of the hash table; with a window 20 bytes,
//! 24 to 48.

use std::hash::Hasher;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use hashbrown::HashSet;
use pinflow_event::Timestamp;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::key_hints::KeyHints;
use crate::key_lookup::KeyLookup;
use crate::key_parts::KeyParts;
use crate::spread::Spread;
use crate::window::KeyWindow;

/// The keys that a table holds, those of a window, or those of the table's that were looked for.
#[derive(Debug)]
pub struct KeySet {
    secret: (u64, u64),
    seen: Seen,
    /// Where not all keys of the table were read: those of which it is known whether the table has them.
    looked_for: Option<KeyParts>,
}

#[derive(Debug)]
enum Seen {
    Ever(KeyParts),
    Within(KeyWindow),
}

/// The keys of rows that are on their way to a commit.
#[derive(Debug, Default)]
pub struct NewKeys(HashSet<u128, Spread>);

/// A batch without the rows whose key was seen before.
#[derive(Debug)]
pub struct Distinct {
    /// The rows with a new key, in order.
    pub rows: RecordBatch,
    /// For each row of the batch that was given, whether it was kept.
    pub kept: BooleanArray,
    /// How many rows were dropped.
    pub duplicates: u64,
}

impl KeySet {
    /// An empty set. `secret` keeps clients from choosing texts that share a hash: draw it anew for each process. Where `within` is
    /// given, a key is forgotten so long after the commit that brought it in.
    pub fn new(secret: (u64, u64), within: Option<Duration>) -> Self {
        let seen = match within {
            None => Seen::Ever(KeyParts::default()),
            Some(window) => Seen::Within(KeyWindow::new(window)),
        };
        Self { secret, seen, looked_for: None }
    }

    /// The set of a table none of whose keys were read: each is to be looked for before it is told apart ([`KeySet::lookup`]).
    pub fn unread(secret: (u64, u64)) -> Self {
        Self { looked_for: Some(KeyParts::default()), ..Self::new(secret, None) }
    }

    /// Whether it knows all keys of its table, or of its window.
    pub fn is_complete(&self) -> bool {
        self.looked_for.is_none()
    }

    /// Those of some keys that are to be looked for; none where the set is complete.
    ///
    /// # Errors
    /// Where a column's type is no key's type.
    pub fn lookup<'a>(&self, columns: impl IntoIterator<Item = &'a ArrayRef>) -> Result<KeyLookup, ArrowError> {
        let mut wanted = HashSet::with_hasher(self.spread());
        let columns: Vec<&ArrayRef> = columns.into_iter().collect();
        if let Some(known) = &self.looked_for {
            for column in &columns {
                let hashes = hashes(self.secret, column)?;
                wanted.extend(hashes.into_iter().flatten().filter(|hash| !known.contains(*hash)));
            }
        }
        let hints = KeyHints::of(self.secret, if wanted.is_empty() { &[] } else { &columns })?;
        Ok(KeyLookup { secret: self.secret, wanted, found: Vec::new(), hints })
    }

    /// Takes in what a lookup found that has met all keys of the table.
    pub fn learn(&mut self, lookup: KeyLookup, now: Timestamp) {
        self.insert(lookup.found.into_iter(), now);
        if let Some(known) = &mut self.looked_for {
            known.extend(lookup.wanted.into_iter());
        }
    }

    /// How many keys there are; where it is not complete, how many of the table's were found or added.
    pub fn len(&self) -> usize {
        match &self.seen {
            Seen::Ever(keys) => keys.len(),
            Seen::Within(window) => window.len(),
        }
    }

    /// Whether no key was seen yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for so many more keys: a set that grows with them looks all that it holds up again and again.
    pub fn reserve(&mut self, keys: usize) {
        match &mut self.seen {
            Seen::Ever(known) => known.reserve(keys),
            Seen::Within(known) => known.reserve(keys),
        }
    }

    /// Remembers the keys of rows that a table holds already, since `committed` at the latest.
    ///
    /// # Errors
    /// Where the column's type is no key's type.
    pub fn remember(&mut self, keys: &ArrayRef, committed: Timestamp) -> Result<(), ArrowError> {
        let hashes = hashes(self.secret, keys)?;
        self.insert(hashes.into_iter().flatten(), committed);
        Ok(())
    }

    /// Forgets the keys whose window has passed by `now`; without a window, none.
    pub fn forget(&mut self, now: Timestamp) {
        if let Seen::Within(window) = &mut self.seen {
            window.forget(now);
        }
    }

    /// Drops the rows whose key is known, is among `new`, or stands earlier in the batch; the keys of the others join `new`. The
    /// set learns them by [`KeySet::accept`], when they are committed: what is never committed is offered again.
    ///
    /// # Errors
    /// Where the column's type is no key's type, or a key was not looked for that had to be.
    pub fn distinct(&self, rows: &RecordBatch, key: usize, new: &mut NewKeys) -> Result<Distinct, ArrowError> {
        let hashes = hashes(self.secret, rows.column(key))?;
        if let Some(looked_for) = &self.looked_for
            && !hashes.iter().flatten().all(|hash| looked_for.contains(*hash))
        {
            return Err(ArrowError::ComputeError("a key was not looked up in the table".to_owned()));
        }
        if new.0.is_empty() {
            // Hashed as in the set, they come in the order of its places when they join it.
            new.0 = HashSet::with_hasher(self.spread());
        }
        new.0.reserve(hashes.len());
        // By themselves, so that the processor waits for several places of a large table at a time.
        let known: Vec<bool> = hashes.iter().map(|hash| hash.is_some_and(|hash| self.contains(hash))).collect();
        let kept: BooleanArray = hashes
            .iter()
            .zip(known)
            .map(|(hash, known)| Some(!known && hash.is_none_or(|hash| new.0.insert(hash))))
            .collect();
        let distinct =
            if kept.true_count() == rows.num_rows() { rows.clone() } else { filter_record_batch(rows, &kept)? };
        let duplicates = (rows.num_rows() - distinct.num_rows()) as u64;
        Ok(Distinct { rows: distinct, kept, duplicates })
    }

    /// Remembers the keys of rows that are committed.
    pub fn accept(&mut self, keys: NewKeys, committed: Timestamp) {
        self.reserve(keys.0.len());
        self.insert(keys.0.into_iter(), committed);
    }

    fn spread(&self) -> Spread {
        match &self.seen {
            Seen::Ever(keys) => keys.spread(),
            Seen::Within(window) => window.spread(),
        }
    }

    fn contains(&self, hash: u128) -> bool {
        match &self.seen {
            Seen::Ever(keys) => keys.contains(hash),
            Seen::Within(window) => window.contains(hash),
        }
    }

    fn insert(&mut self, hashes: impl Iterator<Item = u128>, committed: Timestamp) {
        match &mut self.seen {
            Seen::Ever(keys) => keys.extend(hashes),
            Seen::Within(window) => hashes.for_each(|hash| window.insert(hash, committed)),
        }
    }
}

/// The 128 bits of each key.
pub(crate) fn hashes(secret: (u64, u64), keys: &ArrayRef) -> Result<Vec<Option<u128>>, ArrowError> {
    if keys.data_type().is_integer() {
        let numbers = cast(keys, &DataType::Int64)?;
        return Ok(numbers.as_primitive::<Int64Type>().iter().map(|number| number.map(|n| n as u64 as u128)).collect());
    }
    let texts = cast(keys, &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().iter().map(|text| text.map(|text| hash(secret, text))).collect())
}

fn hash(secret: (u64, u64), text: &str) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(secret.0, secret.1);
    hasher.write(text.as_bytes());
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn rows(keys: ArrayRef) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("key", keys.data_type().clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![keys]).unwrap()
    }

    #[test]
    fn the_first_arrival_wins_within_a_batch_and_over_batches() {
        let mut keys = KeySet::new((1, 2), None);
        let mut new = NewKeys::default();
        let first = keys.distinct(&rows(Arc::new(StringArray::from(vec!["a", "b", "a"]))), 0, &mut new).unwrap();
        assert_eq!((first.rows.num_rows(), first.duplicates), (2, 1));
        keys.accept(new, Timestamp::from_millis(0));
        let second =
            keys.distinct(&rows(Arc::new(StringArray::from(vec!["b", "c"]))), 0, &mut NewKeys::default()).unwrap();
        assert_eq!(second.kept, BooleanArray::from(vec![false, true]));
    }

    #[test]
    fn a_batch_that_was_not_committed_is_not_remembered() {
        let keys = KeySet::new((1, 2), None);
        for _ in 0..2 {
            let batch =
                keys.distinct(&rows(Arc::new(Int64Array::from(vec![1, 2]))), 0, &mut NewKeys::default()).unwrap();
            assert_eq!(batch.duplicates, 0);
        }
    }

    #[test]
    fn keys_of_the_table_itself_are_known() {
        let mut keys = KeySet::new((1, 2), None);
        keys.remember(
            &(Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(-1), None])) as ArrayRef),
            Timestamp::from_millis(0),
        )
        .unwrap();
        let batch = keys
            .distinct(&rows(Arc::new(Int64Array::from(vec![-1, 1, i64::MIN]))), 0, &mut NewKeys::default())
            .unwrap();
        assert_eq!(batch.kept, BooleanArray::from(vec![false, true, false]));
    }

    #[test]
    fn of_a_table_that_is_not_read_only_what_is_looked_for_is_known() {
        let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let mut keys = KeySet::unread((1, 2));
        assert!(!keys.is_complete());
        let mut lookup = keys.lookup([&texts(&["a", "b"]), &texts(&["c"])]).unwrap();
        lookup.note_found(&texts(&["b", "x"])).unwrap();
        lookup.note_found(&texts(&["y", "c"])).unwrap();
        keys.learn(lookup, Timestamp::from_millis(0));
        let mut new = NewKeys::default();
        let batch = keys.distinct(&rows(texts(&["a", "b", "c", "a"])), 0, &mut new).unwrap();
        assert_eq!(batch.kept, BooleanArray::from(vec![true, false, false, false]));
        keys.accept(new, Timestamp::from_millis(0));
        assert!(keys.lookup([&texts(&["a", "b", "c"])]).unwrap().is_empty(), "each is looked for once");
        assert!(!keys.lookup([&texts(&["x"])]).unwrap().is_empty(), "x was met, and not looked for");
        keys.distinct(&rows(texts(&["a", "x"])), 0, &mut NewKeys::default()).unwrap_err();
        assert!(KeySet::new((1, 2), None).lookup([&texts(&["x"])]).unwrap().is_empty());
    }

    #[test]
    fn a_million_consecutive_numbers_are_told_apart() {
        let mut keys = KeySet::new((1, 2), None);
        let all: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000_000));
        keys.remember(&all, Timestamp::from_millis(0)).unwrap();
        assert_eq!(keys.len(), 1_000_000);
    }
}
