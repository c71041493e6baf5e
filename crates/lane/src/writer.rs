//! The part that both lanes share: records of a stream in; rows, dead letters and the position out, exactly once.
//!
//! The order is what makes it so. Dead letters are committed first; then the rows, with the lane's position, in one commit. After a
//! crash between the two the records come again, so whoever reads the position takes back the dead letters behind it. The same
//! keeps them right where a table was moved away to be built anew.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};

use arrow::error::ArrowError;
use pinflow_clean::{CleanBatch, Cleaner, NewKeys, definition};
use pinflow_event::{Clock, Offset, Partition, TopicName};

use pinflow_pipeline::{Lane, Stream};
use pinflow_table::{DeadLetter, OtherColumns, Table, TableLocation, TableRoot};

use tokio::time::Instant;

use crate::chunk::Chunk;
use crate::dead_letters::DeadTable;
use crate::error::LaneError;
use crate::fresh::{Committed, SharedCommitted};
use crate::gathering::Gathering;
use crate::keys;
use crate::replay::{Replay, live_place};

use crate::status::{BatchStatus, SharedStatus};

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
    /// The secret of the key hashes; see [`pinflow_clean::KeySet::new`].
    pub secret: (u64, u64),
}

/// Writes one lane of one stream.
#[derive(Debug)]
pub struct LaneWriter {
    pub(crate) parts: LaneParts,
    pub(crate) table: Table,
    committed: SharedCommitted,
    pub(crate) status: SharedStatus,
    /// What makes its rows, as the table keeps it; see [`pinflow_clean::definition`].
    pub(crate) definition: i64,
    /// Bytes of records whose keys were looked up since it forgot its keys.
    pub(crate) looked_up_bytes: usize,
    /// The tables are not open yet; or a commit was begun and its outcome not learned: it failed, or whoever waited for it gave up. Then
    /// the table alone knows the position and the keys, and both are read before anything else.
    pub(crate) in_doubt: bool,
}

impl LaneWriter {
    /// Opens the lane's table; a stream lane remembers the keys that it holds. A table that has other columns than the cleaning gives now is
    /// opened too: nothing can be written until a replay has built it anew. What a replay has left that a crash broke off is finished
    /// where its rows were swapped in, else removed: none of the lane may be under way.
    ///
    /// # Errors
    /// [`LaneError::Table`], [`LaneError::Key`].
    pub async fn open(parts: LaneParts) -> Result<Self, LaneError> {
        let mut writer = Self::unopened(parts)?;
        writer.open_tables().await?;
        Ok(writer)
    }

    /// A writer that opens its tables when it is asked for a position, if [`LaneWriter::open_tables`] has not done so before: for whoever
    /// must not wait for a store that cannot be reached.
    ///
    /// # Errors
    /// [`LaneError::Table`] where the table's name is unfit.
    pub fn unopened(parts: LaneParts) -> Result<Self, LaneError> {
        let place = live_place(&parts)?;
        Self::at(parts, &place)
    }

    /// Opens the tables now; see [`LaneWriter::open`].
    ///
    /// # Errors
    /// As [`LaneWriter::open`]; then it is tried again when a position is asked for.
    pub async fn open_tables(&mut self) -> Result<(), LaneError> {
        self.recover().await?;
        if let Err(error) = Replay::clear(&self.parts).await {
            // The next replay clears it, too.
            tracing::warn!(lane = %self.name(), %error, "what is left of a replay that broke off stays for now");
        }
        Ok(())
    }

    /// As [`LaneWriter::open`], at another place than the lane's own.
    pub(crate) async fn open_at(parts: LaneParts, location: &TableLocation) -> Result<Self, LaneError> {
        let mut writer = Self::at(parts, location)?;
        writer.recover().await?;
        Ok(writer)
    }

    fn at(parts: LaneParts, location: &TableLocation) -> Result<Self, LaneError> {
        let table = Table::unopened(location, parts.cleaner.output_schema(), OtherColumns::Read)?;
        let definition = definition(&parts.stream);
        Ok(Self {
            parts,
            table,
            committed: SharedCommitted::default(),
            status: SharedStatus::default(),
            definition,
            looked_up_bytes: 0,
            in_doubt: true,
        })
    }

    /// Reads from the tables what the lane remembers of them, after it has finished the exchange of letters that a swap began.
    pub(crate) async fn recover(&mut self) -> Result<(), LaneError> {
        self.read_tables().await?;
        if self.finish_swap().await? {
            self.read_tables().await?;
        }
        self.in_doubt = false;
        Ok(())
    }

