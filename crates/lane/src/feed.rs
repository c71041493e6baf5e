//! From chunks to commits: chunks are cleaned side by side, and many of them go into one commit.

use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use pinflow_clean::CleanBatch;
use tokio::time::Instant;

use crate::chunk::Chunk;
use crate::error::LaneError;
use crate::gathering::Gathering;
use crate::intake::AbortOnDrop;
use crate::writer::LaneWriter;

/// Batches that are cleaned side by side, or wait for the one before them.
const CLEANED_AT_ONCE: usize = 3;

/// Bytes of records after which a commit is made: what a crash makes the lane do again at most.
const COMMIT_BYTES: usize = 512 << 20;

/// Where a table's keys are not known, up to so many bytes of a run are cleaned ahead: if that is all, their keys are looked up in the table;
/// if there is more, all keys are read.
const LOOKED_UP_BYTES: usize = 64 << 20;

/// Takes chunks of one partition to the table, each of which goes on where the one before it ended.
///
/// # Errors
/// The first trouble among the chunks, or of the table. What comes before it is committed.
pub(crate) async fn take_all(
    writer: &mut LaneWriter,
    chunks: impl Stream<Item = Result<Chunk, LaneError>>,
) -> Result<(), LaneError> {
    let cleaning = writer.cleaning();
    let cleaned = chunks.map(move |chunk| {
        let cleaning = cleaning.clone();
        async move {
            let chunks = Arc::new(vec![chunk?]);
            let cleaned = AbortOnDrop::spawn({
                let chunks = Arc::clone(&chunks);
                async move { cleaning.clean(&chunks).await }
            });
            Ok((chunks, cleaned.join().await?))
        }
    });
    let mut cleaned = pin!(cleaned.buffered(CLEANED_AT_ONCE));
    let ahead = know_keys(writer, &mut cleaned).await?;
    let mut cleaned = stream::iter(ahead).chain(cleaned);
    let mut open: Option<Gathering> = None;
    let end: Result<(), LaneError> = loop {
        let (chunks, cleaned) = match cleaned.next().await {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        };
        let mut gathering = match open.take() {
            Some(open) => open,
            None => writer.begin(Instant::now())?,
        };
        writer.gather(&mut gathering, &chunks, cleaned).await?;
        if gathering.bytes >= COMMIT_BYTES || gathering.is_heavy() {
            writer.commit(gathering).await?;
        } else {
            open = Some(gathering);
        }
    };
    // Also before a trouble: the good records do not wait for it to be mended.
    if let Some(gathering) = open {
        writer.commit(gathering).await?;
    }
    end
}

/// A batch with the records that it was cleaned of.
type Cleaned = Result<(Arc<Vec<Chunk>>, CleanBatch), LaneError>;

/// Lets the writer know the keys that it needs for the batches to come. Returns those that were taken for it.
async fn know_keys(
    writer: &mut LaneWriter,
    cleaned: &mut (impl Stream<Item = Cleaned> + Unpin),
) -> Result<Vec<Cleaned>, LaneError> {
    let mut ahead = Vec::new();
    if writer.knows_all_keys() {
        return Ok(ahead);
    }
    while let Some(batch) = cleaned.next().await {
        writer.looked_up_bytes += batch.iter().flat_map(|(chunks, _)| chunks.iter()).map(Chunk::bytes).sum::<usize>();
        let is_trouble = batch.is_err();
        ahead.push(batch);
        if is_trouble {
            break;
        }
        if writer.looked_up_bytes > LOOKED_UP_BYTES {
            writer.read_all_keys().await?;
            return Ok(ahead);
        }
    }
    writer.look_keys_up(ahead.iter().flatten().map(|(_, cleaned)| &cleaned.rows)).await?;
    Ok(ahead)
}
