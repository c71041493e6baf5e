//! The dead letters of a stream: how a lane writes them, takes them back when their records come again, and how they are looked up.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use pinflow_event::{Offset, Partition, Position, Timestamp};
use pinflow_pipeline::Lane;
use pinflow_table::{
    Commit, DeadLetter, OtherColumns, Table, TableLocation, TableRoot, dead_letter_rows, dead_letter_schema,
    dead_letters_from, dead_letters_in,
};
use tokio::sync::Mutex;

use crate::chunk::{Chunk, RecordView, nth};
use crate::error::LaneError;
use crate::letters::places_of;
use crate::writer::{LaneWriter, keep_healthy};

/// The table of a stream's dead letters: both lanes write it, one at a time.
pub type DeadTable = Arc<Mutex<Table>>;

/// The table of a stream's dead letters. Who needs it first opens it.
///
/// # Errors
/// [`LaneError::Table`] where its name is unfit.
pub fn dead_table(tables: &TableRoot, stream: &str) -> Result<DeadTable, LaneError> {
    let table = Table::unopened(&tables.table("dead", stream)?, &dead_letter_schema(), OtherColumns::Add)?;
    Ok(Arc::new(Mutex::new(table)))
}

pub(crate) async fn open_letters(location: &TableLocation) -> Result<DeadTable, LaneError> {
    Ok(Arc::new(Mutex::new(Table::open_and_widen(location, &dead_letter_schema()).await?)))
}

/// Which dead letters of a stream are meant. The default means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Those of one lane.
    pub lane: Option<Lane>,
    /// Those of one partition.
    pub partition: Option<Partition>,
    /// Those from this offset on.
    pub from: Option<Offset>,
    /// Those before this offset.
    pub to: Option<Offset>,
    /// Those that were rejected at that time or later.
    pub since: Option<Timestamp>,
    /// Those whose reason holds this text.
    pub reason: Option<String>,
}

impl LetterFilter {
    /// Whether a letter is meant.
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let Position { partition, offset } = letter.position;
        self.lane.is_none_or(|lane| letter.lane == lane.as_str())
            && self.partition.is_none_or(|wanted| partition == wanted)
            && self.from.is_none_or(|from| offset >= from)
            && self.to.is_none_or(|to| offset < to)
            && self.since.is_none_or(|since| letter.rejected >= since)
            && self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason))
    }
}

/// A dead letter in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLetter {
    /// The letter, with the beginning of its bytes.
    pub letter: DeadLetter,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The newest letters that `filter` takes, newest first, `limit` at most, each with `shown` of its bytes.
///
/// # Errors
/// [`LaneError::Table`], [`LaneError::Letters`].
pub async fn newest_letters(
    dead: &DeadTable,
    filter: &LetterFilter,
    limit: usize,
    shown: usize,
) -> Result<Vec<ListedLetter>, LaneError> {
    let mut newest = BTreeMap::new();
    for_each_letter(dead, |mut letter| {
        if !filter.takes(&letter) {
            return;
        }
        let bytes = letter.raw.as_ref().map_or(0, Vec::len) as u64;
        letter.raw.iter_mut().for_each(|raw| raw.truncate(shown));
        let Position { partition, offset } = letter.position;
        let place = (Reverse(letter.rejected), letter.topic.clone(), partition, Reverse(offset), letter.lane.clone());
        newest.insert(place, ListedLetter { letter, bytes });
        if newest.len() > limit {
            newest.pop_last();
        }
    })
    .await?;
    Ok(newest.into_values().collect())
}

/// Looks at every letter, in no order. The table is held for as long as it takes to find its files.
pub(crate) async fn for_each_letter(dead: &DeadTable, mut look: impl FnMut(DeadLetter)) -> Result<(), LaneError> {
    let schema = dead_letter_schema();
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut table = dead.lock().await;
    table.open_now().await?;
    let mut batches = table.scan_large_rows(&columns).await?;
    drop(table);
    while let Some(batch) = batches.try_next().await? {
        dead_letters_in(&batch)?.for_each(&mut look);
    }
    Ok(())
}

impl LaneWriter {
    /// Whether a letter is of this lane.
    pub(crate) fn owns(&self, letter: &DeadLetter) -> bool {
        letter.lane == self.parts.lane.as_str() && letter.topic == self.topic().as_str()
    }

    pub(crate) fn dead_letter(&self, chunks: &[Chunk], reject: &pinflow_clean::Reject) -> DeadLetter {
        let RecordView { position, arrived, value } = nth(chunks, reject.index);
        DeadLetter {
            lane: self.parts.lane.to_string(),
            topic: self.topic().to_string(),
            position,
            reason: reject.cause.to_string(),
            place: reject.cause.place(),
            raw: value.map(<[u8]>::to_vec),
            arrived,
            rejected: self.parts.clock.now(),
            removal: None,
        }
    }

    pub(crate) async fn commit_dead(&self, letters: &[DeadLetter]) -> Result<(), LaneError> {
        if letters.is_empty() {
            return Ok(());
        }
        let mut table = self.parts.dead.lock().await;
        table.commit(&Commit { rows: vec![dead_letter_rows(letters)], ..Commit::default() }).await?;
        keep_healthy(&mut table).await;
        Ok(())
    }

    /// Takes back the dead letters of records behind the committed position: they will come again. Brings a removal to its end that
    /// was broken off. Returns how many letters are left.
    pub(crate) async fn rewind_dead(&mut self) -> Result<u64, LaneError> {
        let dead = Arc::clone(&self.parts.dead);
        let mut batches = {
            let mut dead = dead.lock().await;
            dead.reload().await?;
            dead.scan(&["lane", "topic", "partition", "offset", "removal"]).await?
        };
        let (lane, topic) = (self.parts.lane.as_str(), self.topic().to_string());
        let mut places: Vec<(Position, Option<i64>)> = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            places.extend(places_in(&batch, lane, &topic)?);
        }
        let removed = self.removals().await?;
        let mut left = 0;
        let mut early: BTreeMap<Partition, Offset> = BTreeMap::new();
        for (Position { partition, offset }, removal) in &places {
            let position = self.committed(*partition).await?;
            if *offset >= position {
                early.insert(*partition, position);
            } else if removal.is_none_or(|number| number > removed) {
                left += 1;
            }
        }
        for (partition, offset) in early {
            let behind = dead_letters_from(lane, &topic, Position { partition, offset });
            dead.lock().await.delete(behind).await?;
        }
        if places.iter().any(|(_, removal)| removal.is_some()) {
            self.finish_removals(removed).await?;
        }
        Ok(left)
    }
}

/// Where the letters of one lane and topic stand, and the removals that take them, among rows of lane, topic, partition, offset,
/// removal.
fn places_in(rows: &RecordBatch, lane: &str, topic: &str) -> Result<Vec<(Position, Option<i64>)>, ArrowError> {
    let removals = cast(rows.column(4), &DataType::Int64)?;
    let removals = removals.as_primitive::<Int64Type>();
    let removal = |row| removals.is_valid(row).then(|| removals.value(row));
    let places = places_of(rows, lane, topic)?.into_iter().enumerate();
    let ours = places.filter_map(|(row, place)| Some((row, place?)));
    Ok(ours.map(|(row, (partition, offset))| (Position { partition, offset }, removal(row))).collect())
}
