//! The batch lane: from the archive to the table, when a job runs. A run cleans what has been archived since the last one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use pinflow_archive::{ArchiveError, ArchiveReader, EmptyObjects, ReadSettings, StoredObject, Strangers, Survey};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::EventLog;

use crate::changes::{LostRange, ObjectChange};
use crate::chunk::Chunk;
use crate::dead_letters::LetterFilter;
use crate::error::LaneError;
use crate::feed;
use crate::ledger::Ledger;
use crate::look::Look;
use crate::removal::{LetterAction, LetterOutcome};
use crate::replay::{Replay, ReplaySource};
use crate::status::{LaneStatus, SharedStatus};
use crate::writer::{LaneParts, LaneWriter};

/// What a run does where the stream's definition is not the one that made the table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedDefinition {
    /// It refuses, and asks for the table to be built anew.
    #[default]
    Refuse,
    /// It goes on: what is new is cleaned by the new definition, and the table holds rows of both.
    Mix,
}

/// What a run does where objects that were read before are not what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedObjects {
    /// It succeeds and says so.
    #[default]
    Report,
    /// It cleans what is new, and fails.
    Fail,
}

/// What a table that is built anew does without records that the archive has no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingRecords {
    /// It is not put in the place of the one that has them.
    #[default]
    Refuse,
    /// It is.
    Accept,
}

/// What a run meets that is no records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Files whose names are none of the layout.
    pub strangers: Strangers,
    /// Objects in which there is nothing.
    pub empty: Vec<String>,
}

impl Beside {
    pub(crate) fn add_empty(&mut self, empty: &EmptyObjects) {
        self.empty.extend(empty.paths().iter().map(ToString::to_string));
    }
}

/// How a batch lane meets changes behind its back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSettings {
    /// Of the stream's definition.
    pub changed_definition: ChangedDefinition,
    /// Of the archive.
    pub changed_objects: ChangedObjects,
}

/// One stream's way from the archive into its table.
#[derive(Debug)]
pub struct BatchLane {
    archive: ArchiveReader,
    writer: LaneWriter,
    settings: BatchSettings,
}

/// What one run of the batch lane did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchRun {
    /// Records read from the archive.
    pub records: u64,
    /// Rows added to the table.
    pub rows: u64,
    /// Records dropped because their key was there already.
    pub duplicates: u64,
    /// Dead letters.
    pub dead: u64,
    /// The definition had changed, and the table holds rows of both from now on.
    pub mixed: bool,
    /// Objects that were read before and are not what they were, each told once.
    pub changes: Vec<ObjectChange>,
    /// Changes that earlier runs told and that stand.
    pub told_before: u64,
    /// What is no records.
    pub beside: Beside,
    /// The rows of the table before it was built anew, where it was.
    pub rows_before: Option<u64>,
}

impl BatchRun {
    fn between(before: &LaneStatus, after: &LaneStatus) -> Self {
        Self {
            records: after.records - before.records,
            rows: after.rows - before.rows,
            duplicates: after.duplicates - before.duplicates,
            dead: after.dead - before.dead,
            ..Self::default()
        }
    }
}

impl BatchLane {
    /// A lane that reads `archive` and writes with `writer`.
    pub fn new(archive: ArchiveReader, writer: LaneWriter) -> Self {
        Self { archive, writer, settings: BatchSettings::default() }
    }

    /// The same lane with settings.
    pub fn with_settings(self, settings: BatchSettings) -> Self {
        Self { settings, ..self }
    }

    /// What the lane tells about itself.
    pub fn status(&self) -> SharedStatus {
        self.writer.status()
    }

    /// What it is made of, for replays of it.
    pub fn parts(&self) -> &LaneParts {
        &self.writer.parts
    }

    /// Takes the lane's letters that `filter` means out of the dead letters.
    ///
    /// # Errors
    /// As [`LaneWriter::remove_letters`].
    pub async fn remove_letters(
        &mut self,
        action: &LetterAction,
        filter: &LetterFilter,
    ) -> Result<LetterOutcome, LaneError> {
        let outcome = self.writer.remove_letters(action, filter).await;
        let forgotten = self.writer.forget_keys();
        outcome.and_then(|outcome| forgotten.map(|()| outcome))
    }

