//! The part that both lanes share: records of a stream in; rows, dead letters and the position out, exactly once.
//!
//! The order is what makes it so. Dead letters are committed first; then the rows, with the lane's position, in one commit. After a
//! crash between the two the records come again, so whoever reads the position takes back the dead letters behind it. The same
//! keeps them right where a table was moved away to be built anew.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use pinflow_clean::{CleanBatch, Cleaner, KeySet, NewKeys};
use pinflow_event::{Clock, Offset, Partition, Position, TopicName};
use pinflow_pipeline::{Lane, Stream};
use pinflow_table::{
    Commit, DeadLetter, Progress, Table, TableRoot, dead_letter_rows, dead_letter_schema, dead_letters_from,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::chunk::{Chunk, RecordView, nth};
use crate::error::LaneError;
use crate::fresh::{Committed, SharedCommitted};
use crate::gathering::Gathering;
use crate::status::{BatchStatus, SharedStatus};

/// The table of a stream's dead letters: both lanes write it, one at a time.
pub type DeadTable = Arc<Mutex<Table>>;

/// Opens the table of a stream's dead letters.
///
/// # Errors
/// [`LaneError::Table`].
pub async fn open_dead_table(tables: &TableRoot, stream: &str) -> Result<DeadTable, LaneError> {
    let table = Table::open(&tables.table("dead", stream)?, &dead_letter_schema()).await?;
    Ok(Arc::new(Mutex::new(table)))
}

/// What a lane of a stream is made of.
#[derive(Clone, Debug)]
pub struct LaneParts {
    /// The stream.
    pub stream: Stream,
    /// Which of its lanes.
    pub lane: Lane,
    /// Its cleaning.
    pub cleaner: Arc<Cleaner>,
    /// Where tables stand.
    pub tables: TableRoot,
    /// The stream's dead letters.
    pub dead: DeadTable,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The secret of the key hashes; see [`KeySet::new`].
    pub secret: (u64, u64),
}

/// Writes one lane of one stream.
#[derive(Debug)]
pub struct LaneWriter {
    parts: LaneParts,
    table: Table,
    committed: SharedCommitted,
    status: SharedStatus,
    /// A commit was begun and its outcome not learned: it failed, or whoever waited for it gave up. Then the table alone knows
    /// the position and the keys, and both are read anew.
    in_doubt: bool,
}

impl LaneWriter {
    /// Opens the lane's table and remembers the keys that it holds.
    ///
    /// # Errors
    /// [`LaneError::Table`], [`LaneError::Key`].
    pub async fn open(parts: LaneParts) -> Result<Self, LaneError> {
        let location = parts.tables.table(parts.lane.as_str(), &parts.stream.lane(parts.lane).table)?;
        let table = Table::open(&location, parts.cleaner.output_schema()).await?;
        let mut writer = Self {
            parts,
            table,
            committed: SharedCommitted::default(),
            status: SharedStatus::default(),
            in_doubt: false,
        };
        writer.recover().await?;
        Ok(writer)
    }

    /// Reads from the tables what the lane remembers of them.
    async fn recover(&mut self) -> Result<(), LaneError> {
        // The old keys go first: there is no memory for both.
        self.write_committed().keys = None;
        self.table.reload().await?;
        let keys = match self.parts.cleaner.key_column() {
            Some(_) => Some(read_keys(&self.parts, &self.table).await?),
            None => None,
        };
        let mut position = BTreeMap::new();
        for partition in self.status.get().position.into_keys() {
            position.insert(partition, self.committed(partition).await?);
        }
        *self.write_committed() = Committed { positions: position.clone(), keys };
        let dead = self.rewind_dead().await?;
        let duplicates = self.counter("duplicates").await?;
        let filtered = self.counter("filtered").await?;
        let rows = self.table.row_count()?;
        let distinct_keys = self.key_count();
        self.status.update(|status| {
            status.position = position;
            status.dead = dead;
            status.duplicates = duplicates;
            status.filtered = filtered;
            status.rows = rows;
            status.distinct_keys = distinct_keys;
        });
        self.in_doubt = false;
        Ok(())
    }

    /// Takes back the dead letters of records behind the committed position: they will come again. Returns how many are left.
    async fn rewind_dead(&mut self) -> Result<u64, LaneError> {
        let dead = Arc::clone(&self.parts.dead);
        let mut dead = dead.lock().await;
        dead.reload().await?;
        let (lane, topic) = (self.parts.lane.as_str(), self.topic().to_string());
        let mut letters = dead.scan(&["lane", "topic", "partition", "offset"]).await?;
        let mut left = 0;
        let mut early: BTreeMap<Partition, Offset> = BTreeMap::new();
        while let Some(batch) = letters.try_next().await? {
            for (partition, offset) in letters_of(&batch, lane, &topic).map_err(|e| self.key_error(&e.to_string()))? {
                let position = self.committed(partition).await?;
                if offset < position {
                    left += 1;
                } else {
                    early.insert(partition, position);
                }
            }
        }
        for (partition, offset) in early {
            dead.delete(dead_letters_from(lane, &topic, Position { partition, offset })).await?;
        }
        Ok(left)
    }

    /// The topic that the lane reads.
    pub fn topic(&self) -> &TopicName {
        &self.parts.stream.lane(self.parts.lane).topic
    }

    /// The name under which the lane tells the log what it still needs.
    pub fn name(&self) -> String {
        format!("{} lane of {}", self.parts.lane, self.parts.stream.name)
    }

    /// What the lane tells about itself.
    pub fn status(&self) -> SharedStatus {
        self.status.clone()
    }

    /// The committed position of a partition.
    ///
    /// # Errors
    /// [`LaneError::Table`].
    pub async fn position(&mut self, partition: Partition) -> Result<Offset, LaneError> {
        if self.in_doubt {
            self.recover().await?;
        }
        let offset = self.committed(partition).await?;
        self.write_committed().positions.insert(partition, offset);
        self.status.update(|status| {
            status.position.insert(partition, offset);
        });
        Ok(offset)
    }

    async fn committed(&mut self, partition: Partition) -> Result<Offset, LaneError> {
        let application = self.position_of(partition);
        Ok(Offset(self.table.progress(&application).await?.unsigned_abs()))
    }

    /// The cleaning by itself, for whoever cleans batches ahead.
    pub(crate) fn cleaning(&self) -> Cleaning {
        Cleaning { stream: self.parts.stream.name.clone(), cleaner: Arc::clone(&self.parts.cleaner) }
    }

    /// Begins a commit.
    ///
    /// # Errors
    /// [`LaneError::Table`].
    pub(crate) fn begin(&self, began: Instant) -> Result<Gathering, LaneError> {
        Ok(Gathering::new(self.table.begin_files()?, began))
    }

    /// Adds a cleaned batch to a commit. Its chunks begin where the commit's chunks so far end, else at the committed positions.
    ///
    /// # Errors
    /// [`LaneError::Key`].
    pub(crate) async fn gather(
        &mut self,
        gathering: &mut Gathering,
        chunks: &[Chunk],
        cleaned: CleanBatch,
    ) -> Result<(), LaneError> {
        let CleanBatch { rows, rejects, filtered, nulled, .. } = cleaned;
        let distinct = match (&self.read_committed().keys, self.parts.cleaner.key_column()) {
            (Some(keys), Some(column)) => {
                let distinct = keys.distinct(&rows, column, &mut gathering.new_keys);
                Some(distinct.map_err(|error| self.cleaning().key_error(&error))?)
            }
            _ => None,
        };
        for reject in &rejects {
            let letter = self.dead_letter(chunks, reject);
            gathering.letter_bytes += letter.raw.as_ref().map_or(0, Vec::len);
            gathering.letters.push(letter);
        }
        gathering.duplicates += distinct.as_ref().map_or(0, |distinct| distinct.duplicates);
        let new_rows = distinct.map_or(rows, |distinct| distinct.rows);
        gathering.rows += new_rows.num_rows() as u64;
        gathering.filtered += filtered;
        gathering.nulled += nulled;
        gathering.cover(chunks);
        gathering.files.write(new_rows).await;
        Ok(())
    }

    /// Commits dead letters, then rows and position.
    ///
    /// # Errors
    /// [`LaneError`]; then the table alone knows how far it got.
    pub(crate) async fn commit(&mut self, gathering: Gathering) -> Result<(), LaneError> {
        self.in_doubt = true;
        self.commit_dead(&gathering.letters).await?;
        let commit = self.commit_of(&gathering).await?;
        let Gathering { files, letters, ranges, records, rows, duplicates, filtered, oldest, began, new_keys, .. } =
            gathering;
        self.table.commit_files(files.finish().await?, &commit).await?;
        self.accept(&ranges, new_keys);
        self.in_doubt = false;
        let now = self.parts.clock.now();
        let duration: Duration = began.elapsed();
        let distinct_keys = self.key_count();
        self.status.update(|status| {
            status.position.extend(ranges.iter().map(|(partition, (_, next))| (*partition, *next)));
            status.rows += rows;
            status.duplicates += duplicates;
            status.filtered += filtered;
            status.dead += letters.len() as u64;
            status.distinct_keys = distinct_keys;
            status.batches += 1;
            status.records += records;
            status.busy += duration;
            let freshness = oldest.map(|oldest| now.since(oldest));
            status.last_batch = Some(BatchStatus { records, rows, duration, committed: now, freshness });
        });
        keep_healthy(&mut self.table).await;
        Ok(())
    }

    fn dead_letter(&self, chunks: &[Chunk], reject: &pinflow_clean::Reject) -> DeadLetter {
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
        }
    }

    async fn commit_dead(&self, letters: &[DeadLetter]) -> Result<(), LaneError> {
        if letters.is_empty() {
            return Ok(());
        }
        let mut table = self.parts.dead.lock().await;
        table.commit(&Commit { rows: vec![dead_letter_rows(letters)], ..Commit::default() }).await?;
        keep_healthy(&mut table).await;
        Ok(())
    }

    async fn commit_of(&mut self, gathering: &Gathering) -> Result<Commit, LaneError> {
        let Gathering { duplicates, filtered, nulled, rows, letters, .. } = gathering;
        let mut progress: Vec<Progress> = gathering
            .ranges
            .iter()
            .map(|(partition, (from, next))| Progress {
                application: self.position_of(*partition),
                from: signed(*from),
                to: signed(*next),
            })
            .collect();
        for (counter, added) in [("duplicates", *duplicates), ("filtered", *filtered)] {
            if added > 0 {
                let before = self.counter(counter).await?.cast_signed();
                progress.push(Progress {
                    application: self.counter_of(counter),
                    from: before,
                    to: before + added.cast_signed(),
                });
            }
        }
        let mut notes = vec![
            ("pinflow.rows".to_owned(), (*rows).into()),
            ("pinflow.duplicates".to_owned(), (*duplicates).into()),
            ("pinflow.filtered".to_owned(), (*filtered).into()),
            ("pinflow.dead".to_owned(), letters.len().into()),
        ];
        if *nulled > 0 {
            // Values that a field's policy turned into null: never without a trace in the table's history.
            notes.push(("pinflow.nulled".to_owned(), (*nulled).into()));
        }
        Ok(Commit { rows: Vec::new(), progress, notes })
    }

    fn accept(&self, ranges: &BTreeMap<Partition, (Offset, Offset)>, new_keys: NewKeys) {
        let mut committed = self.write_committed();
        if let Some(keys) = &mut committed.keys {
            keys.accept(new_keys);
        }
        committed.positions.extend(ranges.iter().map(|(partition, (_, next))| (*partition, *next)));
    }

    /// What is committed, for those who look behind it.
    pub(crate) fn shared_committed(&self) -> SharedCommitted {
        Arc::clone(&self.committed)
    }

    fn read_committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed.read().expect("nobody panics while writing what is committed")
    }

    fn write_committed(&self) -> RwLockWriteGuard<'_, Committed> {
        self.committed.write().expect("nobody panics while writing what is committed")
    }

    fn key_count(&self) -> u64 {
        self.read_committed().keys.as_ref().map_or(0, |keys| keys.len() as u64)
    }

    fn position_of(&self, partition: Partition) -> String {
        application_of(self.topic(), partition)
    }

    fn counter_of(&self, counter: &str) -> String {
        format!("pinflow/{}/{counter}", self.topic())
    }

    async fn counter(&mut self, counter: &str) -> Result<u64, LaneError> {
        Ok(self.table.progress(&self.counter_of(counter)).await?.unsigned_abs())
    }

    fn key_error(&self, reason: &str) -> LaneError {
        LaneError::Key { stream: self.parts.stream.name.clone(), reason: reason.to_owned() }
    }
}

