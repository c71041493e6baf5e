//! What a lane made of a topic: every event of the log is a row, a duplicate by key, or a dead letter, and only one of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use crate::event::EventId;
use crate::program::Program;

/// A lane's share of the tables.
#[derive(Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    /// Partition, offset and event of each dead letter.
    pub dead: Vec<(usize, usize, EventId)>,
    /// Dead letters that were given up.
    pub dropped: u64,
}

/// A row of the lane's table.
pub struct Row {
    pub id: EventId,
    pub key: i64,
    /// The fields that the schema lacks and the table has columns for.
    pub extra: Vec<(String, String)>,
}

impl Row {
    fn of(id: EventId) -> Self {
        let extra = id.extra().map(|(name, value)| (name, value.to_string()));
        Self { id, key: id.row_key(), extra: extra.into_iter().collect() }
    }

    fn read(row: &Value) -> Self {
        let columns = row.as_object().unwrap().iter();
        let extra = columns.filter(|(name, value)| !matches!(name.as_str(), "id" | "key") && !value.is_null());
        Self {
            id: id_of(&row["id"]),
            key: row["key"].as_i64().unwrap(),
            extra: extra.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        }
    }
}

impl Outcome {
    /// Asks the tables. No node runs: one would not answer with so many rows.
    pub fn read(folder: &Path, lane: &str) -> Self {
        let letter = |letter: &Value| {
            let place = |name: &str| usize::try_from(letter[name].as_u64().unwrap()).unwrap();
            (place("partition"), place("offset"), EventId::of_json(letter["raw"].as_str().unwrap()).unwrap())
        };
        let letters =
            format!("SELECT partition, offset, CAST(raw AS STRING) AS raw FROM dead.event WHERE lane = '{lane}'");
        let dropped = format!("SELECT dropped FROM system.balance WHERE lane = '{lane}'");
        Self {
            rows: ask(folder, lane, "SELECT * FROM event").iter().map(Row::read).collect(),
            dead: ask(folder, lane, &letters).iter().map(letter).collect(),
            dropped: ask(folder, lane, &dropped)[0]["dropped"].as_u64().unwrap(),
        }
    }

    /// Compares it with the events of the log, by partition and offset. Returns how many of them are duplicates.
    pub fn judge(&self, log: &[Vec<EventId>]) -> Result<u64, String> {
        let firsts = firsts(log);
        let mut keys = HashSet::new();
        for Row { id, key, extra } in &self.rows {
            let right = Row::of(*id);
            if right.key != *key {
                return Err(format!("the row of {id} has the key {key}"));
            }
            if right.extra != *extra {
                return Err(format!("the row of {id} has {extra:?} beside the columns of the SELECT"));
            }
            if !keys.insert(*key) {
                return Err(format!("the key {key} has two rows, one of them {id}"));
            }
            if id.key().is_some_and(|key| !firsts.get(&key).is_some_and(|firsts| firsts.contains(id))) {
                return Err(format!("{id} has a row and was not the first of key {key} in its partition"));
            }
        }
        if let Some((key, firsts)) = firsts.iter().find(|(key, _)| !keys.contains(&key.cast_signed())) {
            return Err(format!("the key {key} of {firsts:?} has no row"));
        }
        let good = log.iter().flatten().filter(|id| id.key().is_some()).count();
        let good_rows = self.rows.iter().filter(|row| row.id.key().is_some()).count();
        self.judge_dead(log)?;
        Ok((good - good_rows) as u64)
    }

    /// What could not be cleaned at first is a dead letter, or was given up, or became a row when the SELECT was mended: one of them.
    fn judge_dead(&self, log: &[Vec<EventId>]) -> Result<(), String> {
        let bad = log.iter().flatten().filter(|id| id.key().is_none()).count() as u64;
        let mut met: HashSet<EventId> = self.rows.iter().map(|row| row.id).filter(|id| id.key().is_none()).collect();
        for (partition, offset, id) in &self.dead {
            if log.get(*partition).and_then(|events| events.get(*offset)) != Some(id) {
                return Err(format!("the dead letter of {id} is of another event than the log has there"));
            }
            if id.key().is_some() {
                return Err(format!("{id} can be cleaned and has a dead letter"));
            }
            if !met.insert(*id) {
                return Err(format!("{id} has two dead letters, or one and a row"));
            }
        }
        let missing = bad.saturating_sub(met.len() as u64);
        if missing != self.dropped {
            return Err(format!("{missing} events have neither row nor dead letter; {} were given up", self.dropped));
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
                        None if id.request % 2 == 0 => outcome.rows.push(Row::of(*id)),
                        None => outcome.dead.push((partition, offset, *id)),
                        Some(key) if keys.insert(key) => outcome.rows.push(Row::of(*id)),
                        Some(_) => {}
                    }
                }
            }
            outcome
        };
        let duplicates = right().judge(&log).unwrap();
        assert_eq!(duplicates as usize + right().rows.len() + right().dead.len(), 200);
        assert!(duplicates > 0 && right().dead.len() > 2, "the log shows too little");
        let with_extra = right().rows.iter().filter(|row| !row.extra.is_empty()).count();
        assert!(with_extra > 0, "the log shows too little");
        let complaint = |spoil: fn(&mut Outcome)| {
            let mut outcome = right();
            spoil(&mut outcome);
            outcome.judge(&log).unwrap_err()
        };
        for (spoil, expected) in [
            ((|outcome: &mut Outcome| outcome.rows.retain(|row| row.key < 0)) as fn(&mut Outcome), "has no row"),
            (|outcome| outcome.rows.push(Row::of(outcome.rows[0].id)), "has two rows"),
            (|outcome| outcome.rows[0].key += 1, "has the key"),
            (|outcome| outcome.rows.iter_mut().for_each(|row| row.extra.clear()), "beside the columns"),
            (|outcome| outcome.rows[0].extra.push(("extra1".into(), "1".into())), "beside the columns"),
            (|outcome| _ = outcome.dead.pop(), "1 events have neither"),
            (|outcome| outcome.rows.retain(|row| row.key >= 0), "have neither row nor dead letter"),
            (|outcome| outcome.dropped = 1, "0 events have neither row nor dead letter; 1 were"),
            (|outcome| outcome.dead.push(outcome.dead[0]), "has two dead letters"),
            (|outcome| outcome.rows.push(Row::of(outcome.dead[0].2)), "or one and a row"),
            (|outcome| outcome.dead[0].1 += 1, "is of another event"),
        ] {
            assert!(complaint(spoil).contains(expected), "{expected}: {}", complaint(spoil));
        }
        let known = |before: &[EventId], id: &EventId| before.iter().any(|earlier| earlier.key() == id.key());
        let again = (0..120).find(|at| log[0][*at].key().is_some() && known(&log[0][..*at], &log[0][*at])).unwrap();
        let mut outcome = right();
        for row in outcome.rows.iter_mut().filter(|row| row.id.key() == log[0][again].key()) {
            *row = Row::of(log[0][again]);
        }
        assert!(outcome.judge(&log).unwrap_err().contains("was not the first"));
    }
}
