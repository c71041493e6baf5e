//! The stream lane: from the log to the table in micro-batches, as events arrive.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, select_all};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::LaneError;
use crate::fresh::FreshTail;
use crate::intake::{AbortOnDrop, Intake, Prepared};
use crate::requests::{LetterDesk, Requests};
use crate::writer::LaneWriter;

/// When a micro-batch begins, and how much it takes.
#[derive(Clone, Copy, Debug)]
pub struct Trigger {
    /// The least time from the beginning of one batch to that of the next. 0: as soon as there is something.
    pub interval: Duration,
    /// Records of a batch at most.
    pub records: usize,
    /// Bytes of a batch at most.
    pub bytes: usize,
}

impl Default for Trigger {
    fn default() -> Self {
        Self { interval: Duration::from_millis(500), records: 50_000, bytes: 32 << 20 }
    }
}

/// How often a lane that waits looks for partitions that were added to its topic.
const DISCOVER_INTERVAL: Duration = Duration::from_millis(500);
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One stream's way from the log into its table.
///
/// While there is a backlog, the next batch is read and cleaned as the one before is written: both take about as long.
#[derive(Debug)]
pub struct StreamLane {
    intake: Intake,
    writer: LaneWriter,
    trigger: Trigger,
    /// Partitions of the topic that the lane reads: those below this number.
    joined: u32,
    /// When the last batch began.
    last_began: Option<Instant>,
    /// The batch after the one that is being written.
    ahead: Option<AbortOnDrop<Result<Prepared, LaneError>>>,
    requests: Requests,
}

impl StreamLane {
    /// A lane that reads `log` and writes with `writer`. Retention waits for it from now on.
    ///
    /// # Errors
    /// [`LaneError`] where the table's position cannot be read; [`LaneError::LogLost`] where the log ends before it.
    pub async fn new(log: Arc<dyn EventLog>, writer: LaneWriter, trigger: Trigger) -> Result<Self, LaneError> {
        let intake = Intake {
            log,
            topic: writer.topic().clone(),
            cleaning: writer.cleaning(),
            records: trigger.records,
            bytes: trigger.bytes,
        };
        let requests = Requests::new(writer.stream());
        let mut lane = Self { intake, writer, trigger, joined: 0, last_began: None, ahead: None, requests };
        lane.partitions().await?;
        Ok(lane)
    }

    /// The events that this lane has not committed yet. One look cleans `records` and `bytes` of them at most.
    pub fn fresh_tail(&self, records: usize, bytes: usize) -> FreshTail {
        FreshTail::new(Intake { records, bytes, ..self.intake.clone() }, self.writer.shared_committed())
    }

    /// Where the lane is asked to take dead letters out. It does so while it runs.
    pub fn letter_desk(&self) -> LetterDesk {
        self.requests.desk()
    }

