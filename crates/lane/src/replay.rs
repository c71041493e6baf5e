//! Replay: a lane's table is built anew beside the live one, which goes on meanwhile, by the definition as it is now.
//!
//! Rows do not say which record they came from, so a part of a table cannot be exchanged by itself. A replay from a point takes the
//! live table as it was when its position was there, or the nearest kept version before, and cleans every record behind that
//! position again. Both parts are exact: a version of a table holds the records below its position, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{Stream, stream};
use pinflow_archive::{ArchiveError, ArchiveReader, ReadSettings, RecordBatches, Survey};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use pinflow_table::{Commit, Progress, Table, TableLocation};

use crate::batch::{Beside, MissingRecords};
use crate::chunk::{Chunk, LoggedRecord, Records};
use crate::dead_letters::{DeadTable, open_letters};
use crate::error::LaneError;
use crate::feed;
use crate::letters::copy_letters;
use crate::removal::REMOVALS;
use crate::status::SharedStatus;
use crate::versions::{Point, TableVersion, TableVersions};
use crate::writer::{LaneParts, LaneWriter, application_of, counter_of};

/// How much is read from the log at a time.
const READ_LIMIT: ReadLimit = ReadLimit { records: 50_000, bytes: 16 << 20 };

/// Where a replay finds records.
#[derive(Clone, Debug)]
pub struct ReplaySource {
    /// The archive.
    pub archive: ArchiveReader,
    /// The log. It keeps what a replay has not read yet.
    pub log: Arc<dyn EventLog>,
}

impl ReplaySource {
    /// The partitions that the log or the archive knows.
    pub(crate) async fn partitions(&self, topic: &TopicName) -> Result<Vec<Partition>, LaneError> {
        let mut partitions = self.archive.partitions(topic).await?;
        match self.log.topic(topic).await {
            Ok(known) => partitions.extend((0..known.config.partitions).map(Partition)),
            Err(LogError::UnknownTopic(_)) => {}
            Err(error) => return Err(error.into()),
        }
        partitions.sort_unstable();
        partitions.dedup();
        Ok(partitions)
    }
}

/// A table that is being built anew.
#[derive(Debug)]
pub struct Replay {
    pub(crate) writer: LaneWriter,
    places: Places,
    base: Option<TableVersion>,
    source: ReplaySource,
    protection: Protection,
}

/// The tables of a replay.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub rows: TableLocation,
    pub letters: TableLocation,
}

impl Places {
    pub fn of(parts: &LaneParts) -> Result<Self, LaneError> {
        let lane = parts.lane.as_str();
        Ok(Self {
            rows: parts.tables.table(&format!("shadow-{lane}"), &parts.stream.lane(parts.lane).table)?,
            letters: parts.tables.table(&format!("shadow-dead-{lane}"), &parts.stream.name)?,
        })
    }

    pub async fn remove(&self) -> Result<(), LaneError> {
        self.rows.remove().await?;
        Ok(self.letters.remove().await?)
    }
}

impl Replay {
    /// Begins at a point of the live table, or at the first record where `from` is `None` or no version from before the point is
    /// kept. What is left of an earlier replay of the same lane is removed. `parts` are those of the live lane.
    ///
    /// # Errors
    /// [`LaneError::Table`].
    pub async fn begin(parts: &LaneParts, source: ReplaySource, from: Option<Point>) -> Result<Self, LaneError> {
        let places = Places::of(parts)?;
        places.remove().await?;
        let (base, letters) = match from {
            None => (None, open_letters(&places.letters).await?),
            Some(point) => take_base(parts, &source, &places, point).await?,
        };
        let shadow_parts = LaneParts { dead: letters, ..parts.clone() };
        let mut writer = LaneWriter::open_at(shadow_parts, &places.rows).await?;
        let protection = Protection::new(&source.log, &writer);
        for partition in source.partitions(writer.topic()).await? {
            protection.from(partition, writer.position(partition).await?);
        }
        Ok(Self { writer, places, base, source, protection })
    }

    /// The version of the live table that it goes on from; `None` where it began with the first record.
    pub fn base(&self) -> Option<&TableVersion> {
        self.base.as_ref()
    }

    /// The table that is being built.
    pub fn table(&self) -> &TableLocation {
        &self.places.rows
    }

    /// What it did so far.
    pub fn status(&self) -> SharedStatus {
        self.writer.status()
    }