/// The cleaning of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Cleaning {
    stream: String,
    cleaner: Arc<Cleaner>,
}

impl Cleaning {
    /// The number of the key's column in the cleaned rows.
    pub fn key_column(&self) -> Option<usize> {
        self.cleaner.key_column()
    }

    /// That a key could not be read.
    pub fn key_error(&self, error: &ArrowError) -> LaneError {
        LaneError::Key { stream: self.stream.clone(), reason: error.to_string() }
    }

    /// Cleans off the async threads: the gateway must not wait for it.
    pub async fn clean(&self, chunks: &Arc<Vec<Chunk>>) -> Result<CleanBatch, LaneError> {
        let cleaner = Arc::clone(&self.cleaner);
        let chunks = Arc::clone(chunks);
        let work = move || {
            let mut records = Vec::with_capacity(chunks.iter().map(Chunk::len).sum());
            chunks.iter().for_each(|chunk| chunk.append_values(&mut records));
            cleaner.clean(&records)
        };
        let cleaned = tokio::task::spawn_blocking(work).await;
        Ok(cleaned
            .map_err(|error| LaneError::Panicked { stream: self.stream.clone(), reason: error.to_string() })??)
    }
}

/// The application id under which a table keeps how far it has taken in a partition.
pub(crate) fn application_of(topic: &TopicName, partition: Partition) -> String {
    format!("pinflow/{topic}/{partition}")
}

