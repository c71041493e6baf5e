//! The objects that the batch lane has read, so that it notices when one of them changes behind its back.
//!
//! A Delta table beside the others, a row an object as it was when it was read, and what became of it since. Objects are noted before
//! their rows are committed: an object whose rows did not get so far is noted again. Of several notes on an object the latest counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use pinflow_archive::StoredObject;
use pinflow_event::{Offset, Partition, Timestamp, TopicName, TopicPartition};
use pinflow_pipeline::Stream;
use pinflow_table::{Commit, Progress, Table, TableRoot};

use crate::changes::{ObjectChange, ObjectFault};
use crate::error::LaneError;

/// What is known of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was read as the note says, or is about to be.
    Read,
    /// Reading it broke off. It will be another one when it is read on, and that is no change.
    Broken,
    /// It is not as it was read; this was told.
    Changed(ObjectFault),
    /// Nothing is known of it any more.
    Forgotten,
}

impl State {
    fn as_str(self) -> Option<&'static str> {
        match self {
            State::Read => None,
            State::Broken => Some("broken"),
            State::Changed(fault) => Some(fault.as_str()),
            State::Forgotten => Some("forgotten"),
        }
    }

    fn of(name: Option<&str>) -> Self {
        let faults = [ObjectFault::Late, ObjectFault::Vanished, ObjectFault::Rewritten];
        match name {
            Some("broken") => State::Broken,
            Some("forgotten") => State::Forgotten,
            Some(name) => faults.into_iter().find(|fault| fault.as_str() == name).map_or(State::Read, State::Changed),
            None => State::Read,
        }
    }
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub size: u64,
    pub modified: Timestamp,
    pub e_tag: Option<String>,
    pub state: State,
    pub noted: Timestamp,
}

impl Note {
    /// The object as it is now.
    pub fn of(stored: &StoredObject, state: State) -> Self {
        let StoredObject { object, modified, e_tag } = stored;
        Self { size: object.size, modified: *modified, e_tag: e_tag.clone(), state, noted: Timestamp::default() }
    }

    /// An object of which nothing but its name is known.
    pub fn unseen(state: State) -> Self {
        Self { size: 0, modified: Timestamp::default(), e_tag: None, state, noted: Timestamp::default() }
    }

    pub fn is_of(&self, stored: &StoredObject) -> bool {
        // A copy that was put back may have another tag, and another time with the same tag.
        let same_content = self.modified == stored.modified || (self.e_tag.is_some() && self.e_tag == stored.e_tag);
        self.size == stored.object.size && same_content
    }
}

/// An object by the offset that it begins with, and its path.
pub(crate) type Key = (Offset, String);

/// The notes on the objects of a partition.
pub(crate) type Notes = BTreeMap<Key, Note>;

pub(crate) fn key_of(stored: &StoredObject) -> Key {
    (stored.object.start, stored.object.path.to_string())
}

/// What a batch lane has read.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) table: Table,
    notes: BTreeMap<Partition, Notes>,
}

impl Ledger {
    /// Opens the ledger of a stream's batch lane.
    pub async fn open(tables: &TableRoot, stream: &str) -> Result<Self, LaneError> {
        let table = Table::open_and_widen(&tables.table("ledger", stream)?, &schema()).await?;
        Self::read(table, stream).await
    }

    async fn read(table: Table, stream: &str) -> Result<Self, LaneError> {
        let mut notes: BTreeMap<Partition, Notes> = BTreeMap::new();
        let schema = schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut rows = table.scan(&columns).await?;
        while let Some(batch) = rows.try_next().await? {
            let read = read(&batch)
                .map_err(|error| LaneError::Key { stream: stream.to_owned(), reason: error.to_string() })?;
            for (partition, key, note) in read {
                let known = notes.entry(partition).or_default();
                if known.get(&key).is_none_or(|known| known.noted <= note.noted) {
                    known.insert(key, note);
                }
            }
        }
        drop(rows);
        notes.values_mut().for_each(|notes| notes.retain(|_, note| note.state != State::Forgotten));
        notes.retain(|_, notes| !notes.is_empty());
        Ok(Self { table, notes })
    }

