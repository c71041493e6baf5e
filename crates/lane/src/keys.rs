//! The keys that a lane remembers, read from its table.

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use pinflow_clean::KeySet;
use pinflow_event::Timestamp;
use pinflow_table::{Table, TableError};

use crate::error::LaneError;
use crate::writer::LaneParts;

/// Parts of a window whose files are read together: their keys count from the end of the part.
const PARTS: u32 = 16;

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
        let failed =
            |error: arrow::error::ArrowError| LaneError::Key { stream: stream.to_owned(), reason: error.to_string() };
        keys.remember(batch.column(0), committed).map_err(failed)?;
    }
    Ok(())
}
