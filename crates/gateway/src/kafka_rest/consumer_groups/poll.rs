//! Reading: the records after an instance's positions, as soon as there are some.
//!
//! A read gathers records without moving the positions, waits where there are too few, and moves them last, in one step,
//! over what it returns. So a client that goes away while it waits loses nothing, and of two reads that race, or of two
//! members between which a partition moves, one alone returns a record.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use pinflow_access::Right;
use pinflow_event::{Offset, Record, TopicPartition};
use pinflow_log::{LogError, ReadLimit};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ConsumerError;
use super::instance::Consumer;
use super::member::{Position, Reads};
use crate::body::{BodyBudget, BodyShare};

/// The most records of one reply.
const MAX_RECORDS: usize = 20_000;
/// Bytes in memory a byte of records, while it is read, written as JSON and sent.
const MEMORY_A_BYTE: usize = 3;
/// The smallest read that is worth while where memory is short.
const SMALLEST_READ: usize = 64 * 1024;
/// How often who waits looks for new topics and for members that went away.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// When a read is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollLimits {
    /// It waits no longer.
    pub(crate) wait: Duration,
    /// More bytes of keys and values than this are enough; 0 for any record at all.
    pub(crate) min_bytes: usize,
    /// It returns fewer bytes of keys and values, or one record.
    pub(crate) max_bytes: usize,
}

/// Records that were read, and the memory that they and the reply with them take.
#[derive(Debug)]
pub(crate) struct Polled {
    /// The records, in the order of the reply.
    pub(crate) records: Vec<PolledRecord>,
    /// Kept until the reply is sent.
    pub(crate) memory: BodyShare,
}

/// A record and where it was read.
#[derive(Clone, Debug)]
pub(crate) struct PolledRecord {
    /// Its partition.
    pub(crate) at: TopicPartition,
    /// The record.
    pub(crate) record: Record,
}

/// Why a record cannot be written in an instance's format; `Ok` where it can.
pub(crate) type Readable = fn(&Record) -> Result<(), String>;