    /// The partitions that it knows objects of.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.notes.keys().copied()
    }

    /// What it knows of a partition; nothing in the ledger of a table that is older than ledgers.
    pub fn notes(&self, partition: Partition) -> &Notes {
        static NONE: Notes = Notes::new();
        self.notes.get(&partition).unwrap_or(&NONE)
    }

    /// The start of the last known object that begins at or before `position`.
    pub fn last_before(&self, partition: Partition, position: Offset) -> Option<Offset> {
        let end = (position.plus(1), String::new());
        self.notes(partition).range(..end).next_back().map(|((start, _), _)| *start)
    }

    /// Where the first object begins whose reading broke off.
    pub fn first_broken(&self, partition: Partition) -> Option<Offset> {
        self.notes(partition).iter().find(|(_, note)| note.state == State::Broken).map(|((start, _), _)| *start)
    }

    /// Whether the reading of an object broke off.
    pub fn is_broken(&self, partition: Partition, stored: &StoredObject) -> bool {
        self.notes(partition).get(&key_of(stored)).is_some_and(|note| note.state == State::Broken)
    }

    /// Keeps what objects are like that are about to be read, or were.
    pub async fn note(
        &mut self,
        partition: Partition,
        objects: &[StoredObject],
        now: Timestamp,
    ) -> Result<(), LaneError> {
        let notes = self.notes(partition);
        let is_known = |stored: &&StoredObject| {
            notes.get(&key_of(stored)).is_some_and(|note| note.state == State::Read && note.is_of(stored))
        };
        let new = objects.iter().filter(|stored| !is_known(stored));
        let new: Vec<_> = new.map(|stored| (partition, key_of(stored), Note::of(stored, State::Read))).collect();
        self.keep(new, Vec::new(), now).await
    }

    /// Keeps that the reading of an object broke off.
    pub async fn note_broken(&mut self, partition: Partition, path: &str, now: Timestamp) -> Result<(), LaneError> {
        let found = self.notes(partition).iter().find(|((_, known), _)| known == path);
        let Some((key, note)) = found.filter(|(_, note)| note.state != State::Broken) else { return Ok(()) };
        let broken = (partition, key.clone(), Note { state: State::Broken, ..note.clone() });
        self.keep(vec![broken], Vec::new(), now).await
    }

    /// Keeps notes, each of which takes the place of an earlier one.
    pub async fn keep(
        &mut self,
        mut new: Vec<(Partition, Key, Note)>,
        progress: Vec<Progress>,
        now: Timestamp,
    ) -> Result<(), LaneError> {
        if new.is_empty() && progress.is_empty() {
            return Ok(());
        }
        for (partition, key, note) in &mut new {
            let known = self.notes.entry(*partition).or_default();
            // The later of two notes has the later time, whatever the clock does.
            let before = known.get(key).map(|before| Timestamp::from_millis(before.noted.as_millis() + 1));
            note.noted = before.map_or(now, |before| before.max(now));
            match note.state {
                State::Forgotten => known.remove(key),
                _ => known.insert(key.clone(), note.clone()),
            };
        }
        self.table.commit(&Commit { rows: vec![rows(&new)], progress, ..Commit::default() }).await?;
        Ok(())
    }

    /// Forgets everything but these objects: the table was built anew from them.
    pub async fn replace(
        &mut self,
        objects: &[(Partition, Vec<StoredObject>)],
        now: Timestamp,
    ) -> Result<(), LaneError> {
        let mut progress = Vec::new();
        for partition in std::mem::take(&mut self.notes).into_keys() {
            let application = cursor_of(partition);
            let from = self.table.progress(&application).await?;
            progress.push(Progress { application, from, to: 0 });
        }
        let files = self.table.begin_files()?;
        for (partition, objects) in objects {
            let note = |stored| Note { noted: now, ..Note::of(stored, State::Read) };
            let new: Vec<_> = objects.iter().map(|stored| (*partition, key_of(stored), note(stored))).collect();
            files.write(rows(&new)).await;
            self.notes.insert(*partition, new.into_iter().map(|(_, key, note)| (key, note)).collect());
        }
        self.table.overwrite(files.finish().await?, &Commit { progress, ..Commit::default() }).await?;
        Ok(())
    }

    /// What has changed since the table was built, and was told.
    pub fn changes(&self, topic: &TopicName) -> Vec<ObjectChange> {
        let mut changes = Vec::new();
        for (partition, notes) in &self.notes {
            let at = TopicPartition::new(topic.clone(), *partition);
            let is_gone = |_: &Key, note: &Note| note.state == State::Changed(ObjectFault::Vanished);
            let told = notes.iter().filter_map(|((start, path), note)| match note.state {
                State::Changed(fault) => {
                    Some(ObjectChange { at: at.clone(), path: path.clone(), start: *start, fault })
                }
                _ => None,
            });
            changes.extend(folded(&at, notes, Offset(u64::MAX), is_gone, told.collect()));
        }
        changes
    }

    /// The objects that were read below `position` and are not among those that are `there`.
    pub fn gone(&self, at: &TopicPartition, position: Offset, there: &[StoredObject]) -> Vec<ObjectChange> {
        let there: std::collections::BTreeSet<Key> = there.iter().map(key_of).collect();
        let notes = self.notes(at.partition);
        let read = notes.iter().filter(|(_, note)| note.state != State::Changed(ObjectFault::Late));
        let gone = read.filter(|(key, _)| key.0 < position && !there.contains(key)).map(|((start, path), _)| {
            ObjectChange { at: at.clone(), path: path.clone(), start: *start, fault: ObjectFault::Vanished }
        });
        folded(at, notes, position, |key, _| !there.contains(key), gone.collect())
    }
}

