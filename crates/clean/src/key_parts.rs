//! A set of keys that grows without holding all of them twice.

use hashbrown::HashTable;

use crate::spread::Spread;

/// Parts of the set.
const PARTS: usize = 64;
/// Where in a hash the number of a part stands: neither in what counts a table's places nor in its tag.
const PART_SHIFT: u32 = 50;

/// Keys that are looked up before the first of them is added.
const TOGETHER: usize = 64;

/// Keys in many hash tables: as the set grows, one part of it at a time is copied into more room.
#[derive(Debug)]
pub(crate) struct KeyParts {
    spread: Spread,
    parts: Vec<HashTable<u128>>,
}

impl Default for KeyParts {
    fn default() -> Self {
        Self { spread: Spread::default(), parts: (0..PARTS).map(|_| HashTable::new()).collect() }
    }
}

impl KeyParts {
    pub fn spread(&self) -> Spread {
        self.spread
    }

    /// Makes room for so many more keys. Without it, keys that come in the order of the places would gather at the end of a part that grows.
    pub fn reserve(&mut self, keys: usize) {
        let spread = self.spread;
        let share = keys / PARTS + 1;
        self.parts.iter_mut().for_each(|part| part.reserve(share, |known| spread.of(*known)));
    }

    pub fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    pub fn contains(&self, key: u128) -> bool {
        let hash = self.spread.of(key);
        self.parts[part_of(hash)].find(hash, |known| *known == key).is_some()
    }

    /// Adds keys. Looked up some at a time first, so that the processor waits for several places of a large set at a time.
    pub fn extend(&mut self, keys: impl Iterator<Item = u128>) {
        let mut keys = keys.peekable();
        let mut together = Vec::with_capacity(TOGETHER);
        while keys.peek().is_some() {
            together.extend(keys.by_ref().take(TOGETHER).map(|key| (key, self.contains(key))));
            for (key, is_known) in together.drain(..) {
                if !is_known {
                    self.insert(key);
                }
            }
        }
    }

    fn insert(&mut self, key: u128) {
        let spread = self.spread;
        let hash = spread.of(key);
        let place = self.parts[part_of(hash)].entry(hash, |known| *known == key, |known| spread.of(*known));
        place.or_insert(key);
    }
}

fn part_of(hash: u64) -> usize {
    (hash >> PART_SHIFT) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_of_about_one_size() {
        let mut keys = KeyParts::default();
        keys.extend(0..100_000);
        keys.extend((0..100_000).map(|key: u128| key.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)));
        assert_eq!(keys.len(), 199_999, "0 is in both");
        let sizes: Vec<usize> = keys.parts.iter().map(HashTable::len).collect();
        let mean = 199_999 / PARTS;
        assert!(sizes.iter().all(|size| (mean / 2..mean * 2).contains(size)), "{sizes:?}");
    }

    #[test]
    fn what_was_not_inserted_is_not_there() {
        let mut keys = KeyParts::default();
        keys.extend((0..10_000).map(|key: u128| 2 * key));
        assert!((0..20_000_u128).all(|key| keys.contains(key) == (key % 2 == 0)));
    }
}
