//! How far a lane's table was at each of its versions that are kept.

use std::collections::BTreeMap;

use pinflow_event::{Offset, Partition, Timestamp};
use pinflow_table::{PastCommit, Table};

use crate::error::LaneError;
use crate::removal::REMOVALS;
use crate::replay::{ReplaySource, live_place};
use crate::writer::{LaneParts, application_of, counter_of};

/// A point of a lane's way through its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// This offset, in every partition.
    Offset(Offset),
    /// What was committed at this time.
    Time(Timestamp),
}

/// A version of a lane's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Its number.
    pub version: u64,
    /// When it was made, where the table says so.
    pub time: Option<Timestamp>,
    /// Every record below these offsets is accounted for in it, and no other one.
    pub positions: BTreeMap<Partition, Offset>,
    /// Whether a replay may go on from it. A commit that changed rows otherwise than by going on in the topic (an earlier replay, a
    /// dead letter that was tried again) is not to be undone.
    goes_on: bool,
}

/// The versions that are kept, oldest first; never empty.
#[derive(Clone, Debug)]
pub struct TableVersions(Vec<TableVersion>);

impl TableVersions {
    /// Reads them from the live table of a lane, for the partitions that the source of its replays knows.
    ///
    /// # Errors
    /// [`LaneError::Table`]; where the partitions cannot be found out.
    pub async fn read(parts: &LaneParts, source: &ReplaySource) -> Result<Self, LaneError> {
        let mut oldest = None;
        loop {
            let error = match Self::read_once(parts, source).await {
                Ok(versions) => return Ok(versions),
                Err(error) => error,
            };
            // The upkeep of the live table takes old versions away, also while they are read.
            let commits = live_place(parts)?.past_commits().await?;
            let oldest_now = commits.first().map(|commit| commit.version);
            if oldest_now == oldest {
                return Err(error);
            }
            oldest = oldest_now;
        }
    }

    async fn read_once(parts: &LaneParts, source: &ReplaySource) -> Result<Self, LaneError> {
        let location = live_place(parts)?;
        let topic = &parts.stream.lane(parts.lane).topic;
        let partitions = source.partitions(topic).await?;
        let newest = Table::open_outdated(&location, parts.cleaner.output_schema()).await?;
        let commits = newest.past_commits().await?;
        let oldest = match commits.first() {
            Some(commit) => Table::at_version(&location, commit.version).await.ok(),
            None => None,
        };
        // Without entries to go by there is the newest version alone.
        let (mut table, commits) = match oldest {
            Some(table) => (table, commits),
            None => (Table::at_version(&location, newest.version()).await?, Vec::new()),
        };
        let applications: Vec<String> = partitions.iter().map(|partition| application_of(topic, *partition)).collect();
        let mut positions = BTreeMap::new();
        for (partition, application) in partitions.iter().zip(&applications) {
            positions.insert(*partition, Offset(table.progress(application).await?.unsigned_abs()));
        }
        let first = TableVersion {
            version: table.version(),
            time: commits.first().and_then(|commit| commit.time),
            positions,
            goes_on: true,
        };
        let commits = commits.get(1..).unwrap_or_default();
        Ok(Self(roll_forward(first, commits, &partitions, &applications, &counter_of(topic, REMOVALS))))
    }

    /// The oldest version that may be gone on from and holds every record before these offsets.
    pub(crate) fn first_behind(&self, offsets: &BTreeMap<Partition, Offset>) -> Option<&TableVersion> {
        let holds = |version: &&TableVersion| {
            offsets.iter().all(|(partition, offset)| version.positions.get(partition).is_some_and(|at| at >= offset))
        };
        self.0[self.barrier()..].iter().find(holds)
    }

    /// The number of the first version that may be gone on from.
    fn barrier(&self) -> usize {
        self.0.iter().rposition(|version| !version.goes_on).unwrap_or(0)
    }

    /// The newest version that holds nothing behind `point` and may be gone on from.
    pub fn before(&self, point: Point) -> Option<&TableVersion> {
        let holds_no_more = |version: &&TableVersion| match point {
            Point::Offset(offset) => version.positions.values().all(|at| *at <= offset),
            Point::Time(time) => version.time.is_some_and(|made| made <= time),
        };
        self.0[self.barrier()..].iter().rev().find(holds_no_more)
    }