impl Consumer<'_> {
    /// The next records of the partitions that it reads, in the order of each; empty where none came in time.
    ///
    /// What earlier reads returned is committed first, where the instance commits by itself.
    ///
    /// # Errors
    /// [`ConsumerError::UnknownInstance`], [`ConsumerError::NothingToRead`], [`ConsumerError::NotAuthorized`],
    /// [`ConsumerError::NoOffset`], [`ConsumerError::Unreadable`] for a record that is next in its partition and cannot be
    /// written: the position is moved over it; [`ConsumerError::Overloaded`]; those of the log.
    pub(crate) async fn poll(&self, limits: PollLimits, readable: Readable) -> Result<Polled, ConsumerError> {
        let deadline = Instant::now() + limits.wait;
        self.auto_commit().await?;
        let mut batch = Batch::new(limits, &self.groups.pages);
        loop {
            let mut view = self.view().await?;
            batch.drop_outdated(&view);
            if self.fill(&mut batch, &view, readable).await? {
                continue;
            }
            if batch.is_enough() || Instant::now() >= deadline {
                let polled = self.accept(batch)?;
                if !polled.records.is_empty() || Instant::now() >= deadline {
                    return Ok(polled);
                }
                // Another read of this instance was quicker, or the partitions went to another member.
                batch = Batch::new(limits, &self.groups.pages);
                continue;
            }
            batch.reading_on(&mut view);
            self.wait(&mut view, deadline).await?;
        }
    }

    /// What there is to read now.
    async fn view(&self) -> Result<View, ConsumerError> {
        self.refresh().await?;
        self.look_up_positions().await?;
        self.with_group(|group, id| {
            let rebalances = group.rebalances();
            let member = group.member(id).ok_or(ConsumerError::UnknownInstance)?;
            if matches!(member.reads, Reads::Nothing) {
                return Err(ConsumerError::NothingToRead);
            }
            let mut positions = Vec::new();
            for (at, position) in member.positions() {
                if !self.caller.may(Right::Consume, &at.topic) {
                    return Err(ConsumerError::NotAuthorized(at.topic.clone()));
                }
                let next = position.next.ok_or_else(|| ConsumerError::NoOffset(at.clone()))?;
                positions.push((at.clone(), next));
            }
            if !positions.is_empty() {
                let turn = member.turn % positions.len();
                positions.rotate_left(turn);
            }
            Ok(View { positions, rebalances })
        })
    }

    /// Gathers what is there now. Whether it has to be done again, since a position was not there and has been corrected.
    async fn fill(&self, batch: &mut Batch, view: &View, readable: Readable) -> Result<bool, ConsumerError> {
        let mut corrected = false;
        for (at, position) in &view.positions {
            if batch.closed {
                break;
            }
            let from = batch.next(at).unwrap_or(*position);
            let room = match batch.reserve() {
                Ok(room) => room,
                Err(_) if batch.count > 0 => {
                    batch.closed = true;
                    break;
                }
                Err(overloaded) => return Err(overloaded),
            };
            let read = self.groups.log.read(at, from, room).await;
            batch.settle_for(read.as_deref().unwrap_or_default());
            let records = match read {
                Ok(records) => records,
                // It is not there yet, or not any more.
                Err(LogError::UnknownTopic(_) | LogError::UnknownPartition { .. }) => continue,
                Err(LogError::OffsetOutOfRange { .. }) => {
                    self.reset(at, from).await?;
                    corrected = true;
                    continue;
                }
                Err(failure) => return Err(failure.into()),
            };
            if let Err(unreadable) = batch.add(at, *position, records, readable) {
                self.skip(at, *position)?;
                return Err(unreadable);
            }
        }
        Ok(corrected)
    }

    /// Moves the position over a record that cannot be read, unless it was moved meanwhile.
    fn skip(&self, at: &TopicPartition, offset: Offset) -> Result<(), ConsumerError> {
        self.with_member(|member| {
            if let Ok(position) = member.position_mut(at)
                && position.next == Some(offset)
            {
                *position = Position { next: Some(offset.plus(1)), uncommitted: true };
            }
            Ok(())
        })
    }

    /// Moves the positions over a batch and returns its records, but for those of partitions that others have read or taken
    /// over meanwhile.
    fn accept(&self, batch: Batch) -> Result<Polled, ConsumerError> {
        self.with_member(|member| {
            let mut records = Vec::new();
            for part in batch.parts {
                let Ok(position) = member.position_mut(&part.at) else { continue };
                if position.next != Some(part.from) {
                    continue;
                }
                *position = Position { next: Some(part.next()), uncommitted: true };
                records.extend(part.records.into_iter().map(|record| PolledRecord { at: part.at.clone(), record }));
            }
            if !records.is_empty() {
                member.turn = member.turn.wrapping_add(1);
            }
            Ok(Polled { records, memory: batch.memory })
        })
    }

    /// Returns once there may be something new to read, or the time is over.
    async fn wait(&self, view: &mut View, deadline: Instant) -> Result<(), ConsumerError> {
        let timeout = self.groups.registry().limits().instance_timeout;
        // Who waits must show up before it counts as gone.
        let look_around = Instant::now() + LOOK_AROUND.min(timeout / 3);
        let mut arrivals: FuturesUnordered<_> = view
            .positions
            .iter()
            .map(async |(at, next)| match self.groups.log.wait_beyond(at, *next).await {
                Err(LogError::Closed) => Err(ConsumerError::Log(LogError::Closed)),
                Ok(()) => Ok(()),
                // Nothing will come there before somebody looks around.
                Err(_) => std::future::pending().await,
            })
            .collect();
        tokio::select! {
            Some(arrived) = arrivals.next() => arrived,
            _ = view.rebalances.changed() => Ok(()),
            () = tokio::time::sleep_until(deadline.min(look_around)) => Ok(()),
        }
    }
}

/// What an instance reads at one moment.
struct View {
    /// Partitions and the next offset of each; the one whose turn it is comes first.
    positions: Vec<(TopicPartition, Offset)>,
    rebalances: watch::Receiver<()>,
}

/// Records that were gathered, in the order of the reply.
struct Batch {
    limits: PollLimits,
    parts: Vec<Part>,
    bytes: usize,
    count: usize,
    /// Nothing more fits, or something that cannot be read comes next.
    closed: bool,
    /// What the records have of the memory for those that clients read.
    memory: BodyShare,
}

