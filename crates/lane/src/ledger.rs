//! The objects that the batch lane has read, so that it notices when one of them changes behind its back.
//!
//! A Delta table beside the others, a row an object as it was when it was read. Objects are noted before their rows are committed: an
//! object whose rows did not get so far is noted again, and the later note counts. Looking at old objects costs as much every day,
//! however long the history is: each run looks at a slice of them, and the next run at the slice behind it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use pinflow_archive::{ArchiveReader, StoredObject};
use pinflow_event::{Offset, Partition, Timestamp, TopicPartition};
use pinflow_table::{Commit, Progress, Table, TableRoot};

use crate::error::LaneError;

/// Old objects that a run looks at again, a partition: what an object store lists with one request.
const SLICE: usize = 1_000;

/// What became of an object that was read, or should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFault {
    /// It came when the lane was past its offsets: its records are in no table.
    Late,
    /// It is gone: its records are in the table, and a rebuilt table would lack them.
    Vanished,
    /// It is another one than was read.
    Rewritten,
}

impl ObjectFault {
    /// The name of it in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            ObjectFault::Late => "late",
            ObjectFault::Vanished => "vanished",
            ObjectFault::Rewritten => "rewritten",
        }
    }
}

/// A change behind the batch lane's back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectChange {
    /// The partition that the object is of.
    pub at: TopicPartition,
    /// The object.
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
            ObjectFault::Rewritten => "was rewritten after it was read",
        };
        write!(f, "object `{}` {what}", self.path)
    }
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    path: String,
    size: u64,
    modified: Timestamp,
    e_tag: Option<String>,
    noted: Timestamp,
}

impl Note {
    fn is_of(&self, stored: &StoredObject) -> bool {
        // A copy that was put back may have another tag, and another time with the same tag.
        let same_content = self.modified == stored.modified || (self.e_tag.is_some() && self.e_tag == stored.e_tag);
        self.path == stored.object.path.as_ref() && self.size == stored.object.size && same_content
    }
}

/// What a batch lane has read.
#[derive(Debug)]
pub(crate) struct Ledger {
    table: Table,
    notes: BTreeMap<Partition, BTreeMap<Offset, Note>>,
}

impl Ledger {
    /// Opens the ledger of a stream's batch lane.
    pub async fn open(tables: &TableRoot, stream: &str) -> Result<Self, LaneError> {
        let table = Table::open(&tables.table("ledger", stream)?, &schema()).await?;
        let mut notes: BTreeMap<Partition, BTreeMap<Offset, Note>> = BTreeMap::new();
        let schema = schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let mut rows = table.scan(&columns).await?;
        while let Some(batch) = rows.try_next().await? {
            let read = read(&batch)
                .map_err(|error| LaneError::Key { stream: stream.to_owned(), reason: error.to_string() })?;
            for (partition, start, note) in read {
                let known = notes.entry(partition).or_default();
                if known.get(&start).is_none_or(|known| known.noted <= note.noted) {
                    known.insert(start, note);
                }
            }
        }
        Ok(Self { table, notes })
    }

    /// Whether it knows of any object of a partition. The ledger of a table that is older than ledgers does not.
    pub fn is_empty(&self, partition: Partition) -> bool {
        self.notes.get(&partition).is_none_or(BTreeMap::is_empty)
    }

    /// The start of the last known object that begins at or before `position`.
    pub fn last_before(&self, partition: Partition, position: Offset) -> Option<Offset> {
        self.notes.get(&partition)?.range(..=position).next_back().map(|(start, _)| *start)
    }

