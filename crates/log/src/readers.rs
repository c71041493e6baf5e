//! Who still reads a partition, and from where on: what retention must leave alone.

use std::collections::HashMap;

use pinflow_event::Offset;

/// The readers of one partition by name.
#[derive(Debug, Default)]
pub(crate) struct Readers(HashMap<String, Offset>);

impl Readers {
    /// `reader` needs everything from `from` on. Its latest word counts: a replay moves it back.
    pub(crate) fn protect(&mut self, reader: &str, from: Offset) {
        match self.0.get_mut(reader) {
            Some(needed) => *needed = from,
            None => drop(self.0.insert(reader.to_owned(), from)),
        }
    }

    /// `reader` needs nothing any more.
    pub(crate) fn release(&mut self, reader: &str) {
        self.0.remove(reader);
    }

    /// The first offset that a reader needs; the largest offset there is where nobody reads.
    pub(crate) fn first_needed(&self) -> Offset {
        self.0.values().min().copied().unwrap_or(Offset(u64::MAX))
    }
}