/// Records of one partition without a gap.
struct Part {
    at: TopicPartition,
    from: Offset,
    records: Vec<Record>,
}

impl Part {
    fn next(&self) -> Offset {
        self.records.last().map_or(self.from, |record| record.offset.plus(1))
    }
}

impl Batch {
    fn new(limits: PollLimits, memory: &BodyBudget) -> Self {
        Self { limits, parts: Vec::new(), bytes: 0, count: 0, closed: false, memory: BodyShare::of(memory) }
    }

    /// Takes memory for what may still be added, or for less of it while others read too.
    ///
    /// # Errors
    /// [`ConsumerError::Overloaded`].
    fn reserve(&mut self) -> Result<ReadLimit, ConsumerError> {
        let mut room = self.room();
        loop {
            if self.memory.take(room.bytes.saturating_mul(MEMORY_A_BYTE)).is_ok() {
                return Ok(room);
            }
            room.bytes /= 2;
            if room.bytes < SMALLEST_READ {
                return Err(ConsumerError::Overloaded);
            }
        }
    }

    /// Gives back what was reserved beyond the records that are here and those that were `read`.
    fn settle_for(&mut self, read: &[Record]) {
        let bytes = read.iter().map(Record::size).sum::<usize>().saturating_add(self.bytes);
        self.memory.shrink_to(bytes.saturating_mul(MEMORY_A_BYTE));
    }

    fn is_enough(&self) -> bool {
        let least = if self.limits.min_bytes == 0 { self.count > 0 } else { self.bytes > self.limits.min_bytes };
        self.closed || least
    }

    /// What may still be added. As in the original, a record that would just reach `max_bytes` waits for the next reply.
    fn room(&self) -> ReadLimit {
        let bytes = self.limits.max_bytes.saturating_sub(1).saturating_sub(self.bytes);
        ReadLimit { records: (MAX_RECORDS - self.count).max(1), bytes }
    }

    fn next(&self, at: &TopicPartition) -> Option<Offset> {
        self.parts.iter().find(|part| part.at == *at).map(Part::next)
    }

    /// Adds what was read of a partition after what it has of it. `position` is the member's own.
    ///
    /// # Errors
    /// [`ConsumerError::Unreadable`] for the record at `position`; with others before it the batch ends there.
    fn add(
        &mut self,
        at: &TopicPartition,
        position: Offset,
        records: Vec<Record>,
        readable: Readable,
    ) -> Result<(), ConsumerError> {
        let known = self.parts.iter().position(|part| part.at == *at);
        let index = known.unwrap_or(self.parts.len());
        for record in records {
            // The log returns one record even where it is larger than asked for, and so does a reply: but no second one.
            if self.count > 0 && (record.size() > self.room().bytes || self.count >= MAX_RECORDS) {
                self.closed = true;
                return Ok(());
            }
            if let Err(reason) = readable(&record) {
                if record.offset == position {
                    return Err(ConsumerError::Unreadable { at: at.clone(), offset: record.offset, reason });
                }
                self.closed = true;
                return Ok(());
            }
            self.bytes += record.size();
            self.count += 1;
            match self.parts.get_mut(index) {
                Some(part) => part.records.push(record),
                None => self.parts.push(Part { at: at.clone(), from: position, records: vec![record] }),
            }
        }
        Ok(())
    }

    /// Drops what the member does not read (any more) or what was read by somebody else meanwhile.
    fn drop_outdated(&mut self, view: &View) {
        let current =
            |part: &Part| view.positions.iter().any(|(at, position)| *at == part.at && *position == part.from);
        self.parts.retain(current);
        self.count = self.parts.iter().map(|part| part.records.len()).sum();
        self.bytes = self.parts.iter().flat_map(|part| &part.records).map(Record::size).sum();
    }

    /// Lets `view` wait for what comes after the batch.
    fn reading_on(&self, view: &mut View) {
        for (at, next) in &mut view.positions {
            *next = self.next(at).unwrap_or(*next);
        }
    }
}