    /// Cleans the records up to before the offsets given. They come from the log as far as it has them, else from the archive.
    ///
    /// # Errors
    /// [`LaneError::Unavailable`] where neither has a record; what archive, log and table report.
    pub async fn read_to(&mut self, ends: &BTreeMap<Partition, Offset>) -> Result<(), LaneError> {
        for (partition, end) in ends {
            let at = TopicPartition::new(self.writer.topic().clone(), *partition);
            let from = self.writer.position(*partition).await?;
            if from >= *end {
                continue;
            }
            let log = &self.source.log;
            let bounds = match log.bounds(&at).await {
                Ok(bounds) => Some(bounds),
                Err(LogError::UnknownTopic(_) | LogError::UnknownPartition { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            if bounds.is_none_or(|bounds| bounds.earliest > from || bounds.end < *end) {
                let batches = self.source.archive.records(&at, from, ReadSettings::default()).await?;
                feed::take_all(&mut self.writer, archived(batches, *end, MissingRecords::Refuse)).await?;
            }
            let next = self.writer.position(*partition).await?;
            if next < *end {
                let available = bounds.filter(|bounds| bounds.earliest <= next && bounds.end >= *end);
                if available.is_none() {
                    let earliest = self.earliest_point(ends).await?;
                    return Err(LaneError::Unavailable { at, from: next, to: *end, earliest });
                }
                feed::take_all(&mut self.writer, logged(Arc::clone(&self.source.log), at, next, *end)).await?;
            }
            self.protection.from(*partition, *end);
        }
        Ok(())
    }

    /// The earliest point of the live table from which the log has all records to before `ends`.
    async fn earliest_point(&self, ends: &BTreeMap<Partition, Offset>) -> Result<Option<Offset>, LaneError> {
        let mut first = BTreeMap::new();
        for (partition, end) in ends {
            let at = TopicPartition::new(self.writer.topic().clone(), *partition);
            let held = self.source.log.bounds(&at).await.ok().filter(|bounds| bounds.end >= *end);
            first.insert(*partition, held.map_or(*end, |bounds| bounds.earliest));
        }
        let versions = TableVersions::read(&self.writer.parts, &self.source).await?;
        let version = versions.first_behind(&first);
        Ok(version.and_then(|version| version.positions.values().max().copied()))
    }

    /// Cleans everything that is archived, and says what is no records. Offsets that no object holds are passed over where
    /// `missing` accepts that.
    ///
    /// # Errors
    /// What archive and table report.
    pub(crate) async fn read_archive(&mut self, missing: MissingRecords) -> Result<Beside, LaneError> {
        let archive = self.source.archive.clone();
        let Survey { partitions, strangers } = archive.survey(self.writer.topic()).await?;
        let mut beside = Beside { strangers, empty: Vec::new() };
        for partition in partitions {
            let at = TopicPartition::new(self.writer.topic().clone(), partition);
            let from = self.writer.position(partition).await?;
            let mut listing = archive.objects_since(&at, from, None).await?;
            beside.strangers.absorb(std::mem::take(&mut listing.strangers));
            let batches = archive.records_of(&at, from, listing, ReadSettings::default());
            let empty = batches.empty_objects();
            feed::take_all(&mut self.writer, archived(batches, Offset(u64::MAX), missing)).await?;
            beside.add_empty(&empty);
        }
        Ok(beside)
    }

    /// Removes what a replay of a lane has built that was given up. The next one does so, too.
    ///
    /// # Errors
    /// [`LaneError::Table`].
    pub async fn clear(parts: &LaneParts) -> Result<(), LaneError> {
        Places::of(parts)?.remove().await
    }
}

/// Makes the version of the live table from which the replay goes on the shadow's, and its letters, where there is one.
async fn take_base(
    parts: &LaneParts,
    source: &ReplaySource,
    places: &Places,
    point: Point,
) -> Result<(Option<TableVersion>, DeadTable), LaneError> {
    // Held until the letters are copied: one that is retried or dropped meanwhile is marked before, or it is in the base.
    let live = parts.dead.lock().await;
    let mut tried = None;
    loop {
        let letters = open_letters(&places.letters).await?;
        let versions = TableVersions::read(parts, source).await?;
        let base = versions.before(point).filter(|base| base.positions.values().any(|at| *at > Offset::ZERO));
        let Some(base) = base else { return Ok((None, letters)) };
        let copied = async {
            let old = Table::at_version(&live_place(parts)?, base.version).await?;
            if !is_readable(&old, parts) {
                return Ok(None);
            }
            let mut shadow = Table::open(&places.rows, parts.cleaner.output_schema()).await?;
            copy_base(parts, &mut shadow, old, base).await?;
            copy_letters(&live, &mut *letters.lock().await, parts, &base.positions).await?;
            Ok(Some(base.clone()))
        };
        match copied.await {
            Ok(base) => return Ok((base, letters)),
            // The upkeep of the live table takes old versions away, also while they are copied.
            Err(error) if tried != Some(base.version) => {
                tracing::debug!(version = base.version, %error, "a replay looks for its base again");
                tried = Some(base.version);
            }
            Err(error) => return Err(error),
        }
        places.remove().await?;
    }
}

/// Whether rows of a version can be read as rows of today: where its columns had other types they could not. A column that is new is null
/// in them.
fn is_readable(old: &Table, parts: &LaneParts) -> bool {
    parts.cleaner.output_schema().fields().iter().all(|field| match old.schema().field_with_name(field.name()) {
        Ok(old) => old.data_type().equals_datatype(field.data_type()),
        Err(_) => parts.stream.key.as_ref() != Some(field.name()),
    })
}

/// Makes the rows and counters of a version of the live table those of the shadow.
async fn copy_base(
    parts: &LaneParts,
    shadow: &mut Table,
    mut old: Table,
    base: &TableVersion,
) -> Result<(), LaneError> {
    let topic = &parts.stream.lane(parts.lane).topic;
    let positions = base.positions.keys().map(|partition| application_of(topic, *partition));
    // The removals tell which marks on the copied letters are of letters that have left.
    let counters = ["duplicates", "filtered", "dropped", REMOVALS].map(|counter| counter_of(topic, counter));
    let mut progress = Vec::new();
    for application in positions.chain(counters) {
        let to = old.progress(&application).await?;
        progress.push(Progress { application, from: 0, to });
    }
    let notes = vec![("pinflow.base".to_owned(), base.version.into())];
    shadow.swap(&old, &Commit { rows: Vec::new(), progress, notes }).await?;
    Ok(())
}

pub(crate) fn live_place(parts: &LaneParts) -> Result<TableLocation, LaneError> {
    Ok(parts.tables.table(parts.lane.as_str(), &parts.stream.lane(parts.lane).table)?)
}

/// Archived records up to before `end`. A chunk begins with the offsets that are missing before it, where that is accepted.
fn archived(
    batches: RecordBatches,
    end: Offset,
    missing: MissingRecords,
) -> impl Stream<Item = Result<Chunk, LaneError>> {
    stream::try_unfold(batches, move |mut batches| async move {
        let mut gap = None;
        loop {
            match batches.next_batch().await {
                Some(Err(ArchiveError::Missing { from, .. })) if missing == MissingRecords::Accept => {
                    gap = gap.or(Some(from));
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(mut batch)) if batch.first < end => {
                    batch.truncate(end.since(batch.first));
                    let mut chunk = Chunk::archived(batch);
                    chunk.from = gap.unwrap_or(chunk.from);
                    return Ok(Some((chunk, batches)));
                }
                _ => return Ok(None),
            }
        }
    })
}

/// Records of the log from `from` to before `end`, which the log has.
fn logged(
    log: Arc<dyn EventLog>,
    at: TopicPartition,
    from: Offset,
    end: Offset,
) -> impl Stream<Item = Result<Chunk, LaneError>> {
    stream::try_unfold((log, at, from), move |(log, at, from)| async move {
        if from >= end {
            return Ok(None);
        }
        let mut records = log.read(&at, from, READ_LIMIT).await?;
        records.retain(|record| record.offset < end);
        let Some(last) = records.last() else {
            return Err(LaneError::Unavailable { at, from, to: end, earliest: None });
        };
        let next = last.offset.plus(1);
        let record = |record: pinflow_event::Record| LoggedRecord {
            offset: record.offset,
            arrived: record.timestamp,
            value: record.value,
        };
        let records = Records::Logged(records.into_iter().map(record).collect());
        Ok(Some((Chunk { partition: at.partition, from, next, records }, (log, at, next))))
    })
}

/// What the log keeps for a replay, until it is over.
#[derive(Debug)]
struct Protection {
    log: Arc<dyn EventLog>,
    reader: String,
    topic: TopicName,
    partitions: std::sync::Mutex<Vec<Partition>>,
}

impl Protection {
    fn new(log: &Arc<dyn EventLog>, writer: &LaneWriter) -> Self {
        let reader = format!("replay of the {}", writer.name());
        Self { log: Arc::clone(log), reader, topic: writer.topic().clone(), partitions: Default::default() }
    }

    fn from(&self, partition: Partition, offset: Offset) {
        self.log.protect(&self.reader, &TopicPartition::new(self.topic.clone(), partition), offset);
        self.partitions.lock().expect("nobody panics while adding a partition").push(partition);
    }
}

impl Drop for Protection {
    fn drop(&mut self) {
        for partition in self.partitions.get_mut().expect("nobody panics while adding a partition").drain(..) {
            self.log.release(&self.reader, &TopicPartition::new(self.topic.clone(), partition));
        }
    }
}
