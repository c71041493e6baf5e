//! Taking dead letters out: by cleaning them again (retry), or for good (drop). Each letter ends in one place.
//!
//! Two tables are concerned, so there are three commits, each of which may be the last before a crash:
//! 1. The letters that leave are marked with the number of this removal. Those that are rejected again get their new reason.
//! 2. The lane's table gets their rows, the counters of what became of the others, and the number: one commit.
//! 3. The marked letters are deleted.
//!
//! Whoever reads the position compares the marks with the number in the lane's table. A mark up to that number lacks the third
//! commit, and the letter is deleted; one beyond it lacks the second, and the mark is wiped off.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinflow_clean::CleanBatch;
use pinflow_event::{Partition, Position, Timestamp};
use pinflow_table::{Commit, DeadLetter, Progress, dead_letter_rows, dead_letters_in};
use serde_json::Value;
use tokio::time::Instant;

use crate::dead_letters::{LetterFilter, for_each_letter};
use crate::error::LaneError;
use crate::writer::{Cleaning, LaneWriter};

/// Bytes of letters that are worked on together, and what a letter takes beside its record.
const ROUND_BYTES: usize = 32 << 20;
const LETTER_BYTES: usize = 256;

/// The counter of removals. It never goes back, not by a swap either: a mark of an old number must not get a meaning again.
pub(crate) const REMOVALS: &str = "removals";

/// What happens to dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterAction {
    /// They are cleaned again. What is rejected again stays, with its new reason.
    Retry,
    /// They are given up.
    Drop {
        /// Why; the table's history keeps it.
        reason: String,
    },
}

/// What became of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterOutcome {
    /// Those that are rows now.
    pub rows: u64,
    /// Those whose key was there already.
    pub duplicates: u64,
    /// Those that the SELECT's `WHERE` left out.
    pub filtered: u64,
    /// Those that were given up.
    pub dropped: u64,
    /// Those that were rejected again, and stay.
    pub dead: u64,
}

impl LetterOutcome {
    /// Counts in what became of others.
    pub fn add(&mut self, other: LetterOutcome) {
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.filtered += other.filtered;
        self.dropped += other.dropped;
        self.dead += other.dead;
    }
}

/// A removal on its way to its second commit.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    number: i64,
    /// Letters that leave.
    pub letters: u64,
    action: LetterAction,
}

impl Removal {
    pub fn progress(&self, application: String) -> Progress {
        Progress { application, from: self.number - 1, to: self.number }
    }

    pub fn dropped(&self) -> u64 {
        if self.action == LetterAction::Retry { 0 } else { self.letters }
    }

    pub fn notes(&self) -> Vec<(String, Value)> {
        match &self.action {
            LetterAction::Retry => vec![("pinflow.retried".to_owned(), self.letters.into())],
            LetterAction::Drop { reason } => vec![
                ("pinflow.dropped".to_owned(), self.letters.into()),
                ("pinflow.drop_reason".to_owned(), reason.as_str().into()),
            ],
        }
    }
}

/// The order in which letters are taken: that of their arrival, where it is known.
type Place = (Option<Timestamp>, Partition, pinflow_event::Offset);

fn place(letter: &DeadLetter) -> Place {
    (letter.arrived, letter.position.partition, letter.position.offset)
}

/// Letters that are worked on together, in order.
struct Round {
    letters: Vec<DeadLetter>,
    /// There are more behind them.
    more: bool,
}

impl LaneWriter {
    /// Takes the lane's letters that `filter` means out of the dead letters.
    ///
    /// # Errors
    /// [`LaneError`]; then a part of them may have been taken out, each whole, and the same call goes on with the others.
    pub async fn remove_letters(
        &mut self,
        action: &LetterAction,
        filter: &LetterFilter,
    ) -> Result<LetterOutcome, LaneError> {
        if self.in_doubt {
            self.recover().await?;
        }
        let mut outcome = LetterOutcome::default();
        if filter.lane.is_some_and(|lane| lane != self.parts.lane) {
            return Ok(outcome);
        }
        let (until, mut after) = (self.parts.clock.now(), None);
        loop {
            let round = self.next_round(filter, until, after).await?;
            let Some(last) = round.letters.last() else { return Ok(outcome) };
            after = Some(place(last));
            let more = round.more;
            outcome.add(self.remove(action, round.letters).await?);
            if !more {
                return Ok(outcome);
            }
        }
    }

    /// The next letters behind `after`. What is rejected while this goes on is left alone, or it might have no end.
    async fn next_round(
        &self,
        filter: &LetterFilter,
        until: Timestamp,
        after: Option<Place>,
    ) -> Result<Round, LaneError> {
        let (mut letters, mut bytes, mut more) = (BTreeMap::new(), 0, false);
        for_each_letter(&self.parts.dead, |letter| {
            let place = place(&letter);
            let due = letter.rejected <= until && after.is_none_or(|after| place > after);
            if !due || !self.owns(&letter) || !filter.takes(&letter) {
                return;
            }
            bytes += size(&letter);
            letters.insert(place, letter);
            while bytes > ROUND_BYTES && letters.len() > 1 {
                let (_, last) = letters.pop_last().expect("there is more than one");
                bytes -= size(&last);
                more = true;
            }
        })
        .await?;
        Ok(Round { letters: letters.into_values().collect(), more })
    }