    /// Takes everything that is archived now to the table. Batches are read, cleaned and written side by side.
    ///
    /// # Errors
    /// [`LaneError`], also where the archive has a gap: the position never passes what was not handled. What comes before the
    /// trouble is committed, and the next run goes on there. [`LaneError::DefinitionChanged`], [`LaneError::ObjectsChanged`]
    /// where the settings say so.
    pub async fn run(&mut self) -> Result<BatchRun, LaneError> {
        let mixed = self.check_definition().await?;
        let before = self.writer.status().get();
        let mut ledger = Ledger::open(&self.writer.parts.tables, self.writer.stream()).await?;
        let Survey { mut partitions, strangers } = self.archive.survey(self.writer.topic()).await?;
        // Those that are gone are looked at, too.
        partitions.extend(ledger.partitions());
        partitions.sort_unstable();
        partitions.dedup();
        let (mut look, mut beside) = (Look::default(), Beside { strangers, empty: Vec::new() });
        let mut taken = Ok(());
        for partition in partitions {
            let at = TopicPartition::new(self.writer.topic().clone(), partition);
            taken = self.run_partition(&at, &mut ledger, &mut look, &mut beside).await;
            if taken.is_err() {
                break;
            }
        }
        let forgotten = self.writer.forget_keys();
        taken.and(forgotten)?;
        let changes = look.keep(&mut ledger, self.writer.parts.clock.now()).await?;
        let told_before = (ledger.changes(self.writer.topic()).len() as u64).saturating_sub(changes.len() as u64);
        let counted = BatchRun::between(&before, &self.writer.status().get());
        let run = BatchRun { mixed, changes, told_before, beside, ..counted };
        for change in &run.changes {
            tracing::warn!(stream = self.writer.stream(), "{change}");
        }
        if self.settings.changed_objects == ChangedObjects::Fail && !run.changes.is_empty() {
            return Err(LaneError::ObjectsChanged { stream: self.writer.stream().to_owned(), changes: run.changes });
        }
        Ok(run)
    }

    async fn run_partition(
        &mut self,
        at: &TopicPartition,
        ledger: &mut Ledger,
        look: &mut Look,
        beside: &mut Beside,
    ) -> Result<(), LaneError> {
        let from = self.writer.position(at.partition).await?;
        let now = self.writer.parts.clock.now();
        let known = ledger.last_before(at.partition, from);
        // Listed before the new objects are noted: one that comes in between is noted, and read by the next run.
        let mut listing = self.archive.objects_since(at, from, known).await?;
        beside.strangers.absorb(std::mem::take(&mut listing.strangers));
        look.at(ledger, &self.archive, at, from, listing.older.take()).await?;

        // A table that is older than its ledger: its objects are taken as they are now.
        let is_first = ledger.notes(at.partition).is_empty();
        let first = ledger.first_broken(at.partition).unwrap_or(from).min(from);
        let stored = self.archive.stored(at, if is_first { Offset::ZERO } else { first }, usize::MAX).await?;
        let (broken, mut new): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|stored| ledger.is_broken(at.partition, stored));
        new.retain(|stored| is_first || stored.object.start >= from);
        ledger.note(at.partition, &new, now).await?;

