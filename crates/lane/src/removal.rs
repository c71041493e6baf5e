//! Taking dead letters out: by cleaning them again (retry), or for good (drop). Each letter ends in one place.
//!
//! Two tables are concerned, so there are three commits, each of which may be the last before a crash:
//! 1. The letters that leave are marked with the number of this removal. Those that are rejected again get their new reason.
//! 2. The lane's table gets their rows, the counters of what became of the others, and the number: one commit.
//! 3. The marked letters are deleted.
//!
//! Whoever reads the position compares the marks with the number in the lane's table. A mark up to that number lacks the third
//! commit, and the letter is deleted; one beyond it lacks the second, and the mark is wiped off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pinflow_clean::{CleanBatch, UnknownFields};
use pinflow_event::{Offset, Partition, Position, Timestamp};
use pinflow_table::{
    Commit, Condition, DeadLetter, Progress, change_dead_letters, dead_letters_marked, dead_letters_within,
};
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
type Place = (Option<Timestamp>, Partition, Offset);

fn place(letter: &DeadLetter) -> Place {
    (letter.arrived, letter.position.partition, letter.position.offset)
}

/// What is to be taken out, and how far that is: it is done round by round, so that a lane can write batches in between.
#[derive(Debug)]
pub(crate) struct Rounds {
    action: LetterAction,
    filter: LetterFilter,
    /// What is rejected while this goes on is left alone, or it might have no end.
    until: Timestamp,
    after: Option<Place>,
    /// What became of the letters so far.
    pub outcome: LetterOutcome,
}

/// Letters that are worked on together, in order.
struct Round {
    letters: Vec<DeadLetter>,
    /// There are more behind them.
    more: bool,
}

/// Why letters were rejected again, and where, by their places.
type Rejected = BTreeMap<Position, (String, Option<String>)>;

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
        let mut rounds = self.begin_rounds(action.clone(), filter.clone());
        while self.remove_round(&mut rounds).await? {}
        Ok(rounds.outcome)
    }

    pub(crate) fn begin_rounds(&self, action: LetterAction, filter: LetterFilter) -> Rounds {
        Rounds { action, filter, until: self.parts.clock.now(), after: None, outcome: LetterOutcome::default() }
    }

    /// Takes the next letters out, as many as are worked on together. Returns whether there are more.
    pub(crate) async fn remove_round(&mut self, rounds: &mut Rounds) -> Result<bool, LaneError> {
        self.resolve_doubt().await?;
        if rounds.filter.lane.is_some_and(|lane| lane != self.parts.lane) {
            return Ok(false);
        }
        let Round { letters, more } = self.next_round(rounds).await?;
        let Some(last) = letters.last() else { return Ok(false) };
        rounds.after = Some(place(last));
        rounds.outcome.add(self.remove(&rounds.action, letters).await?);
        Ok(more)
    }

    async fn next_round(&self, rounds: &Rounds) -> Result<Round, LaneError> {
        let (mut letters, mut bytes, mut more) = (BTreeMap::new(), 0, false);
        for_each_letter(&self.parts.dead, |letter| {
            let place = place(&letter);
            let due = letter.rejected <= rounds.until && rounds.after.is_none_or(|after| place > after);
            if !due || !self.owns(&letter) || !rounds.filter.takes(&letter) {
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
        let rejected: Rejected = rejects
            .map(|reject| (letters[reject.index].position, (reject.cause.to_string(), reject.cause.place())))
            .collect();
        let leaving = (letters.len() - rejected.len()) as u64;
        let number = self.removals().await? + 1;
        let removal = Removal { number, letters: leaving, action: action.clone() };
        let mut outcome =
            LetterOutcome { dead: rejected.len() as u64, dropped: removal.dropped(), ..Default::default() };
        self.in_doubt = true;
        self.mark(&letters, rejected, &removal).await?;
        if leaving > 0 {
            let mut gathering = self.begin(Instant::now())?;
            if let Some(cleaned) = cleaned {
                // Their unknown fields were counted when they came in.
                let cleaned = CleanBatch { unknown: UnknownFields::default(), ..cleaned };
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

    /// The first commit: the letters that leave get the removal's number, the others their new reason. Those whose reason is the old
    /// one stay as they are; where there are no others, nothing is written.
    async fn mark(&self, letters: &[DeadLetter], mut rejected: Rejected, removal: &Removal) -> Result<(), LaneError> {
        let now = self.parts.clock.now();
        let mut leaving = BTreeSet::new();
        let mut changed = Rejected::new();
        let mut spans: BTreeMap<Partition, (Offset, Offset)> = BTreeMap::new();
        for letter in letters {
            let Position { partition, offset } = letter.position;
            match rejected.remove(&letter.position) {
                Some((reason, place)) if reason == letter.reason && place == letter.place => continue,
                Some(new) => drop(changed.insert(letter.position, new)),
                None => drop(leaving.insert(letter.position)),
            }
            let (first, last) = spans.entry(partition).or_insert((offset, offset));
            (*first, *last) = (offset.min(*first), offset.max(*last));
        }
        if spans.is_empty() {
            return Ok(());
        }
        let within = dead_letters_within(self.parts.lane.as_str(), self.topic().as_str(), &spans);
        self.rewrite_own_letters(within, removal.notes(), |mut letter| {
            if let Some((reason, place)) = changed.get(&letter.position) {
                letter.reason.clone_from(reason);
                letter.place.clone_from(place);
                letter.rejected = now;
            } else if leaving.contains(&letter.position) {
                letter.removal = Some(removal.number);
            }
            Some(letter)
        })
        .await
    }

    /// The third commit: the letters go that removals up to `removed` took. Marks of later ones are wiped off.
    pub(crate) async fn finish_removals(&self, removed: i64) -> Result<(), LaneError> {
        let marked = dead_letters_marked(self.parts.lane.as_str(), self.topic().as_str());
        self.rewrite_own_letters(marked, Vec::new(), |letter| match letter.removal {
            Some(number) if number <= removed => None,
            Some(_) => Some(DeadLetter { removal: None, ..letter }),
            None => Some(letter),
        })
        .await
    }

    /// Changes letters of this lane in the files that hold some which `condition` means.
    async fn rewrite_own_letters(
        &self,
        condition: Condition,
        notes: Vec<(String, Value)>,
        change: impl Fn(DeadLetter) -> Option<DeadLetter>,
    ) -> Result<(), LaneError> {
        let commit = Commit { notes, ..Commit::default() };
        let mut dead = self.parts.dead.lock().await;
        let changed = |letter| if self.owns(&letter) { change(letter) } else { Some(letter) };
        Ok(dead.rewrite(condition, &commit, |batch| change_dead_letters(&batch, changed)).await?)
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
