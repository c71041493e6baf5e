//! Where a key's 128 bits lie in a hash table.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Spreads keys over a table. Texts are hashed already; numbers that follow one another lie beside one another, sixteen at a time, so
/// that a batch of them touches few lines of memory however large the table is.
///
/// Each draws a multiplier of its own: clients cannot choose numbers that meet in one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    multiplier: u64,
}

/// The lowest bits of a key, which stay as they are.
const NEIGHBOURS: u32 = 4;
/// What hashbrown tells the keys of one place apart by.
const TAG: u64 = 0x7f << 57;

impl Default for Spread {
    fn default() -> Self {
        Self { multiplier: RandomState::new().hash_one(0) | 1 }
    }
}

impl Spread {
    /// Two rounds of multiplying and bringing the high bits down, so that each bit of the number has a say in the low bits, by which a
    /// table's places are counted, whatever lies between the numbers (the finalizer of MurmurHash3, with a multiplier of our own).
    fn mix(self, number: u64) -> u64 {
        let once = (number ^ (number >> 32)).wrapping_mul(self.multiplier);
        let twice = (once ^ (once >> 29)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        twice ^ (twice >> 32)
    }

    /// The hash of a key.
    pub fn of(self, key: u128) -> u64 {
        let folded = (key as u64) ^ (key >> 64) as u64;
        let place = (self.mix(folded >> NEIGHBOURS) << NEIGHBOURS) | (folded & ((1 << NEIGHBOURS) - 1));
        (place & !TAG) | (folded.wrapping_mul(self.multiplier) & TAG)
    }
}

impl BuildHasher for Spread {
    type Hasher = SpreadHasher;
    fn build_hasher(&self) -> SpreadHasher {
        SpreadHasher { spread: *self, hash: 0 }
    }
}

/// [`Spread`] as a hasher of one key.
pub(crate) struct SpreadHasher {
    spread: Spread,
    hash: u64,
}

impl Hasher for SpreadHasher {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a key hashes as one number")
    }

    fn write_u128(&mut self, key: u128) {
        self.hash = self.spread.of(key);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_in_a_row_are_neighbours_and_told_apart() {
        let spread = Spread::default();
        for first in [0_u128, 1 << 20, (-160_i64) as u64 as u128] {
            let hashes: Vec<u64> = (first..first + 16).map(|key| spread.of(key)).collect();
            let place = |hash: &u64| hash & 0xff_ffff & !15;
            assert!(hashes.iter().all(|hash| place(hash) == place(&hashes[0])), "{hashes:x?}");
            assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 16);
        }
    }

    #[test]
    fn numbers_far_apart_are_all_over_the_table() {
        let spread = Spread::default();
        for step in [16_u128, 1 << 10, 1 << 32, 1 << 40] {
            let places: HashSet<u64> = (0..4096_u128).map(|number| spread.of(number * step) & 0xffff).collect();
            // Each draws one of 4096 groups of sixteen places: two thirds of the groups are drawn.
            assert!(places.len() > 1500, "{} places at a step of {step}", places.len());
        }
    }
}
