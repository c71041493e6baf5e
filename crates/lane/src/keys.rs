//! The keys that a lane remembers, read from its table.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use pinflow_clean::KeySet;
use pinflow_event::Timestamp;
use pinflow_pipeline::Lane;
use pinflow_table::{Table, TableError};

use crate::error::LaneError;
use crate::writer::{LaneParts, LaneWriter};

/// Parts of a window whose files are read together: their keys count from the end of the part.
const PARTS: u32 = 16;

/// What a lane remembers of a table that it opens: all keys; a batch lane none, for it looks up those that a small run brings, and reads all
/// for a large one.
pub(crate) async fn on_open(parts: &LaneParts, table: &Table) -> Result<KeySet, LaneError> {
    if are_looked_up(parts, table)? { Ok(KeySet::unread(parts.secret)) } else { read(parts, table).await }
}

fn are_looked_up(parts: &LaneParts, table: &Table) -> Result<bool, LaneError> {
    Ok(parts.lane == Lane::Batch && parts.stream.within.is_none() && table.row_count()? > 0)
}

/// All keys of the table; where the stream has a window, those of the files that were written in it. A merge writes old rows into a
/// new file, so some keys are remembered longer than the window after a restart, and none shorter.
pub(crate) async fn read(parts: &LaneParts, table: &Table) -> Result<KeySet, LaneError> {
    let key = parts.stream.key.as_deref().expect("a cleaner has a key column only where its stream has a key");
    let stream = &parts.stream.name;
    let mut keys = KeySet::new(parts.secret, parts.stream.within);
    let now = parts.clock.now();
    let Some(window) = parts.stream.within else {
        keys.reserve(usize::try_from(table.row_count()?).unwrap_or_default());
        remember(&mut keys, table.scan(&[key]).await?, now, stream).await?;
        return Ok(keys);
    };
    let part = window / PARTS;
    let mut from = now.minus(window).minus(part);
    while from <= now {
        let until = from.plus(part);
        remember(&mut keys, table.scan_written(&[key], from, until).await?, until.min(now), stream).await?;
        from = until;
    }
    // A clock that was set back makes files of the future.
    let future = table.scan_written(&[key], from, Timestamp::from_millis(i64::MAX)).await?;
    remember(&mut keys, future, now, stream).await?;
    Ok(keys)
}

async fn remember(
    keys: &mut KeySet,
    mut batches: BoxStream<'static, Result<RecordBatch, TableError>>,
    committed: Timestamp,
    stream: &str,
) -> Result<(), LaneError> {
    while let Some(batch) = batches.try_next().await? {
        keys.remember(batch.column(0), committed).map_err(|error| unreadable(stream, &error))?;
    }
    Ok(())
}

/// That keys could not be read.
pub(crate) fn unreadable(stream: &str, error: &ArrowError) -> LaneError {
    LaneError::Key { stream: stream.to_owned(), reason: error.to_string() }
}

impl LaneWriter {
    /// Whether telling rows apart needs no look at the table.
    pub(crate) fn knows_all_keys(&self) -> bool {
        self.read_committed().keys.as_ref().is_none_or(KeySet::is_complete)
    }

    /// Reads all keys of the table.
    pub(crate) async fn read_all_keys(&self) -> Result<(), LaneError> {
        let keys = read(&self.parts, &self.table).await?;
        self.write_committed().keys = Some(keys);
        Ok(())
    }

    /// Forgets the keys that can be looked up when they are needed again.
    pub(crate) fn forget_keys(&mut self) -> Result<(), LaneError> {
        self.looked_up_bytes = 0;
        if self.read_committed().keys.is_some() && are_looked_up(&self.parts, &self.table)? {
            self.write_committed().keys = Some(KeySet::unread(self.parts.secret));
        }
        Ok(())
    }

    /// Looks up in the table those keys of some rows of which it does not know whether they are there.
    pub(crate) async fn look_keys_up(&self, rows: impl Iterator<Item = &RecordBatch>) -> Result<(), LaneError> {
        let Some(column) = self.parts.cleaner.key_column() else { return Ok(()) };
        let columns: Vec<ArrayRef> = rows.map(|rows| Arc::clone(rows.column(column))).collect();
        let failed = |error: ArrowError| unreadable(self.stream(), &error);
        let lookup =
            self.read_committed().keys.as_ref().map(|keys| keys.lookup(&columns)).transpose().map_err(failed)?;
        let Some(mut lookup) = lookup.filter(|lookup| !lookup.is_empty()) else { return Ok(()) };
        let key = self.parts.stream.key.as_deref().expect("a cleaner has a key column only where its stream has a key");
        let mut keys = self.table.scan_near(key, &columns).await?;
        while let Some(batch) = keys.try_next().await? {
            lookup.note_found(batch.column(0)).map_err(failed)?;
        }
        if let Some(keys) = &mut self.write_committed().keys {
            keys.learn(lookup, self.parts.clock.now());
        }
        Ok(())
    }
}
