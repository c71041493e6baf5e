//! What becomes of the archive's objects behind the batch lane's back.

use std::fmt;

use pinflow_event::{Offset, TopicPartition};

/// Changes that a sentence names, of many.
const NAMED: usize = 3;

/// What became of an object that was read, or should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFault {
    /// It came when the lane was past its offsets: its records are in no table.
    Late,
    /// It is gone: its records are in the table, and a rebuilt table would lack them.
    Vanished,
    /// All objects of the partition are gone, so many.
    AllVanished(u64),
    /// It is another one than was read.
    Rewritten,
}

impl ObjectFault {
    /// The name of it in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            ObjectFault::Late => "late",
            ObjectFault::Vanished | ObjectFault::AllVanished(_) => "vanished",
            ObjectFault::Rewritten => "rewritten",
        }
    }
}

/// A change behind the batch lane's back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    /// The partition that the object is of.
    pub at: TopicPartition,
    /// The object; the folder of the first one where all of the partition are meant.
    pub path: String,
    /// The offset that it begins with.
    pub start: Offset,
    /// What became of it.
    pub fault: ObjectFault,
}

impl fmt::Display for ObjectChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            ObjectFault::Late => "came after the lane had passed its offsets",
            ObjectFault::Vanished => "is gone",
            ObjectFault::AllVanished(objects) => {
                let objects = with_commas(objects);
                return write!(f, "partition {}: all {objects} noted objects are gone", self.at.partition);
            }
            ObjectFault::Rewritten => "was rewritten after it was read",
        };
        write!(f, "object `{}` {what}", self.path)
    }
}

impl ObjectChange {
    /// A few of the changes in words, and how many there are besides.
    pub fn list(changes: &[Self]) -> String {
        let mut words: Vec<String> = changes.iter().take(NAMED).map(ToString::to_string).collect();
        if changes.len() > NAMED {
            words.push(format!("and {} more (system.archive_changes)", with_commas((changes.len() - NAMED) as u64)));
        }
        words.join("; ")
    }

    /// That all objects of a partition are gone, the first of which is `first`.
    pub(crate) fn all_vanished(at: &TopicPartition, first: (Offset, &str), objects: u64) -> Self {
        let folder = first.1.rsplit_once('/').map_or(first.1, |(folder, _)| folder);
        Self { at: at.clone(), path: folder.to_owned(), start: first.0, fault: ObjectFault::AllVanished(objects) }
    }
}

/// Offsets that a table has taken in and that a table built anew would lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// Their partition.
    pub at: TopicPartition,
    /// The first one.
    pub from: Offset,
    /// The first one that is not lost.
    pub to: Offset,
}

impl fmt::Display for LostRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offsets {} to before {} of {}", self.from, self.to, self.at)
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 5_000, 1_234_567].map(with_commas), ["0", "999", "5,000", "1,234,567"]);
    }
}