        let batches = self.archive.records_of(at, from, listing, ReadSettings::default());
        let empty = batches.empty_objects();
        let chunks = batches.into_stream().map(|batch| Ok(Chunk::archived(batch?)));
        let taken = feed::take_all(&mut self.writer, chunks).await;
        beside.add_empty(&empty);
        let damaged = match &taken {
            Err(LaneError::Archive(ArchiveError::Damaged { path, .. })) => Some(path),
            _ => None,
        };
        // What was read on from where it broke off counts as it is now.
        let read_on: Vec<_> = broken.into_iter().filter(|stored| Some(&stored.object.path) != damaged).collect();
        ledger.note(at.partition, &read_on, now).await?;
        if let Some(path) = damaged {
            ledger.note_broken(at.partition, path.as_ref(), now).await?;
        }
        taken
    }

    /// Builds the table anew from everything that is archived, beside the one that readers see, and puts it in its place in one commit.
    /// `log` is not read.
    ///
    /// # Errors
    /// [`LaneError`]; then the table is as it was. [`LaneError::RecordsMissing`] where the archive lacks offsets that the table has
    /// taken in, unless `missing` accepts that.
    pub async fn rebuild(&mut self, log: Arc<dyn EventLog>, missing: MissingRecords) -> Result<BatchRun, LaneError> {
        self.writer.resolve_doubt().await?;
        let rows_before = Some(self.writer.status().get().rows);
        let source = ReplaySource { archive: self.archive.clone(), log };
        let objects = self.stored().await?;
        let ledger = Ledger::open(&self.writer.parts.tables, self.writer.stream()).await?;
        let positions = self.positions(&ledger, &objects).await?;
        let mut replay = Replay::begin(&self.writer.parts, source, None).await?;
        let read = replay.read_archive(missing).await;
        let lost = lost(&read, &mut replay, &positions).await?;
        if missing == MissingRecords::Refuse && !lost.is_empty() {
            Replay::clear(&self.writer.parts).await?;
            let gone = gone(&ledger, self.writer.topic(), &positions, &objects);
            return Err(LaneError::RecordsMissing { stream: self.writer.stream().to_owned(), lost, gone });
        }
        let beside = read?;
        let counted = BatchRun::between(&LaneStatus::default(), &replay.status().get());
        self.writer.take_over_at_any_position(replay.writer).await?;
        self.writer.forget_keys()?;
        self.note_anew(objects).await?;
        Ok(BatchRun { rows_before, beside, ..counted })
    }

    /// How far the table has got in each partition that anything is known of.
    async fn positions(
        &mut self,
        ledger: &Ledger,
        objects: &[(Partition, Vec<StoredObject>)],
    ) -> Result<BTreeMap<Partition, Offset>, LaneError> {
        let shown = self.status().get().position.into_keys();
        let known: Vec<Partition> =
            shown.chain(ledger.partitions()).chain(objects.iter().map(|(partition, _)| *partition)).collect();
        let mut positions = BTreeMap::new();
        for partition in known {
            positions.insert(partition, self.writer.position(partition).await?);
        }
        Ok(positions)
    }

    /// Notes what the objects are like that a table was built of. A crash before it shows objects as changed that are not; noted before
    /// the swap, some that are would be hidden by one.
    async fn note_anew(&mut self, mut objects: Vec<(Partition, Vec<StoredObject>)>) -> Result<(), LaneError> {
        let now = self.writer.parts.clock.now();
        // Objects that came while it was built are in it, too.
        for (partition, mut further) in self.stored().await? {
            let position = self.writer.position(partition).await?;
            further.retain(|stored| stored.object.start < position);
            match objects.iter_mut().find(|(known, _)| *known == partition) {
                None => objects.push((partition, further)),
                Some((_, known)) => {
                    let paths: HashSet<String> = known.iter().map(|stored| stored.object.path.to_string()).collect();
                    further.retain(|stored| !paths.contains(stored.object.path.as_ref()));
                    known.extend(further);
                }
            }
        }
        Ledger::open(&self.writer.parts.tables, self.writer.stream()).await?.replace(&objects, now).await
    }

    /// Puts what a replay of this lane built in the place of its table, once it has caught up with it.
    ///
    /// # Errors
    /// [`LaneError`]; then the table is as it was.
    pub async fn swap(&mut self, mut replay: Replay) -> Result<(), LaneError> {
        let mut positions = BTreeMap::new();
        for partition in self.status().get().position.into_keys() {
            positions.insert(partition, self.writer.position(partition).await?);
        }
        let objects = self.stored().await?;
        replay.read_to(&positions).await?;
        self.writer.take_over(replay).await?;
        self.writer.forget_keys()?;
        self.note_anew(objects).await
    }

    /// All objects as they are now.
    async fn stored(&self) -> Result<Vec<(Partition, Vec<StoredObject>)>, LaneError> {
        let mut objects = Vec::new();
        for partition in self.archive.partitions(self.writer.topic()).await? {
            let at = TopicPartition::new(self.writer.topic().clone(), partition);
            objects.push((partition, self.archive.stored(&at, Offset::ZERO, usize::MAX).await?));
        }
        Ok(objects)
    }

    /// Whether the definition has changed, and the run goes on all the same.
    async fn check_definition(&mut self) -> Result<bool, LaneError> {
        self.writer.resolve_doubt().await?;
        let (_, recorded) = self.writer.recorded_definition().await?;
        // A table that says nothing was built before definitions were kept.
        if recorded == 0 || recorded == self.writer.definition {
            return Ok(false);
        }
        let stream = self.writer.stream().to_owned();
        match self.settings.changed_definition {
            ChangedDefinition::Refuse => Err(LaneError::DefinitionChanged { stream }),
            ChangedDefinition::Mix => {
                tracing::warn!(stream, "the definition has changed: the table holds rows of both from now on");
                Ok(true)
            }
        }
    }
}

/// Offsets below the positions of a table that one which was built anew lacks.
async fn lost(
    read: &Result<Beside, LaneError>,
    replay: &mut Replay,
    positions: &BTreeMap<Partition, Offset>,
) -> Result<Vec<LostRange>, LaneError> {
    let mut lost = Vec::new();
    match read {
        Err(LaneError::Archive(ArchiveError::Missing { at, from, to, .. })) => {
            let is_taken = positions.get(&at.partition).is_some_and(|position| from < position);
            lost.extend(is_taken.then(|| LostRange { at: at.clone(), from: *from, to: *to }));
        }
        Err(_) => {}
        Ok(_) => {
            for (partition, to) in positions {
                let from = replay.writer.position(*partition).await?;
                let at = TopicPartition::new(replay.writer.topic().clone(), *partition);
                lost.extend((from < *to).then_some(LostRange { at, from, to: *to }));
            }
        }
    }
    Ok(lost)
}

/// The objects that were read below the positions and are not among those that are there.
fn gone(
    ledger: &Ledger,
    topic: &TopicName,
    positions: &BTreeMap<Partition, Offset>,
    objects: &[(Partition, Vec<StoredObject>)],
) -> Vec<ObjectChange> {
    let of_partition = |(partition, position): (&Partition, &Offset)| {
        let at = TopicPartition::new(topic.clone(), *partition);
        let there = objects.iter().find(|(known, _)| known == partition).map_or(&[][..], |(_, there)| there);
        ledger.gone(&at, *position, there)
    };
    positions.iter().flat_map(of_partition).collect()
}
