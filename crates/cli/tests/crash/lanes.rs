//! What a lane made of a topic: every event of the log is a row, a duplicate by key, or a dead letter, and only one of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use crate::event::EventId;
use crate::program::Program;

/// A lane's share of the tables.
#[derive(Default)]
pub struct Outcome {
    /// The event of each row, with its key.
    pub rows: Vec<(EventId, u64)>,
    /// Partition, offset and event of each dead letter.
    pub dead: Vec<(usize, usize, EventId)>,
}

impl Outcome {
    /// Asks the tables. No node runs: one would not answer with so many rows.
    pub fn read(folder: &Path, lane: &str) -> Self {
        let row = |row: &Value| (id_of(&row["id"]), row["key"].as_u64().unwrap());
        let letter = |letter: &Value| {
            let place = |name: &str| usize::try_from(letter[name].as_u64().unwrap()).unwrap();
            (place("partition"), place("offset"), EventId::of_json(letter["raw"].as_str().unwrap()).unwrap())
        };
        let letters =
            format!("SELECT partition, offset, CAST(raw AS STRING) AS raw FROM dead.event WHERE lane = '{lane}'");
        Self {
            rows: ask(folder, lane, "SELECT id, key FROM event").iter().map(row).collect(),
            dead: ask(folder, lane, &letters).iter().map(letter).collect(),
        }
    }

    /// Compares it with the events of the log, by partition and offset. Returns how many of them are duplicates.
    pub fn judge(&self, log: &[Vec<EventId>]) -> Result<u64, String> {
        self.judge_dead(log)?;
        let firsts = firsts(log);
        let mut keys = HashSet::new();
        for (id, key) in &self.rows {
            if id.key() != Some(*key) {
                return Err(format!("the row of {id} has the key {key}"));
            }
            if !keys.insert(*key) {
                return Err(format!("the key {key} has two rows, one of them {id}"));
            }
            if !firsts.get(key).is_some_and(|firsts| firsts.contains(id)) {
                return Err(format!("{id} has a row and was not the first of key {key} in its partition"));
            }
        }
        if let Some((key, firsts)) = firsts.iter().find(|(key, _)| !keys.contains(*key)) {
            return Err(format!("the key {key} of {firsts:?} has no row"));
        }
        let good: usize = log.iter().flatten().filter(|id| id.key().is_some()).count();
        Ok((good - self.rows.len()) as u64)
    }

    /// What cannot be cleaned, and nothing else, has a dead letter: one.
    fn judge_dead(&self, log: &[Vec<EventId>]) -> Result<(), String> {
        let mut met = HashSet::new();
        for (partition, offset, id) in &self.dead {
            if log.get(*partition).and_then(|events| events.get(*offset)) != Some(id) {
                return Err(format!("the dead letter of {id} is of another event than the log has there"));
            }
            if id.key().is_some() {
                return Err(format!("{id} can be cleaned and has a dead letter"));
            }
            if !met.insert((*partition, *offset)) {
                return Err(format!("{id} has two dead letters"));
            }
        }
        let bad = log.iter().enumerate().flat_map(|(partition, events)| {
            events
                .iter()
                .enumerate()
                .filter(|(_, id)| id.key().is_none())
                .map(move |(offset, id)| (partition, offset, id))
        });
        for (partition, offset, id) in bad {
            if !met.contains(&(partition, offset)) {
                return Err(format!("{id} cannot be cleaned and has no dead letter"));
            }
        }
        Ok(())
    }
}

/// The events that may be the row of their key: the first in each partition, since nobody says which partition comes first.
fn firsts(log: &[Vec<EventId>]) -> BTreeMap<u64, Vec<EventId>> {
    let mut all: BTreeMap<u64, Vec<EventId>> = BTreeMap::new();
    for events in log {
        let mut first: HashMap<u64, EventId> = HashMap::new();
        for id in events {
            if let Some(key) = id.key() {
                first.entry(key).or_insert(*id);
            }
        }
        first.into_iter().for_each(|(key, id)| all.entry(key).or_default().push(id));
    }
    all
}

fn id_of(value: &Value) -> EventId {
    value.as_str().and_then(EventId::of_text).unwrap_or_else(|| panic!("nobody sent an event with the id {value}"))
}

fn ask(folder: &Path, lane: &str, sql: &str) -> Vec<Value> {
    let query = ["query", sql, "--lane", lane, "--format", "json", "-c", "query.rows=100000000"];
    let answer = Program::command(folder, "", &query).output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    serde_json::from_slice(&answer.stdout).unwrap()
}

/// The harness itself: tables that are wrong in one way each.
mod tests {
    use super::*;

    #[test]
    fn the_harness_sees_what_is_wrong_with_a_lane() {
        let all: Vec<EventId> = (0..200).map(|request| EventId { sender: 1, request, index: 0 }).collect();
        let log = [all[..120].to_vec(), all[120..].to_vec()];
        let right = || {
            let mut outcome = Outcome::default();
            let mut keys = HashSet::new();
            for (partition, events) in log.iter().enumerate() {
                for (offset, id) in events.iter().enumerate() {
                    match id.key() {
                        None => outcome.dead.push((partition, offset, *id)),
                        Some(key) if keys.insert(key) => outcome.rows.push((*id, key)),
                        Some(_) => {}
                    }
                }
            }
            outcome
        };
        let duplicates = right().judge(&log).unwrap();
        assert_eq!(duplicates as usize + right().rows.len() + right().dead.len(), 200);
        assert!(duplicates > 0 && right().dead.len() > 2, "the log shows too little");
        let complaint = |spoil: fn(&mut Outcome)| {
            let mut outcome = right();
            spoil(&mut outcome);
            outcome.judge(&log).unwrap_err()
        };
        for (spoil, expected) in [
            ((|outcome: &mut Outcome| _ = outcome.rows.pop()) as fn(&mut Outcome), "has no row"),
            (|outcome| outcome.rows.push(outcome.rows[0]), "has two rows"),
            (|outcome| outcome.rows[0].1 += 1, "has the key"),
            (|outcome| _ = outcome.dead.pop(), "has no dead letter"),
            (|outcome| outcome.dead.push(outcome.dead[0]), "has two dead letters"),
            (|outcome| outcome.dead[0].1 += 1, "is of another event"),
        ] {
            assert!(complaint(spoil).contains(expected), "{expected}: {}", complaint(spoil));
        }
        let known = |before: &[EventId], id: &EventId| before.iter().any(|earlier| earlier.key() == id.key());
        let again = (0..120).find(|at| log[0][*at].key().is_some() && known(&log[0][..*at], &log[0][*at])).unwrap();
        let mut outcome = right();
        for row in outcome.rows.iter_mut().filter(|(_, key)| Some(*key) == log[0][again].key()) {
            row.0 = log[0][again];
        }
        assert!(outcome.judge(&log).unwrap_err().contains("was not the first"));
    }
}