    /// Keeps what objects are like that are about to be read.
    pub async fn note(
        &mut self,
        partition: Partition,
        objects: &[StoredObject],
        now: Timestamp,
    ) -> Result<(), LaneError> {
        let new = self.remember(partition, objects, now);
        if !new.is_empty() {
            self.table.commit(&Commit { rows: vec![rows(&new)], ..Commit::default() }).await?;
        }
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
            let new = self.remember(*partition, objects, now);
            files.write(rows(&new)).await;
        }
        self.table.overwrite(files.finish().await?, &Commit { progress, ..Commit::default() }).await?;
        Ok(())
    }

    /// What is not known of the objects, which it is from now on.
    fn remember(
        &mut self,
        partition: Partition,
        objects: &[StoredObject],
        now: Timestamp,
    ) -> Vec<(Partition, Offset, Note)> {
        let known = self.notes.entry(partition).or_default();
        let mut new = Vec::new();
        for stored in objects {
            let start = stored.object.start;
            if known.get(&start).is_some_and(|note| note.is_of(stored)) {
                continue;
            }
            let note = Note {
                path: stored.object.path.to_string(),
                size: stored.object.size,
                modified: stored.modified,
                e_tag: stored.e_tag.clone(),
                noted: now,
            };
            known.insert(start, note.clone());
            new.push((partition, start, note));
        }
        new
    }

    /// Looks at a slice of the objects that begin before `position`, and says what has changed among them. A ledger that knows none
    /// has nothing to compare them with.
    pub async fn look(
        &mut self,
        archive: &ArchiveReader,
        at: &TopicPartition,
        position: Offset,
    ) -> Result<Vec<ObjectChange>, LaneError> {
        if self.is_empty(at.partition) {
            return Ok(Vec::new());
        }
        let application = cursor_of(at.partition);
        let cursor = self.table.progress(&application).await?;
        let begin = Offset(cursor.unsigned_abs());
        let mut stored = archive.stored(at, begin, SLICE).await?;
        let is_last_slice = stored.len() < SLICE || stored.last().is_none_or(|last| last.object.start >= position);
        stored.retain(|stored| stored.object.start < position);
        let end =
            if is_last_slice { position } else { stored.last().map_or(position, |last| last.object.start.plus(1)) };
        let next = if is_last_slice { 0 } else { crate::writer::signed(end) };
        let changes = self.changes(at, &stored, begin, end);
        if next != cursor {
            let progress = vec![Progress { application, from: cursor, to: next }];
            self.table.commit(&Commit { progress, ..Commit::default() }).await?;
        }
        if let Err(error) = self.table.keep_healthy().await {
            tracing::warn!(%error, "small files and old versions stay for now");
        }
        Ok(changes)
    }

    fn changes(&self, at: &TopicPartition, stored: &[StoredObject], begin: Offset, end: Offset) -> Vec<ObjectChange> {
        let change = |path: &str, start, fault| ObjectChange { at: at.clone(), path: path.to_owned(), start, fault };
        let none = BTreeMap::new();
        let known = self.notes.get(&at.partition).unwrap_or(&none);
        let mut changes = Vec::new();
        for stored in stored {
            let (start, path) = (stored.object.start, stored.object.path.as_ref());
            match known.get(&start) {
                Some(note) if note.is_of(stored) => {}
                Some(note) if note.path == path => changes.push(change(path, start, ObjectFault::Rewritten)),
                _ => changes.push(change(path, start, ObjectFault::Late)),
            }
        }
        for (start, note) in known.range(begin..end) {
            if !stored.iter().any(|stored| stored.object.path.as_ref() == note.path) {
                changes.push(change(&note.path, *start, ObjectFault::Vanished));
            }
        }
        changes.sort_by_key(|change| change.start);
        changes
    }
}

/// Where the next slice of old objects begins.
fn cursor_of(partition: Partition) -> String {
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
    ]))
}

fn rows(notes: &[(Partition, Offset, Note)]) -> RecordBatch {
    let number = |of: fn(&(Partition, Offset, Note)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(notes.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(notes.iter().map(|(partition, ..)| partition.0.cast_signed()))),
        number(|(_, start, _)| start.0.cast_signed()),
        Arc::new(StringArray::from_iter_values(notes.iter().map(|(.., note)| &note.path))),
        number(|(.., note)| note.size.cast_signed()),
        number(|(.., note)| note.modified.as_millis()),
        Arc::new(notes.iter().map(|(.., note)| note.e_tag.as_deref()).collect::<StringArray>()),
        number(|(.., note)| note.noted.as_millis()),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are built in the order and types of the schema")
}

fn read(batch: &RecordBatch) -> Result<Vec<(Partition, Offset, Note)>, ArrowError> {
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
        let note = Note {
            path: text(2, row).unwrap_or_default(),
            size: number(3, row).cast_unsigned(),
            modified: Timestamp::from_millis(number(4, row)),
            e_tag: text(5, row),
            noted: Timestamp::from_millis(number(6, row)),
        };
        (partition, Offset(number(1, row).cast_unsigned()), note)
    };
    Ok((0..batch.num_rows()).map(note).collect())
}
