//! The committer: stores all that waits with one sync a file, while the next group gathers.
//!
//! Alone, an append costs one sync and no delay. Under load the next group gathers during the sync of the one before and, until it is
//! as large as that one was, a little longer ([`gathering`]): a sync costs the processor as much as several small requests, so that
//! fewer syncs of more records are faster for all.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use pinflow_event::Offset;
use tokio::sync::oneshot;

use super::counts::CommitCounts;
use super::frame::Frame;
use super::health::Health;
use super::partition::Partition;
use super::queue::{Queue, Room, Submission};
use super::writer::Writer;
use crate::LogError;

/// Files that one committer keeps open for writing.
const MAX_OPEN_FILES: usize = 128;

/// A group gathers at most so many times as long as the one before took to be stored.
const GATHERING: u32 = 2;
/// The longest that it gathers: it is part of every acknowledgement under load.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);
/// Groups of more bytes are worth their sync as they are.
const SMALL_GROUP: usize = 256 << 10;

/// A thread that writes the partitions that were given to it, and nobody else does.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) health: Arc<Health>,
    counts: Arc<CommitCounts>,
    pub(crate) segment_bytes: u64,
    /// Partitions whose file was opened.
    opened: Vec<Arc<Partition>>,
}

/// What a group has for one partition.
struct Work {
    partition: Arc<Partition>,
    frames: Vec<Frame>,
    /// In the order of the frames; empty once they are answered.
    answers: Vec<oneshot::Sender<Result<Offset, LogError>>>,
    rooms: Vec<Room>,
}

impl Committer {
    /// A committer that is to be run on a thread of its own.
    pub(crate) fn new(queue: Arc<Queue>, health: Arc<Health>, counts: Arc<CommitCounts>, segment_bytes: u64) -> Self {
        Self { queue, health, counts, segment_bytes, opened: Vec::new() }
    }

    /// Stores what comes until the queue is closed.
    pub(crate) fn run(mut self) {
        let mut group = Vec::new();
        while self.queue.take(&mut group) {
            self.counts.group_sizes.record(group.len() as u64);
            let begin = Instant::now();
            let (appends, bytes) = (group.len(), group.iter().map(|submission| submission.frame.bytes().len()).sum());
            let mut works = by_partition(&mut group);
            self.store_all(&mut works);
            self.limit_open_files();
            // Who was answered comes back, where there is load: then as many as before are worth a sync.
            self.queue.gather(appends, gathering(appends, bytes, begin.elapsed()));
        }
    }

    fn store_all(&mut self, works: &mut [Work]) {
        let partitions: Vec<Arc<Partition>> = works.iter().map(|work| Arc::clone(&work.partition)).collect();
        let mut writers: Vec<MutexGuard<'_, Writer>> = partitions.iter().map(|partition| partition.writer()).collect();
        let outcome = self.health.check_poison().and_then(|()| self.store(works, &mut writers));
        let Err(error) = outcome else { return };
        for (work, writer) in works.iter_mut().zip(&mut writers).filter(|(work, _)| !work.answers.is_empty()) {
            work.partition.withdraw(writer);
            work.refuse(&error);
        }
    }

    /// Writes every partition, then syncs and answers one after the other. After an error nothing more is written.
    fn store(&mut self, works: &mut [Work], writers: &mut [MutexGuard<'_, Writer>]) -> Result<(), LogError> {
        let poison = |cause: LogError| self.health.poison(&cause);
        for (work, writer) in works.iter_mut().zip(&mut *writers) {
            if writer.is_finished() {
                work.refuse(&LogError::UnknownTopic(work.partition.at.topic.clone()));
                continue;
            }
            match writer.open() {
                Ok(false) => {}
                Ok(true) => self.opened.push(Arc::clone(&work.partition)),
                Err(error) => {
                    work.refuse(&error);
                    continue;
                }
            }
            work.partition.write(writer, &mut work.frames, self.segment_bytes).map_err(poison)?;
        }
        for (work, writer) in works.iter_mut().zip(writers) {
            let began = Instant::now();
            work.partition.commit(writer).map_err(poison)?;
            self.counts.sync_durations.record_duration(began.elapsed());
            work.accept();
        }
        Ok(())
    }

    /// A log may have more partitions than a process has files. Opening one again is cheap beside a sync.
    fn limit_open_files(&mut self) {
        if self.opened.len() > MAX_OPEN_FILES {
            self.opened.drain(..).for_each(|partition| partition.writer().release());
        }
    }
}

impl Drop for Committer {
    /// Where the thread ends by a panic, nobody waits forever and the log says so.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.health
                .poison(&LogError::Backend { backend: "embedded", reason: "a committer stopped by a bug".into() });
        }
        self.queue.abandon();
    }
}

impl Work {
    fn accept(&mut self) {
        let bases: Vec<Offset> = self.frames.iter().map(|frame| frame.header.base).collect();
        self.free();
        for (answer, base) in self.answers.drain(..).zip(bases) {
            // Who waited may be gone; the records are stored all the same.
            let _ = answer.send(Ok(base));
        }
    }

    fn refuse(&mut self, error: &LogError) {
        self.free();
        for answer in self.answers.drain(..) {
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// Before anyone is answered: who appends again at once finds the room that it had.
    fn free(&mut self) {
        self.frames.clear();
        self.rooms.clear();
    }
}

/// How long the next group gathers at most after one of so many appends and bytes, which took that long. Who appends alone, one after
/// the other, is not kept waiting.
fn gathering(appends: usize, bytes: usize, took: Duration) -> Duration {
    let small = appends > 1 && bytes < SMALL_GROUP;
    if small { (took * GATHERING).min(LONGEST_GATHERING) } else { Duration::ZERO }
}

/// Sorts a group out by partition; within one the order of arrival stays.
fn by_partition(group: &mut Vec<Submission>) -> Vec<Work> {
    group.sort_by_key(|submission| submission.partition.id);
    let mut works: Vec<Work> = Vec::new();
    for Submission { partition, frame, answer, room } in group.drain(..) {
        if works.last().is_none_or(|work| work.partition.id != partition.id) {
            works.push(Work { partition, frames: Vec::new(), answers: Vec::new(), rooms: Vec::new() });
        }
        let work = works.last_mut().expect("one was pushed");
        work.frames.push(frame);
        work.answers.push(answer);
        work.rooms.push(room);
    }
    works
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_gather_and_nothing_else_waits() {
        let micros = Duration::from_micros;
        assert_eq!(gathering(30, 20_000, micros(250)), micros(500));
        assert_eq!(gathering(30, 20_000, micros(9_000)), LONGEST_GATHERING);
        assert_eq!(gathering(1, 700, micros(250)), Duration::ZERO, "alone");
        assert_eq!(gathering(8, 2_400_000, micros(5_000)), Duration::ZERO, "large");
    }
}