    /// The oldest version that holds everything up to `point`; the newest one where none does.
    pub fn through(&self, point: Point) -> &TableVersion {
        let reaches = |version: &&TableVersion| match point {
            Point::Offset(offset) => version.positions.values().all(|at| *at >= offset),
            Point::Time(time) => version.time.is_some_and(|made| made >= time),
        };
        self.0.iter().find(reaches).unwrap_or_else(|| self.newest())
    }

    /// The newest version.
    pub fn newest(&self) -> &TableVersion {
        self.0.last().expect("there is a version for every table")
    }
}

fn roll_forward(
    first: TableVersion,
    commits: &[PastCommit],
    partitions: &[Partition],
    applications: &[String],
    removals: &str,
) -> Vec<TableVersion> {
    let mut versions = vec![first];
    for commit in commits {
        let mut next = versions.last().expect("it begins with one").clone();
        (next.version, next.time) = (commit.version, commit.time);
        let mut moved = false;
        for (partition, application) in partitions.iter().zip(applications) {
            for (_, to) in commit.progress.iter().filter(|(moved, _)| moved == application) {
                next.positions.insert(*partition, Offset(to.unsigned_abs()));
                moved = true;
            }
        }
        // A removal of dead letters may add no row: the letters were dropped, or their keys were there.
        let removal = commit.progress.iter().any(|(moved, _)| moved == removals);
        next.goes_on = !commit.removes_rows && !removal && (moved || !commit.adds_rows);
        versions.push(next);
    }
    versions
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const POSITION: &str = "pinflow/t/0";

    fn appended(version: u64, to: i64) -> PastCommit {
        PastCommit {
            version,
            time: Some(Timestamp::from_millis(version.cast_signed() * 1_000)),
            adds_rows: true,
            removes_rows: false,
            progress: vec![(POSITION.to_owned(), to)],
            ..PastCommit::default()
        }
    }

    fn versions(commits: &[PastCommit]) -> TableVersions {
        let first = TableVersion {
            version: 0,
            time: Some(Timestamp::from_millis(0)),
            positions: BTreeMap::from([(Partition(0), Offset(0))]),
            goes_on: true,
        };
        TableVersions(roll_forward(first, commits, &[Partition(0)], &[POSITION.to_owned()], "removals"))
    }

    fn number(version: Option<&TableVersion>) -> Option<u64> {
        version.map(|version| version.version)
    }

    #[test]
    fn a_point_is_rounded_to_a_commit() {
        let versions = versions(&[appended(1, 10), appended(2, 20), appended(3, 30)]);
        for (offset, before, through) in [(0, 0, 0), (9, 0, 1), (10, 1, 1), (25, 2, 3), (99, 3, 3)] {
            let point = Point::Offset(Offset(offset));
            assert_eq!(number(versions.before(point)), Some(before), "before {offset}");
            assert_eq!(versions.through(point).version, through, "through {offset}");
        }
        let time = |seconds: i64| Point::Time(Timestamp::from_millis(seconds * 1_000 + 500));
        assert_eq!((number(versions.before(time(1))), versions.through(time(1)).version), (Some(1), 2));
        assert_eq!(number(versions.before(time(-1))), None);
        assert_eq!(versions.newest().positions[&Partition(0)], Offset(30));
    }

    #[test]
    fn what_changed_rows_otherwise_is_not_undone() {
        // Small files are merged, which changes no rows; then a dead letter is tried again.
        let merged = PastCommit { adds_rows: false, progress: Vec::new(), ..appended(2, 0) };
        let retried = PastCommit { progress: vec![("retry".to_owned(), 1)], ..appended(3, 0) };
        let versions = versions(&[appended(1, 10), merged, retried, appended(4, 20)]);
        assert_eq!(number(versions.before(Point::Offset(Offset(9)))), None);
        assert_eq!(number(versions.before(Point::Offset(Offset(10)))), Some(3));
        assert_eq!(number(versions.before(Point::Offset(Offset(20)))), Some(4));
    }

    #[test]
    fn what_dropped_dead_letters_is_not_undone() {
        let dropped = PastCommit { adds_rows: false, progress: vec![("removals".to_owned(), 1)], ..appended(2, 0) };
        let versions = versions(&[appended(1, 10), dropped, appended(3, 20)]);
        assert_eq!(number(versions.before(Point::Offset(Offset(9)))), None);
        assert_eq!(number(versions.before(Point::Offset(Offset(10)))), Some(2));
    }
}
