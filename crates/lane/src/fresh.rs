//! What is acknowledged but not in the table yet, cleaned as the lane will clean it.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use arrow::array::RecordBatch;
use pinflow_clean::{KeySet, NewKeys};
use pinflow_event::{Offset, Partition};

use crate::error::LaneError;
use crate::intake::Intake;
use crate::stream::partitions_of;

/// What a lane knows of its table as it was last committed. Written by the lane, read by those who look behind it.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// How far the table is, by partition; 0 where there is none.
    pub positions: BTreeMap<Partition, Offset>,
    /// The keys that it holds, where its stream has a key.
    pub keys: Option<KeySet>,
    /// Why no row can be added, where its columns are others than the cleaning gives.
    pub other_columns: Option<String>,
}

impl Committed {
    fn is_at(&self, positions: &BTreeMap<Partition, Offset>) -> bool {
        positions.iter().all(|(partition, at)| self.positions.get(partition).copied().unwrap_or(Offset::ZERO) == *at)
    }
}

pub(crate) type SharedCommitted = Arc<RwLock<Committed>>;

/// The events of a stream lane that are acknowledged and not committed.
#[derive(Clone, Debug)]
pub struct FreshTail {
    intake: Intake,
    committed: SharedCommitted,
}

/// Rows behind a version of the table.
#[derive(Clone, Debug)]
pub enum FreshRows {
    /// The rows, without those whose key the table holds or an earlier one of them has.
    Rows(RecordBatch),
    /// The lane is elsewhere than the version that was asked for.
    Moved,
    /// The table has other columns than the cleaning gives, so none of them will be its rows.
    OtherColumns {
        /// Which, and what to do.
        reason: String,
    },
    /// More records are waiting than may be cleaned for one look.
    TooFar {
        /// How many.
        records: u64,
    },
}

impl FreshTail {
    pub(crate) fn new(intake: Intake, committed: SharedCommitted) -> Self {
        Self { intake, committed }
    }

    /// The application ids of the positions in the table, by partition.
    ///
    /// # Errors
    /// [`LaneError::Log`].
    pub async fn applications(&self) -> Result<Vec<(Partition, String)>, LaneError> {
        let partitions = partitions_of(self.intake.log.as_ref(), &self.intake.topic).await?;
        let topic = &self.intake.topic;
        Ok(partitions.map(|partition| (partition, crate::writer::application_of(topic, partition))).collect())
    }

    /// The rows behind the version of the table that is at `positions`.
    ///
    /// # Errors
    /// [`LaneError`], as the lane itself has them.
    pub async fn rows(&self, positions: BTreeMap<Partition, Offset>) -> Result<FreshRows, LaneError> {
        {
            let committed = self.read();
            if let Some(reason) = committed.other_columns.clone() {
                return Ok(FreshRows::OtherColumns { reason });
            }
            if !committed.is_at(&positions) {
                return Ok(FreshRows::Moved);
            }
        }
        let prepared = self.intake.clone().prepare(positions.clone()).await?;
        if prepared.behind > 0 {
            return Ok(FreshRows::TooFar { records: self.waiting(&positions).await? });
        }
        let (tail, rows) = (self.clone(), prepared.cleaned.rows);
        let work = move || {
            let committed = tail.read();
            if !committed.is_at(&positions) {
                return Ok(FreshRows::Moved);
            }
            Ok(match (&committed.keys, tail.intake.cleaning.key_column()) {
                (_, None) => FreshRows::Rows(rows),
                (Some(keys), Some(column)) => {
                    let distinct = keys.distinct(&rows, column, &mut NewKeys::default());
                    FreshRows::Rows(distinct.map_err(|error| tail.intake.cleaning.key_error(&error))?.rows)
                }
                // The lane reads the keys anew, after a commit whose outcome it did not learn.
                (None, Some(_)) => FreshRows::Moved,
            })
        };
        tokio::task::spawn_blocking(work).await.expect("looking keys up does not panic")
    }

    async fn waiting(&self, positions: &BTreeMap<Partition, Offset>) -> Result<u64, LaneError> {
        let mut records = 0;
        for (partition, from) in positions {
            let at = pinflow_event::TopicPartition::new(self.intake.topic.clone(), *partition);
            records += self.intake.log.bounds(&at).await?.end.since(*from);
        }
        Ok(records)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Committed> {
        self.committed.read().expect("nobody panics while writing what is committed")
    }
}
