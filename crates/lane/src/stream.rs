//! The stream lane: from the log to the table in micro-batches, as events arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, select_all};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::LaneError;
use crate::fresh::FreshTail;
use crate::gathering::Gathering;
use crate::intake::{Backlog, Intake, Prepared};
use crate::writer::LaneWriter;

/// When a micro-batch begins, and how much it takes. One micro-batch is one commit.
#[derive(Clone, Copy, Debug)]
pub struct Trigger {
    /// The least time from the beginning of one batch to that of the next. 0: as soon as there is something.
    pub interval: Duration,
    /// Records of a batch at most.
    pub records: usize,
    /// Bytes of a batch at most, but for its last record.
    pub bytes: usize,
}

impl Default for Trigger {
    fn default() -> Self {
        Self { interval: Duration::from_millis(500), records: 1_000_000, bytes: 512 << 20 }
    }
}

/// A micro-batch that has gone on for so long takes no more, however large the backlog: what was read waits to be seen.
const GATHER_TIME: Duration = Duration::from_secs(2);
/// Records and bytes that are read and cleaned at a time: few enough that they stay in the caches of a processor core.
const PIECE_RECORDS: usize = 8_192;
const PIECE_BYTES: usize = 4 << 20;

/// How often a lane that waits looks for partitions that were added to its topic.
const DISCOVER_INTERVAL: Duration = Duration::from_millis(500);
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One stream's way from the log into its table.
///
/// A micro-batch is read, cleaned and encoded piece by piece, so its size costs no memory. While there is a backlog, the next pieces are
/// read and cleaned as the ones before are written.
#[derive(Debug)]
pub struct StreamLane {
    intake: Intake,
    writer: LaneWriter,
    trigger: Trigger,
    /// Partitions of the topic that the lane reads: those below this number.
    joined: u32,
    /// When the last batch began.
    last_began: Option<Instant>,
    /// What is being read and cleaned behind the last commit.
    ahead: Option<Backlog>,
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
            records: trigger.records.min(PIECE_RECORDS),
            bytes: trigger.bytes.min(PIECE_BYTES),
        };
        let mut lane = Self { intake, writer, trigger, joined: 0, last_began: None, ahead: None };
        lane.partitions().await?;
        Ok(lane)
    }

    /// The events that this lane has not committed yet. One look cleans `records` and `bytes` of them at most.
    pub fn fresh_tail(&self, records: usize, bytes: usize) -> FreshTail {
        FreshTail::new(Intake { records, bytes, ..self.intake.clone() }, self.writer.shared_committed())
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
        let Some((first, mut backlog)) = self.first_piece(drain).await? else {
            return Ok(if drain.is_cancelled() { Step::Drained } else { Step::Committed });
        };
        self.last_began = Some(first.began);
        let mut gathering = self.writer.begin(first.began)?;
        let end = self.gather(&mut gathering, first, &mut backlog).await;
        let positions: Vec<_> = gathering.ranges.iter().map(|(partition, (_, next))| (*partition, *next)).collect();
        // Also before a trouble: the good records do not wait for it to be mended.
        if !positions.is_empty() {
            self.writer.commit(gathering).await?;
        }
        for (partition, next) in positions {
            let at = TopicPartition::new(self.intake.topic.clone(), partition);
            self.intake.log.protect(&self.writer.name(), &at, next);
        }
        end?;
        let joined = self.joined;
        // A backlog that never ends must not keep the lane from the partitions that are added.
        if self.partitions().await?.len() == joined as usize {
            self.ahead = Some(backlog);
        }
        Ok(Step::Committed)
    }

    /// The first piece of a micro-batch, and what is behind it; `None` where there was nothing.
    async fn first_piece(&mut self, drain: &CancellationToken) -> Result<Option<(Prepared, Backlog)>, LaneError> {
        if let Some(mut backlog) = self.ahead.take()
            && let Some(piece) = backlog.next().await
        {
            return Ok(Some((piece?, backlog)));
        }
        self.wait_until_due(drain).await?;
        let mut backlog = self.intake.clone().backlog(self.positions().await?);
        let first = backlog.next().await.transpose()?;
        Ok(first.map(|piece| (piece, backlog)))
    }

    /// Adds pieces to a micro-batch until it is large or old enough, or there are no more.
    async fn gather(
        &mut self,
        gathering: &mut Gathering,
        first: Prepared,
        backlog: &mut Backlog,
    ) -> Result<(), LaneError> {
        let mut piece = first;
        loop {
            self.writer.gather(gathering, &piece.chunks, piece.cleaned).await?;
            let has_room = gathering.records < self.trigger.records as u64 && gathering.bytes < self.trigger.bytes;
            if !has_room || gathering.is_heavy() || gathering.began.elapsed() >= GATHER_TIME {
                return Ok(());
            }
            match backlog.next().await {
                Some(next) => piece = next?,
                None => return Ok(()),
            }
        }
    }

    /// Waits for a first record, and for others that may be on their way: one commit for all of them is cheaper than one for each.
    async fn wait_until_due(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        if drain.is_cancelled() {
            return Ok(());
        }
        self.wait(drain).await?;
        let due = self.last_began.map_or_else(Instant::now, |began| began + self.trigger.interval);
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep_until(due) => {}
        }
        Ok(())
    }

    /// Where each partition is to be read on.
    async fn positions(&mut self) -> Result<BTreeMap<Partition, Offset>, LaneError> {
        let mut positions = BTreeMap::new();
        for partition in self.partitions().await? {
            positions.insert(partition, self.writer.position(partition).await?);
        }
        Ok(positions)
    }

    /// Returns when a partition has something new, when partitions were added, or when the lane drains.
    async fn wait(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        let topic = self.intake.topic.clone();
        let places: Vec<(TopicPartition, Offset)> = self
            .positions()
            .await?
            .into_iter()
            .map(|(partition, position)| (TopicPartition::new(topic.clone(), partition), position))
            .collect();
        let arrivals = places.iter().map(|(at, position)| self.intake.log.wait_beyond(at, *position).boxed());
        tokio::select! {
            () = drain.cancelled() => Ok(()),
            (arrival, _, _) = select_all(arrivals) => Ok(arrival?),
            added = self.wait_for_partitions() => added,
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
