//! The batch lane: from the archive to the table, when a job runs. A run cleans what has been archived since the last one.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use pinflow_archive::{ArchiveReader, ReadSettings, StoredObject};
use pinflow_event::{Offset, Partition, TopicPartition};
use pinflow_log::EventLog;

use crate::chunk::Chunk;
use crate::dead_letters::LetterFilter;
use crate::error::LaneError;
use crate::feed;
use crate::ledger::{Ledger, ObjectChange};
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
    /// Objects that were read before and are not what they were.
    pub changes: Vec<ObjectChange>,
}

impl BatchRun {
    fn between(before: &LaneStatus, after: &LaneStatus) -> Self {
        Self {
            records: after.records - before.records,
            rows: after.rows - before.rows,
            duplicates: after.duplicates - before.duplicates,
            dead: after.dead - before.dead,
            mixed: false,
            changes: Vec::new(),
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
        self.writer.remove_letters(action, filter).await
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
        let mut changes = Vec::new();
        for partition in self.archive.partitions(self.writer.topic()).await? {
            let at = TopicPartition::new(self.writer.topic().clone(), partition);
            self.run_partition(&at, &mut ledger, &mut changes).await?;
        }
        let run = BatchRun { mixed, changes, ..BatchRun::between(&before, &self.writer.status().get()) };
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
        changes: &mut Vec<ObjectChange>,
    ) -> Result<(), LaneError> {
        let from = self.writer.position(at.partition).await?;
        let now = self.writer.parts.clock.now();
        // A table that is older than its ledger: its objects are taken as they are now.
        let noted_from = if ledger.is_empty(at.partition) { Offset::ZERO } else { from };
        let new = self.archive.stored(at, noted_from, usize::MAX).await?;
        changes.extend(ledger.look(&self.archive, at, from).await?);
        let known = ledger.last_before(at.partition, from);
        ledger.note(at.partition, &new, now).await?;
        let listing = self.archive.objects_since(at, from, known).await?;
        let batches = self.archive.records_of(at, from, listing, ReadSettings::default());
        feed::take_all(&mut self.writer, batches.into_stream().map(|batch| Ok(Chunk::archived(batch?)))).await
    }

    /// Builds the table anew from everything that is archived, beside the one that readers see, and puts it in its place in one commit.
    /// `log` is not read.
    ///
    /// # Errors
    /// [`LaneError`]; then the table is as it was.
    pub async fn rebuild(&mut self, log: Arc<dyn EventLog>) -> Result<BatchRun, LaneError> {
        let source = ReplaySource { archive: self.archive.clone(), log };
        let objects = self.stored().await?;
        let mut replay = Replay::begin(&self.writer.parts, source, None).await?;
        replay.read_archive().await?;
        let run = BatchRun::between(&LaneStatus::default(), &replay.status().get());
        self.writer.take_over_at_any_position(replay.writer).await?;
        self.note_anew(&objects).await?;
        Ok(run)
    }

    /// Notes what the objects are like that a table was built of. A crash before it shows objects as changed that are not; noted before
    /// the swap, some that are would be hidden by one.
    async fn note_anew(&self, objects: &[(Partition, Vec<StoredObject>)]) -> Result<(), LaneError> {
        let now = self.writer.parts.clock.now();
        Ledger::open(&self.writer.parts.tables, self.writer.stream()).await?.replace(objects, now).await
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
        self.note_anew(&objects).await
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