    /// Reads from the tables what the lane remembers of them, where that may be something else.
    pub(crate) async fn resolve_doubt(&mut self) -> Result<(), LaneError> {
        if self.in_doubt {
            self.recover().await?;
        }
        Ok(())
    }

    async fn read_tables(&mut self) -> Result<(), LaneError> {
        // The old keys go first: there is no memory for both.
        self.write_committed().keys = None;
        self.table.reload().await?;
        let keys = match self.parts.cleaner.key_column() {
            // No row is added to a table with other columns, so none has to be told apart.
            Some(_) if self.table.check_columns().is_ok() => Some(keys::on_open(&self.parts, &self.table).await?),
            _ => None,
        };
        let mut position = BTreeMap::new();
        for partition in self.status.get().position.into_keys() {
            position.insert(partition, self.committed(partition).await?);
        }
        let other_columns = self.columns_trouble();
        *self.write_committed() = Committed { positions: position.clone(), keys, other_columns };
        let dead = self.rewind_dead().await?;
        let duplicates = self.counter("duplicates").await?;
        let filtered = self.counter("filtered").await?;
        let dropped = self.counter("dropped").await?;
        let rows = self.table.row_count()?;
        let distinct_keys = self.key_count()?;
        self.status.update(|status| {
            status.position = position;
            status.dead = dead;
            status.duplicates = duplicates;
            status.filtered = filtered;
            status.dropped = dropped;
            status.rows = rows;
            status.distinct_keys = distinct_keys;
        });
        Ok(())
    }

    /// The topic that the lane reads.
    pub fn topic(&self) -> &TopicName {
        &self.parts.stream.lane(self.parts.lane).topic
    }

    /// The stream's name.
    pub fn stream(&self) -> &str {
        &self.parts.stream.name
    }

    /// The name under which the lane tells the log what it still needs.
    pub fn name(&self) -> String {
        format!("{} lane of {}", self.parts.lane, self.parts.stream.name)
    }

    /// What the lane tells about itself.
    pub fn status(&self) -> SharedStatus {
        self.status.clone()
    }

    /// Why nothing can be written until a replay has built the table anew, where its columns are others than the cleaning gives.
    pub(crate) fn columns_trouble(&self) -> Option<String> {
        self.table.check_columns().err().map(|error| error.to_string())
    }

    /// The committed position of a partition.
    ///
    /// # Errors
    /// [`LaneError::Table`].
    pub async fn position(&mut self, partition: Partition) -> Result<Offset, LaneError> {
        self.resolve_doubt().await?;
        let offset = self.committed(partition).await?;
        self.write_committed().positions.insert(partition, offset);
        self.status.update(|status| {
            status.position.insert(partition, offset);
        });
        Ok(offset)
    }

    pub(crate) async fn committed(&mut self, partition: Partition) -> Result<Offset, LaneError> {
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
        let now = self.parts.clock.now();
        self.write_committed().keys.iter_mut().for_each(|keys| keys.forget(now));
        Ok(Gathering::new(self.table.begin_files()?, began))
    }

    /// Adds a cleaned batch to a commit. Its chunks begin where the commit's chunks so far end, else at the committed positions.
    ///
    /// # Errors
    /// [`LaneError::Key`]; [`LaneError::Table`] where the table does not take a column that is new. A part of the batch may be in the
    /// commit then, so it must not be made.
    pub(crate) async fn gather(
        &mut self,
        gathering: &mut Gathering,
        chunks: &[Chunk],
        cleaned: CleanBatch,
    ) -> Result<(), LaneError> {
        let letters: Vec<DeadLetter> = cleaned.rejects.iter().map(|reject| self.dead_letter(chunks, reject)).collect();
        self.gather_rows(gathering, cleaned).await?;
        gathering.letter_bytes += letters.iter().filter_map(|letter| letter.raw.as_ref()).map(Vec::len).sum::<usize>();
        gathering.letters.extend(letters);
        gathering.cover(chunks);
        Ok(())
    }

