//! Looking some keys up in a table, where reading all that it holds would take longer than the work itself.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;
use hashbrown::HashSet;

use crate::key::hashes;
use crate::key_hints::KeyHints;
use crate::spread::Spread;

/// Keys that a set knows nothing of yet, to be compared with those of the table.
#[derive(Debug)]
pub struct KeyLookup {
    pub(crate) secret: (u64, u64),
    pub(crate) wanted: HashSet<u128, Spread>,
    pub(crate) found: Vec<u128>,
    pub(crate) hints: KeyHints,
}

impl KeyLookup {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Notes which of the keys are among some that the table holds.
    ///
    /// # Errors
    /// Where the column's type is no key's type.
    pub fn note_found(&mut self, of_table: &ArrayRef) -> Result<(), ArrowError> {
        let places = UInt32Array::from(self.hints.places(of_table)?);
        let hashes = hashes(self.secret, &take(of_table, &places, None)?)?;
        self.found.extend(hashes.into_iter().flatten().filter(|hash| self.wanted.contains(hash)));
        Ok(())
    }
}
