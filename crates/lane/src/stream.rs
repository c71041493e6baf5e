//! The stream lane: from the log to the table in micro-batches, as events arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{FutureExt, select_all};
use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chunk::Chunk;
use crate::error::LaneError;
use crate::fresh::FreshTail;
use crate::gathering::Gathering;
use crate::handover::{HandOver, HandOvers};
use crate::intake::{Backlog, Intake, Prepared, Sharing};
use crate::replay::Replay;
use crate::requests::{LetterDesk, Requests};
use crate::status::SharedStatus;
use crate::writer::LaneWriter;

/// When a micro-batch begins, and how much it takes: it begins once there is something and the interval is over, or as soon as
/// there is as much as it takes. One micro-batch is one commit.
#[derive(Clone, Copy, Debug)]
pub struct Trigger {
    /// From the beginning of one batch to that of the next, unless there is enough before. 0: as soon as there is something.
    pub interval: Duration,
    /// Records of a batch at most, shared by the topic's partitions.
    pub records: usize,
    /// Bytes of a batch at most, but for its last piece.
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
    /// Bytes of a record in the last batch, on average; 0 before the first.
    record_bytes: usize,
    /// What is being read and cleaned behind the last commit.
    ahead: Option<Backlog>,
    /// Replays whose tables are to take the place of the lane's.
    hand_overs: mpsc::Receiver<HandOver>,
    hand_over: Option<HandOver>,
    /// Where others hand them in.
    counter: HandOvers,
    requests: Requests,
}