    /// Adds the rows of a cleaned batch to a commit.
    ///
    /// # Errors
    /// As [`LaneWriter::gather`].
    pub(crate) async fn gather_rows(
        &mut self,
        gathering: &mut Gathering,
        cleaned: CleanBatch,
    ) -> Result<(), LaneError> {
        let CleanBatch { rows, filtered, nulled, unknown, .. } = cleaned;
        gathering.unknown.absorb(&unknown);
        self.look_keys_up(std::iter::once(&rows)).await?;
        let rows = self.in_table_columns(gathering, rows).await?;
        let distinct = match (&self.read_committed().keys, self.parts.cleaner.key_column()) {
            (Some(keys), Some(column)) => {
                let distinct = keys.distinct(&rows, column, &mut gathering.new_keys);
                Some(distinct.map_err(|error| self.cleaning().key_error(&error))?)
            }
            _ => None,
        };
        gathering.duplicates += distinct.as_ref().map_or(0, |distinct| distinct.duplicates);
        let new_rows = distinct.map_or(rows, |distinct| distinct.rows);
        gathering.rows += new_rows.num_rows() as u64;
        gathering.filtered += filtered;
        gathering.nulled += nulled;
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
        let Gathering { files, mut written, letters, ranges, records, rows, duplicates, filtered, .. } = gathering;
        let Gathering { nulled, unknown, removal, arrivals, began, new_keys, .. } = gathering;
        written.join(files.finish().await?);
        self.table.commit_files(written, &commit).await?;

        self.accept(&ranges, new_keys);
        let distinct_keys = self.key_count()?;
        self.in_doubt = false;
        if let Some(removal) = removal {
            // No batch: its records were counted when they became letters.
            self.status.update(|status| {
                status.rows += rows;
                status.duplicates += duplicates;
                status.filtered += filtered;
                status.nulled += nulled;
                status.dead = status.dead.saturating_sub(removal.letters);
                status.dropped += removal.dropped();
                status.distinct_keys = distinct_keys;
            });
            keep_healthy(&mut self.table).await;
            return Ok(());
        }
        let batch = BatchStatus {
            number: 0,
            records,
            rows,
            duplicates,
            filtered,
            dead: letters.len() as u64,
            nulled,
            distinct_keys,
            duration: began.elapsed(),
            committed: self.parts.clock.now(),
            behind: 0,
            freshness: None,
        };
        self.status.committed(batch, &ranges, &arrivals, &unknown);
        keep_healthy(&mut self.table).await;
        Ok(())
    }

    fn accept(&self, ranges: &BTreeMap<Partition, (Offset, Offset)>, new_keys: NewKeys) {
        let now = self.parts.clock.now();
        let mut committed = self.write_committed();
        if let Some(keys) = &mut committed.keys {
            keys.accept(new_keys, now);
        }
        committed.positions.extend(ranges.iter().map(|(partition, (_, next))| (*partition, *next)));
    }

    /// What is committed, for those who look behind it.
    pub(crate) fn shared_committed(&self) -> SharedCommitted {
        Arc::clone(&self.committed)
    }

    pub(crate) fn read_committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed.read().expect("nobody panics while writing what is committed")
    }

    pub(crate) fn write_committed(&self) -> RwLockWriteGuard<'_, Committed> {
        self.committed.write().expect("nobody panics while writing what is committed")
    }

    /// How many keys it remembers; where it does not know all of them, how many the table has.
    fn key_count(&self) -> Result<u64, LaneError> {
        Ok(match &self.read_committed().keys {
            Some(keys) if keys.is_complete() => keys.len() as u64,
            Some(_) => self.table.row_count()?,
            None => 0,
        })
    }

    pub(crate) fn position_of(&self, partition: Partition) -> String {
        application_of(self.topic(), partition)
    }

    pub(crate) fn counter_of(&self, counter: &str) -> String {
        counter_of(self.topic(), counter)
    }

    pub(crate) async fn counter(&mut self, counter: &str) -> Result<u64, LaneError> {
        Ok(self.table.progress(&self.counter_of(counter)).await?.unsigned_abs())
    }
}

/// The cleaning of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Cleaning {
    pub stream: String,
    pub cleaner: Arc<Cleaner>,
}

impl Cleaning {
    /// The number of the key's column in the cleaned rows.
    pub fn key_column(&self) -> Option<usize> {
        self.cleaner.key_column()
    }

    /// That a key could not be read.
    pub fn key_error(&self, error: &ArrowError) -> LaneError {
        keys::unreadable(&self.stream, error)
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

/// The application id under which a table keeps a count of the lane that reads a topic.
pub(crate) fn counter_of(topic: &TopicName, counter: &str) -> String {
    format!("pinflow/{topic}/{counter}")
}

/// The application id under which a table keeps how far it has taken in a partition.
pub(crate) fn application_of(topic: &TopicName, partition: Partition) -> String {
    format!("pinflow/{topic}/{partition}")
}

/// Begins the table's upkeep where that is due. The rows are committed before, so a failure is told and tried again after a later
/// commit.
pub(crate) async fn keep_healthy(table: &mut Table) {
    if let Err(error) = table.keep_healthy().await {
        tracing::warn!(%error, "small files and old versions stay for now");
    }
}

/// Offsets as Delta keeps them.
pub(crate) fn signed(offset: Offset) -> i64 {
    i64::try_from(offset.0).expect("a partition has less than 2^63 records")
}