    async fn remove(&mut self, action: &LetterAction, letters: Vec<DeadLetter>) -> Result<LetterOutcome, LaneError> {
        let letters = Arc::new(letters);
        let cleaned = match action {
            LetterAction::Retry => Some(self.cleaning().clean_letters(&letters).await?),
            LetterAction::Drop { .. } => None,
        };
        let rejects = cleaned.iter().flat_map(|cleaned| &cleaned.rejects);
        let rejected: BTreeMap<Position, (String, Option<String>)> = rejects
            .map(|reject| (letters[reject.index].position, (reject.cause.to_string(), reject.cause.place())))
            .collect();
        let leaving = (letters.len() - rejected.len()) as u64;
        let number = self.removals().await? + 1;
        let removal = Removal { number, letters: leaving, action: action.clone() };
        self.in_doubt = true;
        self.mark(&letters, &rejected, &removal).await?;
        let mut outcome =
            LetterOutcome { dead: rejected.len() as u64, dropped: removal.dropped(), ..Default::default() };
        if leaving > 0 {
            let mut gathering = self.begin(Instant::now())?;
            if let Some(cleaned) = cleaned {
                self.gather_rows(&mut gathering, cleaned).await?;
            }
            (outcome.rows, outcome.duplicates) = (gathering.rows, gathering.duplicates);
            outcome.filtered = gathering.filtered;
            gathering.removal = Some(removal);
            self.commit(gathering).await?;
            self.in_doubt = true;
            self.finish_removals(number).await?;
        }
        self.in_doubt = false;
        Ok(outcome)
    }

    /// The first commit: the letters that leave get the removal's number, the others their new reason.
    async fn mark(
        &self,
        letters: &[DeadLetter],
        rejected: &BTreeMap<Position, (String, Option<String>)>,
        removal: &Removal,
    ) -> Result<(), LaneError> {
        let now = self.parts.clock.now();
        let taken: std::collections::BTreeSet<Position> = letters.iter().map(|letter| letter.position).collect();
        self.rewrite_own_letters(removal.notes(), |mut letter| {
            if let Some((reason, place)) = rejected.get(&letter.position) {
                letter.reason.clone_from(reason);
                letter.place.clone_from(place);
                letter.rejected = now;
            } else if taken.contains(&letter.position) {
                letter.removal = Some(removal.number);
            }
            Some(letter)
        })
        .await
    }

    /// The third commit: the letters go that removals up to `removed` took. Marks of later ones are wiped off.
    pub(crate) async fn finish_removals(&self, removed: i64) -> Result<(), LaneError> {
        self.rewrite_own_letters(Vec::new(), |letter| match letter.removal {
            Some(number) if number <= removed => None,
            Some(_) => Some(DeadLetter { removal: None, ..letter }),
            None => Some(letter),
        })
        .await
    }

    async fn rewrite_own_letters(
        &self,
        notes: Vec<(String, Value)>,
        change: impl Fn(DeadLetter) -> Option<DeadLetter>,
    ) -> Result<(), LaneError> {
        let commit = Commit { notes, ..Commit::default() };
        let mut dead = self.parts.dead.lock().await;
        let changed = |letter| if self.owns(&letter) { change(letter) } else { Some(letter) };
        let rewritten = dead.rewrite(&commit, |batch| {
            let letters: Vec<DeadLetter> = dead_letters_in(&batch)?.into_iter().filter_map(changed).collect();
            Ok(dead_letter_rows(&letters))
        });
        Ok(rewritten.await?)
    }

    /// How many removals the lane's table has seen.
    pub(crate) async fn removals(&mut self) -> Result<i64, LaneError> {
        Ok(self.table.progress(&self.removal_counter()).await?)
    }

    pub(crate) fn removal_counter(&self) -> String {
        self.counter_of(REMOVALS)
    }
}

impl Cleaning {
    /// Cleans the records of letters, off the async threads.
    async fn clean_letters(&self, letters: &Arc<Vec<DeadLetter>>) -> Result<CleanBatch, LaneError> {
        let (cleaner, letters) = (Arc::clone(&self.cleaner), Arc::clone(letters));
        let work = move || {
            let records: Vec<Option<&[u8]>> = letters.iter().map(|letter| letter.raw.as_deref()).collect();
            cleaner.clean(&records)
        };
        let cleaned = tokio::task::spawn_blocking(work).await;
        Ok(cleaned
            .map_err(|error| LaneError::Panicked { stream: self.stream.clone(), reason: error.to_string() })??)
    }
}

fn size(letter: &DeadLetter) -> usize {
    letter.raw.as_ref().map_or(0, Vec::len) + letter.reason.len() + LETTER_BYTES
}