    /// Runs until `drain` is cancelled and everything in the log is committed, or until `stop` is cancelled.
    /// A failure is retried with growing pauses and shows in the lane's status.
    pub async fn run(mut self, drain: CancellationToken, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => return,
                step = self.step(&drain) => step,
            };
            match step {
                Ok(Step::Committed) => {
                    pause = FIRST_PAUSE;
                    self.writer.status().update(|status| status.trouble = None);
                }
                Ok(Step::Drained) | Err(LaneError::Log(LogError::Closed)) => return,
                Err(error) => {
                    tracing::warn!(lane = %self.writer.name(), %error, pause_ms = pause.as_millis(), "the lane stands still; it tries again");
                    self.writer.status().update(|status| status.trouble = Some(error.to_string()));
                    // Who drains has waited long enough: the next start goes on here.
                    if drain.is_cancelled() {
                        return;
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = drain.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Takes everything that is in the log now to the table, and returns.
    ///
    /// # Errors
    /// [`LaneError`].
    pub async fn catch_up(&mut self) -> Result<(), LaneError> {
        let drained = CancellationToken::new();
        drained.cancel();
        while let Step::Committed = self.step(&drained).await? {}
        Ok(())
    }

    /// One micro-batch, waiting for its first record unless the lane drains.
    async fn step(&mut self, drain: &CancellationToken) -> Result<Step, LaneError> {
        self.requests.answer(&mut self.writer).await;
        let prepared = match self.prepared_ahead().await? {
            Some(prepared) => prepared,
            None => self.prepare(drain).await?,
        };
        if prepared.chunks.is_empty() {
            return Ok(if drain.is_cancelled() { Step::Drained } else { Step::Committed });
        }
        self.last_began = Some(prepared.began);
        if prepared.full {
            let next = prepared.chunks.iter().map(|chunk| (chunk.partition, chunk.next)).collect();
            self.ahead = Some(AbortOnDrop::spawn(self.intake.clone().prepare(self.positions(next).await?)));
        }
        self.writer.write(&prepared.chunks, prepared.cleaned, prepared.began).await?;
        for chunk in prepared.chunks.iter() {
            let at = TopicPartition::new(self.intake.topic.clone(), chunk.partition);
            self.intake.log.protect(&self.writer.name(), &at, chunk.next);
        }
        Ok(Step::Committed)
    }

    /// The batch that was prepared ahead, unless the one before it never got into the table: then that one comes again.
    async fn prepared_ahead(&mut self) -> Result<Option<Prepared>, LaneError> {
        let Some(ahead) = self.ahead.take() else { return Ok(None) };
        let prepared = ahead.join().await?;
        for chunk in prepared.chunks.iter() {
            if self.writer.position(chunk.partition).await? != chunk.from {
                return Ok(None);
            }
        }
        Ok(Some(prepared))
    }

    /// The next batch from the committed positions on.
    async fn prepare(&mut self, drain: &CancellationToken) -> Result<Prepared, LaneError> {
        if !drain.is_cancelled() {
            self.wait(drain).await?;
            // Others may be on their way: one commit for all of them is cheaper than one for each.
            let due = self.last_began.map_or_else(Instant::now, |began| began + self.trigger.interval);
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
        let from = self.positions(BTreeMap::new()).await?;
        self.intake.clone().prepare(from).await
    }

    /// Where each partition is to be read on: at `known`, else at the committed position.
    async fn positions(
        &mut self,
        known: BTreeMap<Partition, Offset>,
    ) -> Result<BTreeMap<Partition, Offset>, LaneError> {
        let mut positions = known;
        for partition in self.partitions().await? {
            if let Entry::Vacant(place) = positions.entry(partition) {
                place.insert(self.writer.position(partition).await?);
            }
        }
        Ok(positions)
    }

    /// Returns when a partition has something new, when partitions were added, when the lane is asked for something, or when it drains.
    async fn wait(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        let topic = self.intake.topic.clone();
        let places: Vec<(TopicPartition, Offset)> = self
            .positions(BTreeMap::new())
            .await?
            .into_iter()
            .map(|(partition, position)| (TopicPartition::new(topic.clone(), partition), position))
            .collect();
        let arrivals = places.iter().map(|(at, position)| self.intake.log.wait_beyond(at, *position).boxed());
        tokio::select! {
            () = drain.cancelled() => Ok(()),
            (arrival, _, _) = select_all(arrivals) => Ok(arrival?),
            added = self.wait_for_partitions() => added,
            () = self.requests.called() => Ok(()),
        }
    }

    /// Returns when the topic has partitions that the lane does not read yet. The log keeps their records for the lane meanwhile.
    async fn wait_for_partitions(&self) -> Result<(), LaneError> {
        while self.intake.log.topic(&self.intake.topic).await?.config.partitions <= self.joined {
            tokio::time::sleep(DISCOVER_INTERVAL).await;
        }
        Ok(())
    }

    /// The topic's partitions as they are now; those that are new are joined.
    async fn partitions(&mut self) -> Result<Vec<Partition>, LaneError> {
        let partitions: Vec<Partition> = partitions_of(self.intake.log.as_ref(), &self.intake.topic).await?.collect();
        while (self.joined as usize) < partitions.len() {
            self.join(Partition(self.joined)).await?;
            self.joined += 1;
        }
        Ok(partitions)
    }

    /// Begins to read a partition where the table stands: at offset 0 where it was just added.
    async fn join(&mut self, partition: Partition) -> Result<(), LaneError> {
        let position = self.writer.position(partition).await?;
        let at = TopicPartition::new(self.intake.topic.clone(), partition);
        let end = self.intake.log.bounds(&at).await?.end;
        if position > end {
            return Err(LaneError::LogLost { at, end, position });
        }
        self.intake.log.protect(&self.writer.name(), &at, position);
        Ok(())
    }
}

enum Step {
    Committed,
    Drained,
}

/// The partitions of a topic as they are now.
pub(crate) async fn partitions_of(
    log: &dyn EventLog,
    topic: &TopicName,
) -> Result<impl Iterator<Item = Partition> + use<>, LaneError> {
    Ok((0..log.topic(topic).await?.config.partitions).map(Partition))
}
