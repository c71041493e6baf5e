//! Who still reads a partition, and from where on: what retention must leave alone.

use std::collections::HashMap;

use pinflow_event::Offset;

/// The readers of one partition by name.
#[derive(Debug, Default)]
pub(crate) struct Readers(HashMap<String, Offset>);

impl Readers {
    /// The readers of a partition that is added to a topic: whoever reads all the others will read it too, from its beginning.
    /// So nothing goes before they have heard of it.
    pub(crate) fn beside<'a>(others: impl Iterator<Item = &'a Readers>) -> Self {
        let common = |mut common: HashMap<String, Offset>, other: &'a Readers| {
            common.retain(|reader, _| other.0.contains_key(reader));
            common
        };
        let mut others = others;
        let first =
            others.next().map(|readers| readers.0.keys().map(|reader| (reader.clone(), Offset::ZERO)).collect());
        Self(others.fold(first.unwrap_or_default(), common))
    }

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