impl StreamLane {
    /// A lane that reads `log` and writes with `writer`. Retention waits for it from now on; where the writer has not opened its tables
    /// yet, for all that the log has.
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
            sharing: Sharing::Equal,
        };
        let (counter, hand_overs) = HandOvers::new(writer.stream());
        let requests = Requests::new(writer.stream());
        let mut lane = Self {
            intake,
            writer,
            trigger,
            joined: 0,
            last_began: None,
            record_bytes: 0,
            ahead: None,
            hand_overs,
            hand_over: None,
            counter,
            requests,
        };

        if lane.writer.in_doubt {
            lane.protect_all().await?;
        } else {
            lane.partitions().await?;
        }
        Ok(lane)
    }

    async fn protect_all(&self) -> Result<(), LaneError> {
        for partition in partitions_of(self.intake.log.as_ref(), &self.intake.topic).await? {
            let at = TopicPartition::new(self.intake.topic.clone(), partition);
            let earliest = self.intake.log.bounds(&at).await?.earliest;
            self.intake.log.protect(&self.writer.name(), &at, earliest);
        }
        Ok(())
    }

    /// What the lane tells about itself.
    pub fn status(&self) -> SharedStatus {
        self.writer.status()
    }

    /// The events that this lane has not committed yet. One look cleans `records` and `bytes` of them at most.
    pub fn fresh_tail(&self, records: usize, bytes: usize) -> FreshTail {
        let intake = Intake { records, bytes, sharing: Sharing::InTurn, ..self.intake.clone() };
        FreshTail::new(intake, self.writer.shared_committed())
    }

    /// Where a replay of this lane is handed over, once the lane runs.
    pub fn hand_overs(&self) -> HandOvers {
        self.counter.clone()
    }

    /// Where the lane is asked to take dead letters out. It does so while it runs.
    pub fn letter_desk(&self) -> LetterDesk {
        self.requests.desk()
    }

    /// Runs until `drain` is cancelled and everything in the log is committed, or until `stop` is cancelled.
    /// A failure is retried with growing pauses and shows in the lane's status.
    pub async fn run(mut self, drain: CancellationToken, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        self.show_progress();
        loop {
            if let Some(hand_over) = self.hand_over.take().or_else(|| self.hand_overs.try_recv().ok()) {
                let HandOver { replay, done } = hand_over;
                // Whoever has stopped waiting finds the outcome in the table.
                let _ = done.send(self.take_over(replay).boxed().await);
            }
            let step = tokio::select! {
                () = stop.cancelled() => return,
                step = self.step(&drain) => step,
            };
            match step {
                Ok(Step::Committed) => {
                    pause = FIRST_PAUSE;
                    self.show_progress();
                }
                Ok(Step::Drained) => {
                    // Nothing is left that could not be written.
                    self.writer.status().update(|status| status.trouble = None);
                    return;
                }
                Err(LaneError::Log(LogError::Closed)) => return,
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
                        hand_over = self.hand_overs.recv() => self.hand_over = hand_over,
                        () = self.requests.called() => {}
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
        let Some((first, mut backlog)) = self.first_piece(drain).await? else {
            let is_over = drain.is_cancelled() && !self.is_asked();
            return Ok(if is_over { Step::Drained } else { Step::Committed });
        };
        self.last_began = Some(first.began);
        let oldest = first.chunks.iter().flat_map(Chunk::arrivals).min();
        self.writer.status().update(|status| status.in_hand = oldest);
        let mut gathering = self.writer.begin(first.began)?;
        let end = self.gather(&mut gathering, first, &mut backlog).await?;
        self.record_bytes = gathering.bytes / usize::try_from(gathering.records).unwrap_or(usize::MAX).max(1);
        let positions: Vec<_> = gathering.ranges.iter().map(|(partition, (_, next))| (*partition, *next)).collect();
        // Also before a trouble: the good records do not wait for it to be mended.
        self.writer.commit(gathering).await?;
        for (partition, next) in positions {
            let at = TopicPartition::new(self.intake.topic.clone(), partition);
            self.intake.log.protect(&self.writer.name(), &at, next);
        }
        if let End::Trouble(error) = end {
            return Err(error);
        }
        let joined = self.joined;
        // A backlog that never ends must not keep the lane from the partitions that are added.
        if self.partitions().await?.len() == joined as usize {
            self.ahead = Some(backlog);
        }
        Ok(Step::Committed)
    }

    /// The first piece of a micro-batch, and what is behind it; `None` where there was nothing, or the lane is asked for something else
    /// first.
    async fn first_piece(&mut self, drain: &CancellationToken) -> Result<Option<(Prepared, Backlog)>, LaneError> {
        if let Some(mut backlog) = self.ahead.take()
            && let Some(piece) = backlog.next().await
        {
            let piece = piece?;
            // Where it does not go on from there, what the lane was asked for has moved it: then its records come again.
            if self.goes_on(&piece).await? {
                return Ok(Some((piece, backlog)));
            }
        }
        if self.is_asked() {
            // It is in the midst of what it was asked for: records do not wait for the end of that, but are not waited for either.
            if self.due() > Instant::now() && !drain.is_cancelled() {
                return Ok(None);
            }
        } else {
            self.wait_until_due(drain).await?;
            if self.is_asked() {
                return Ok(None);
            }
        }
        let mut backlog = self.intake.clone().backlog(self.positions().await?);
        let first = backlog.next().await.transpose()?;
        Ok(first.map(|piece| (piece, backlog)))
    }

    /// Whether a piece begins at the committed positions.
    async fn goes_on(&mut self, piece: &Prepared) -> Result<bool, LaneError> {
        for chunk in piece.chunks.iter() {
            if self.writer.position(chunk.partition).await? != chunk.from {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the lane is asked for something other than records.
    fn is_asked(&self) -> bool {
        self.hand_over.is_some() || self.requests.are_waiting()
    }

    /// Adds pieces to a micro-batch until it is large or old enough, or there are no more.
    ///
    /// # Errors
    /// What makes the micro-batch as a whole come again.
    async fn gather(
        &mut self,
        gathering: &mut Gathering,
        first: Prepared,
        backlog: &mut Backlog,
    ) -> Result<End, LaneError> {
        let mut piece = first;
        loop {
            self.writer.status().update(|status| status.behind = piece.behind);
            self.writer.gather(gathering, &piece.chunks, piece.cleaned).await?;
            let has_room = gathering.records < self.trigger.records as u64 && gathering.bytes < self.trigger.bytes;
            if !has_room || gathering.is_heavy() || gathering.began.elapsed() >= GATHER_TIME {
                return Ok(End::Enough);
            }
            match backlog.next().await {
                Some(Ok(next)) => piece = next,
                Some(Err(error)) => return Ok(End::Trouble(error)),
                None => return Ok(End::Enough),
            }
        }
    }

    /// When the next micro-batch may begin.
    fn due(&self) -> Instant {
        self.last_began.map_or_else(Instant::now, |began| began + self.trigger.interval)
    }

    /// Waits for a first record, and for others that may be on their way: one commit for all of them is cheaper than one for each.
    async fn wait_until_due(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        if drain.is_cancelled() {
            return Ok(());
        }
        self.wait(drain).await?;
        let due = self.due();
        if due > Instant::now() && !self.is_asked() {
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep_until(due) => {}
                full = self.wait_until_full() => full?,
            }
        }
        Ok(())
    }

    /// Nothing keeps the lane from going on, unless its table has other columns: then the next record could not be written.
    fn show_progress(&self) {
        let trouble = self.writer.columns_trouble();
        self.writer.status().update(|status| status.trouble = trouble);
    }

    /// Where each partition is to be read on.
    async fn positions(&mut self) -> Result<BTreeMap<Partition, Offset>, LaneError> {
        let mut positions = BTreeMap::new();
        for partition in self.partitions().await? {
            positions.insert(partition, self.writer.position(partition).await?);
        }
        Ok(positions)
    }

    /// Returns when a partition has something new, when partitions were added, when the lane is asked for something, or when it drains.
    async fn wait(&mut self, drain: &CancellationToken) -> Result<(), LaneError> {
        let topic = self.intake.topic.clone();
        let positions = self.positions().await?;
        if self.is_at_the_end(&positions).await? {
            // Also after a commit that was reported as failed and is in the table.
            self.show_progress();
            self.writer.status().update(|status| status.in_hand = None);
        }
        let arrived = wait_for_records(&self.intake, positions, 1);
        tokio::select! {
            () = drain.cancelled() => Ok(()),
            arrived = arrived => arrived,
            // The log keeps their records for the lane meanwhile.
            added = self.intake.log.wait_for_partitions(&topic, self.joined) => Ok(added?),
            hand_over = self.hand_overs.recv() => {
                self.hand_over = hand_over;
                Ok(())
            }
            () = self.requests.called() => Ok(()),
        }
    }

    /// Returns when a partition has as much as its share of a batch: the batch would not get larger by waiting.
    async fn wait_until_full(&mut self) -> Result<(), LaneError> {
        let positions = self.positions().await?;
        let by_bytes = self.trigger.bytes.checked_div(self.record_bytes).unwrap_or(usize::MAX);
        let share = self.trigger.records.min(by_bytes) / positions.len().max(1);
        wait_for_records(&self.intake, positions, share.max(1) as u64).await
    }

    async fn is_at_the_end(&self, positions: &BTreeMap<Partition, Offset>) -> Result<bool, LaneError> {
        for (partition, position) in positions {
            let at = TopicPartition::new(self.intake.topic.clone(), *partition);
            if self.intake.log.bounds(&at).await?.end > *position {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets the replay catch up with the lane, which stands still meanwhile, and takes its table.
    async fn take_over(&mut self, mut replay: Replay) -> Result<(), LaneError> {
        let positions = self.positions().await?;
        replay.read_to(&positions).await?;
        self.writer.take_over(replay).await
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

/// Why a micro-batch takes no more.
enum End {
    Enough,
    /// What comes next could not be read or cleaned.
    Trouble(LaneError),
}

/// Returns when one of the partitions has so many records behind its position.
async fn wait_for_records(
    intake: &Intake,
    positions: BTreeMap<Partition, Offset>,
    records: u64,
) -> Result<(), LaneError> {
    let arrivals = positions.into_iter().map(|(partition, position)| {
        let at = TopicPartition::new(intake.topic.clone(), partition);
        async move { intake.log.wait_beyond(&at, position.plus(records - 1)).await }.boxed()
    });
    Ok(select_all(arrivals).await.0?)
}

/// The partitions of a topic as they are now.
pub(crate) async fn partitions_of(
    log: &dyn EventLog,
    topic: &TopicName,
) -> Result<impl Iterator<Item = Partition> + use<>, LaneError> {
    Ok((0..log.topic(topic).await?.config.partitions).map(Partition))
}
