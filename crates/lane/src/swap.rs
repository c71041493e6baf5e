//! The moment in which the table that a replay built takes the live one's place.
//!
//! Rows, columns, position and counters change in one commit of the live table; the dead letters follow in one commit of theirs. The
//! first commit counts the swaps, the second one keeps the same count, so that a lane which is opened after a crash between the two
//! sees that the letters are still to be exchanged. The replay's tables are removed after both.

use pinflow_table::{Commit, Progress};

use crate::dead_letters::open_letters;
use crate::error::LaneError;
use crate::letters::exchange_letters;
use crate::replay::{Places, Replay};
use crate::writer::LaneWriter;

/// The counter of swaps.
const SWAPS: &str = "swaps";

impl LaneWriter {
    /// Puts what `replay` built in the place of the lane's table and letters. Both are at the same positions.
    ///
    /// # Errors
    /// [`LaneError::Behind`] where they are not; [`LaneError::Table`], after which the lane reads from its tables which of the two it
    /// is, and goes on with that one.
    pub(crate) async fn take_over(&mut self, replay: Replay) -> Result<(), LaneError> {
        let Replay { mut writer, .. } = replay;
        let positions = self.status.get().position;
        for (partition, position) in &positions {
            let rebuilt = writer.position(*partition).await?;
            if rebuilt != *position {
                let stream = self.parts.stream.name.clone();
                return Err(LaneError::Behind { stream, partition: *partition, position: *position, rebuilt });
            }
        }
        self.take_over_at_any_position(writer).await
    }

    /// As [`LaneWriter::take_over`], where the positions need not be the same: nobody goes on from the old ones meanwhile.
    pub(crate) async fn take_over_at_any_position(&mut self, mut shadow: LaneWriter) -> Result<(), LaneError> {
        let mut applications: Vec<String> =
            self.status.get().position.into_keys().map(|partition| self.position_of(partition)).collect();
        applications.extend(shadow.status.get().position.into_keys().map(|partition| self.position_of(partition)));
        applications.extend(["duplicates", "filtered", "dropped"].map(|counter| self.counter_of(counter)));
        applications.sort_unstable();
        applications.dedup();
        let mut progress = Vec::new();
        for application in applications {
            let (from, to) = (self.table.progress(&application).await?, shadow.table.progress(&application).await?);
            progress.push(Progress { application, from, to });
        }
        let (application, from) = self.recorded_definition().await?;
        progress.push(Progress { application, from, to: self.definition });
        let swaps = self.counter(SWAPS).await?.cast_signed();
        progress.push(Progress { application: self.counter_of(SWAPS), from: swaps, to: swaps + 1 });
        let mut notes = vec![
            ("pinflow.replayed".to_owned(), true.into()),
            ("pinflow.rows".to_owned(), shadow.table.row_count()?.into()),
        ];
        notes.extend(self.definition_notes(from));
        // The merging of small files would go on in folders that are about to be removed.
        for rested in [shadow.table.rest().await, shadow.parts.dead.lock().await.rest().await] {
            if let Err(error) = rested {
                tracing::warn!(%error, "small files stay for now");
            }
        }
        self.in_doubt = true;
        // Whoever looks behind the table meanwhile waits: the keys are not those of its rows.
        self.write_committed().positions.clear();
        self.table.swap(&shadow.table, &Commit { rows: Vec::new(), progress, notes }).await?;
        self.adopt(shadow);
        self.finish_swap().await?;
        self.in_doubt = false;
        Ok(())
    }

    /// Knows from now on what the shadow knew.
    fn adopt(&mut self, shadow: LaneWriter) {
        let theirs = std::mem::take(&mut *shadow.write_committed());
        let seen = shadow.status.get();
        {
            let mut committed = self.write_committed();
            committed.keys = theirs.keys;
            committed.other_columns = theirs.other_columns;
            committed.positions.extend(theirs.positions);
        }
        self.status.update(|status| {
            status.position.extend(seen.position);
            status.rows = seen.rows;
            status.duplicates = seen.duplicates;
            status.filtered = seen.filtered;
            status.dead = seen.dead;
            status.dropped = seen.dropped;
            status.distinct_keys = seen.distinct_keys;
        });
    }

    /// Exchanges the dead letters where the rows were exchanged and they were not yet, and removes what the replay left. Returns
    /// whether there was anything to do.
    pub(crate) async fn finish_swap(&mut self) -> Result<bool, LaneError> {
        let to = self.counter(SWAPS).await?.cast_signed();
        let application = format!("pinflow/{}/{}/{SWAPS}", self.parts.lane, self.topic());
        let mut letters = self.parts.dead.lock().await;
        let from = letters.progress(&application).await?;
        if from == to {
            return Ok(false);
        }
        let progress = Progress { application, from, to };
        let places = Places::of(&self.parts)?;
        if places.letters.exists().await? {
            let shadow = open_letters(&places.letters).await?;
            exchange_letters(&mut letters, &*shadow.lock().await, &self.parts, progress).await?;
        } else {
            // One of the two tables was moved away by hand.
            letters.commit(&Commit { progress: vec![progress], ..Commit::default() }).await?;
        }
        drop(letters);
        places.remove().await?;
        Ok(true)
    }
}
