//! Compares the archive with what the batch lane has noted of it.
//!
//! Names are cheap to list in a local folder, so that an object that went or came is found by the next run, however many there are.
//! Sizes and times take a look at each file: each run looks at a slice of them, and the next run at the slice behind it, so that it costs
//! as much every day, however long the history is. A store that is no folder gives names and sizes alike, a slice a run.

use std::collections::BTreeSet;

use pinflow_archive::{ArchiveReader, StoredObject};
use pinflow_event::{Offset, Partition, Timestamp, TopicPartition};
use pinflow_table::Progress;

use crate::changes::{ObjectChange, ObjectFault};
use crate::error::LaneError;
use crate::ledger::{Key, Ledger, Note, Notes, State, cursor_of, folded, key_of};
use crate::writer::{keep_healthy, signed};

/// Old objects whose sizes and times a run looks at, a partition: what an object store lists with one request.
const SLICE: usize = 1_000;

/// What a run finds. It is kept once it was told: a run that fails before finds it again.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub changes: Vec<ObjectChange>,
    notes: Vec<(Partition, Key, Note)>,
    progress: Vec<Progress>,
}

/// What is there now.
struct Seen {
    /// The objects whose names were listed,
    names: BTreeSet<Key>,
    /// which are all that begin in this range,
    range: std::ops::Range<Offset>,
    /// and some of them with size and time.
    stored: Vec<StoredObject>,
}

impl Look {
    /// Looks at the objects of a partition that begin before `position`, which are `older` where their names are known. A ledger that
    /// knows none has nothing to compare them with.
    pub async fn at(
        &mut self,
        ledger: &mut Ledger,
        archive: &ArchiveReader,
        at: &TopicPartition,
        position: Offset,
        older: Option<Vec<Key>>,
    ) -> Result<(), LaneError> {
        if ledger.notes(at.partition).is_empty() {
            return Ok(());
        }
        let application = cursor_of(at.partition);
        let cursor = ledger.table.progress(&application).await?;
        let begin = Offset(cursor.unsigned_abs());
        let mut stored = archive.stored(at, begin, SLICE).await?;
        let is_last_slice = stored.len() < SLICE || stored.last().is_none_or(|last| last.object.start >= position);
        stored.retain(|stored| stored.object.start < position);
        let end =
            if is_last_slice { position } else { stored.last().map_or(position, |last| last.object.start.plus(1)) };
        let next = if is_last_slice { 0 } else { signed(end) };
        if next != cursor {
            self.progress.push(Progress { application, from: cursor, to: next });
        }
        let notes = ledger.notes(at.partition);
        let all_names_are_known = older.is_some();
        let seen = match older {
            None => Seen { names: stored.iter().map(key_of).collect(), range: begin..end, stored },
            Some(older) => {
                let names = BTreeSet::from_iter(older);
                stored.extend(returned(archive, at, notes, &names).await?);
                Seen { names, range: Offset::ZERO..position, stored }
            }
        };
        let found = compare(notes, &seen);
        let changes = found.iter().filter_map(|((start, path), note)| match note.state {
            State::Changed(fault) => Some(ObjectChange { at: at.clone(), path: path.clone(), start: *start, fault }),
            _ => None,
        });
        let changes: Vec<ObjectChange> = changes.collect();
        self.changes.extend(match all_names_are_known {
            // That nothing is there is said as long as it is so: nobody wants that by accident.
            true => folded(at, notes, position, |key, _| !seen.names.contains(key), changes),
            false => changes,
        });
        self.notes.extend(found.into_iter().map(|(key, note)| (at.partition, key, note)));
        Ok(())
    }

    /// Keeps what was found, so that it is told once.
    pub async fn keep(self, ledger: &mut Ledger, now: Timestamp) -> Result<Vec<ObjectChange>, LaneError> {
        ledger.keep(self.notes, self.progress, now).await?;
        keep_healthy(&mut ledger.table).await;
        Ok(self.changes)
    }
}

/// Objects that are there again after they were gone.
async fn returned(
    archive: &ArchiveReader,
    at: &TopicPartition,
    notes: &Notes,
    names: &BTreeSet<Key>,
) -> Result<Vec<StoredObject>, LaneError> {
    let is_back = |key: &Key| {
        names.contains(key) && notes.get(key).is_some_and(|note| note.state == State::Changed(ObjectFault::Vanished))
    };
    let Some((first, _)) = notes.keys().find(|key| is_back(key)) else { return Ok(Vec::new()) };
    let mut stored = archive.stored(at, *first, usize::MAX).await?;
    stored.retain(|stored| is_back(&key_of(stored)));
    Ok(stored)
}

/// The notes that are to be made: on changes, and on objects that are as they were again.
fn compare(notes: &Notes, seen: &Seen) -> Vec<(Key, Note)> {
    let Seen { names, range, stored } = seen;
    let mut found: std::collections::BTreeMap<Key, Note> = Default::default();
    for stored in stored {
        let key = key_of(stored);
        let Some(note) = notes.get(&key) else { continue };
        let state = match note.state {
            State::Read | State::Changed(ObjectFault::Rewritten) if note.is_of(stored) => continue,
            State::Changed(ObjectFault::Vanished) if note.size == stored.object.size => State::Read,
            State::Broken | State::Changed(ObjectFault::Late) => continue,
            _ => State::Changed(ObjectFault::Rewritten),
        };
        found.insert(key, Note::of(stored, state));
    }
    for key in names.iter().filter(|key| key.0 < range.end && !notes.contains_key(key)) {
        found.insert(key.clone(), Note::unseen(State::Changed(ObjectFault::Late)));
    }
    let (begin, end) = ((range.start, String::new()), (range.end, String::new()));
    for (key, note) in notes.range(begin..end).filter(|(key, _)| !names.contains(key)) {
        let state = match note.state {
            State::Changed(ObjectFault::Vanished) => continue,
            // Its records are in no table, so that nothing is amiss any more.
            State::Changed(ObjectFault::Late) => State::Forgotten,
            _ => State::Changed(ObjectFault::Vanished),
        };
        found.insert(key.clone(), Note { state, ..note.clone() });
    }
    found.into_iter().collect()
}
