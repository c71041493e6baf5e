//! The stream lane: from the log to the table in micro-batches, as events arrive.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, select_all};
use pinflow_event::{Offset, Partition, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chunk::{Chunk, LaneRecord};
use crate::error::LaneError;
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
#[derive(Debug)]
pub struct StreamLane {
    log: Arc<dyn EventLog>,
    writer: LaneWriter,
    trigger: Trigger,
    /// Partitions of the topic that the lane reads: those below this number.
    joined: u32,
    /// When the last batch began.
    last_began: Option<Instant>,
}

impl StreamLane {
    /// A lane that reads `log` and writes with `writer`. Retention waits for it from now on.
    ///
    /// # Errors
    /// [`LaneError`] where the table's position cannot be read; [`LaneError::LogLost`] where the log ends before it.
    pub async fn new(log: Arc<dyn EventLog>, writer: LaneWriter, trigger: Trigger) -> Result<Self, LaneError> {
        let mut lane = Self { log, writer, trigger, joined: 0, last_began: None };
        lane.partitions().await?;
        Ok(lane)
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
        if !drain.is_cancelled() {
            self.wait(drain).await?;
            // Others may be on their way: one commit for all of them is cheaper than one for each.
            let due = self.last_began.map_or_else(Instant::now, |began| began + self.trigger.interval);
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
        let began = Instant::now();
        let chunks = self.gather().await?;
        if chunks.is_empty() {
            return Ok(if drain.is_cancelled() { Step::Drained } else { Step::Committed });
        }
        self.last_began = Some(began);
        let chunks = Arc::new(chunks);
        self.writer.process(&chunks, began).await?;
        for chunk in chunks.iter() {
            let at = TopicPartition::new(self.writer.topic().clone(), chunk.partition);
            self.log.protect(&self.writer.name(), &at, chunk.next);
        }
        Ok(Step::Committed)
    }

    /// What the log holds beyond the committed positions, within the trigger's limits.
    async fn gather(&mut self) -> Result<Vec<Chunk>, LaneError> {
        let mut chunks = Vec::new();
        let partitions = self.partitions().await?;
        // An equal share each: a partition with a backlog must not hold up the others.
        let records = (self.trigger.records / partitions.len()).max(1);
        let bytes = self.trigger.bytes / partitions.len();
        for partition in partitions {
            let from = self.writer.position(partition).await?;
            let at = TopicPartition::new(self.writer.topic().clone(), partition);
            let records = self.log.read(&at, from, ReadLimit { records, bytes }).await?;
            let Some(last) = records.last() else { continue };
            chunks.push(Chunk {
                partition,
                from,
                next: last.offset.plus(1),
                records: records
                    .into_iter()
                    .map(|record| LaneRecord {
                        offset: record.offset,
                        arrived: Some(record.timestamp),
                        value: record.value,
                    })
                    .collect(),
            });
        }
        Ok(chunks)
    }

    /// Returns when a partition has something new, when partitions were added, or when the lane drains.
    async fn wait(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        let partitions = self.partitions().await?;
        let mut places: Vec<(TopicPartition, Offset)> = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let position = self.writer.position(partition).await?;
            places.push((TopicPartition::new(self.writer.topic().clone(), partition), position));
        }
        let arrivals = places.iter().map(|(at, position)| self.log.wait_beyond(at, *position).boxed());
        tokio::select! {
            () = drain.cancelled() => Ok(()),
            (arrival, _, _) = select_all(arrivals) => Ok(arrival?),
            added = self.wait_for_partitions() => added,
        }
    }

    /// Returns when the topic has partitions that the lane does not read yet. The log keeps their records for the lane meanwhile.
    async fn wait_for_partitions(&self) -> Result<(), LaneError> {
        while self.log.topic(self.writer.topic()).await?.config.partitions <= self.joined {
            tokio::time::sleep(DISCOVER_INTERVAL).await;
        }
        Ok(())
    }

    /// The topic's partitions as they are now; those that are new are joined.
    async fn partitions(&mut self) -> Result<Vec<Partition>, LaneError> {
        let partitions = self.log.topic(self.writer.topic()).await?.config.partitions;
        while self.joined < partitions {
            self.join(Partition(self.joined)).await?;
            self.joined += 1;
        }
        Ok((0..partitions).map(Partition).collect())
    }

    /// Begins to read a partition where the table stands: at offset 0 where it was just added.
    async fn join(&mut self, partition: Partition) -> Result<(), LaneError> {
        let position = self.writer.position(partition).await?;
        let at = TopicPartition::new(self.writer.topic().clone(), partition);
        let end = self.log.bounds(&at).await?.end;
        if position > end {
            return Err(LaneError::LogLost { at, end, position });
        }
        self.log.protect(&self.writer.name(), &at, position);
        Ok(())
    }
}

enum Step {
    Committed,
    Drained,
}