/// What has changed since the batch table of `stream` was built, as its runs have told.
///
/// # Errors
/// [`LaneError::Table`].
pub async fn archive_changes(tables: &TableRoot, stream: &Stream) -> Result<Vec<ObjectChange>, LaneError> {
    let location = tables.table("ledger", &stream.name)?;
    if !location.exists().await? {
        return Ok(Vec::new());
    }
    let table = Table::open_outdated(&location, &schema()).await?;
    // A ledger that is older than changes in it; the next run gives it their column.
    if table.check_columns().is_err() {
        return Ok(Vec::new());
    }
    Ok(Ledger::read(table, &stream.name).await?.changes(&stream.batch.topic))
}

/// The changes, with one in the place of many where every object that was read below `position` is gone.
pub(crate) fn folded(
    at: &TopicPartition,
    notes: &Notes,
    position: Offset,
    is_gone: impl Fn(&Key, &Note) -> bool,
    mut changes: Vec<ObjectChange>,
) -> Vec<ObjectChange> {
    let is_read = |note: &Note| note.state != State::Changed(ObjectFault::Late);
    let read: Vec<_> = notes.iter().filter(|(key, note)| key.0 < position && is_read(note)).collect();
    if let Some(((start, path), _)) = read.first()
        && read.iter().all(|(key, note)| is_gone(key, note))
    {
        changes.retain(|change| change.fault != ObjectFault::Vanished);
        changes.push(ObjectChange::all_vanished(at, (*start, path), read.len() as u64));
    }
    changes.sort_by_key(|change| change.start);
    changes
}

/// Where the next slice of old objects begins.
pub(crate) fn cursor_of(partition: Partition) -> String {
    format!("pinflow/ledger/{partition}")
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int32, true),
        Field::new("start", DataType::Int64, true),
        Field::new("path", DataType::Utf8, true),
        Field::new("size", DataType::Int64, true),
        Field::new("modified_ms", DataType::Int64, true),
        Field::new("e_tag", DataType::Utf8, true),
        Field::new("noted_ms", DataType::Int64, true),
        Field::new("state", DataType::Utf8, true),
    ]))
}

fn rows(notes: &[(Partition, Key, Note)]) -> RecordBatch {
    let number = |of: fn(&(Partition, Key, Note)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(notes.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(notes.iter().map(|(partition, ..)| partition.0.cast_signed()))),
        number(|(_, (start, _), _)| start.0.cast_signed()),
        Arc::new(StringArray::from_iter_values(notes.iter().map(|(_, (_, path), _)| path))),
        number(|(.., note)| note.size.cast_signed()),
        number(|(.., note)| note.modified.as_millis()),
        Arc::new(notes.iter().map(|(.., note)| note.e_tag.as_deref()).collect::<StringArray>()),
        number(|(.., note)| note.noted.as_millis()),
        Arc::new(notes.iter().map(|(.., note)| note.state.as_str()).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are built in the order and types of the schema")
}

fn read(batch: &RecordBatch) -> Result<Vec<(Partition, Key, Note)>, ArrowError> {
    // The table may give the same texts in another layout.
    let schema = schema();
    let fitted = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns: Vec<ArrayRef> = fitted.collect::<Result<_, _>>()?;
    let number = |column: usize, row: usize| columns[column].as_primitive::<Int64Type>().value(row);
    let text = |column: usize, row: usize| {
        let texts = columns[column].as_string::<i32>();
        arrow::array::Array::is_valid(texts, row).then(|| texts.value(row).to_owned())
    };
    let note = |row: usize| {
        let partition = Partition(columns[0].as_primitive::<Int32Type>().value(row).cast_unsigned());
        let key = (Offset(number(1, row).cast_unsigned()), text(2, row).unwrap_or_default());
        let note = Note {
            size: number(3, row).cast_unsigned(),
            modified: Timestamp::from_millis(number(4, row)),
            e_tag: text(5, row),
            noted: Timestamp::from_millis(number(6, row)),
            state: State::of(text(7, row).as_deref()),
        };
        (partition, key, note)
    };
    Ok((0..batch.num_rows()).map(note).collect())
}