async fn read_keys(parts: &LaneParts, table: &Table) -> Result<KeySet, LaneError> {
    let failed = |reason: String| LaneError::Key { stream: parts.stream.name.clone(), reason };
    let key = parts.stream.key.as_deref().expect("a cleaner has a key column only where its stream has a key");
    let mut keys = KeySet::new(parts.secret);
    let mut batches = table.scan(&[key]).await?;
    while let Some(batch) = batches.try_next().await? {
        keys.remember(batch.column(0)).map_err(|error| failed(error.to_string()))?;
    }
    Ok(keys)
}

/// Begins the table's upkeep where that is due. The rows are committed before, so a failure is told and tried again after a later
/// commit.
async fn keep_healthy(table: &mut Table) {
    if let Err(error) = table.keep_healthy().await {
        tracing::warn!(%error, "small files and old versions stay for now");
    }
}

/// Where the letters of one lane and topic stand, among rows of lane, topic, partition, offset.
fn letters_of(rows: &RecordBatch, lane: &str, topic: &str) -> Result<Vec<(Partition, Offset)>, ArrowError> {
    let column = |number: usize, kind: &DataType| cast(rows.column(number), kind);
    let (lanes, topics) = (column(0, &DataType::Utf8)?, column(1, &DataType::Utf8)?);
    let (partitions, offsets) = (column(2, &DataType::UInt32)?, column(3, &DataType::UInt64)?);
    let (lanes, topics) = (lanes.as_string::<i32>(), topics.as_string::<i32>());
    let (partitions, offsets) = (partitions.as_primitive::<UInt32Type>(), offsets.as_primitive::<UInt64Type>());
    let ours = (0..rows.num_rows()).filter(|row| lanes.value(*row) == lane && topics.value(*row) == topic);
    Ok(ours.map(|row| (Partition(partitions.value(row)), Offset(offsets.value(row)))).collect())
}

/// Offsets as Delta keeps them.
fn signed(offset: Offset) -> i64 {
    i64::try_from(offset.0).expect("a partition has less than 2^63 records")
}
