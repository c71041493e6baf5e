//! What a commit of a lane leaves in its table's history.

use pinflow_clean::definition_in_words;
use pinflow_table::{Commit, Progress};
use serde_json::Value;

use crate::error::LaneError;
use crate::gathering::Gathering;
use crate::removal::Removal;
use crate::writer::{LaneWriter, signed};

impl LaneWriter {
    /// The commit of what was gathered: how far it brings the lane, and what the table's history shows of it.
    pub(crate) async fn commit_of(&mut self, gathering: &Gathering) -> Result<Commit, LaneError> {
        let Gathering { duplicates, filtered, nulled, rows, letters, unknown, removal, .. } = gathering;
        let mut progress: Vec<Progress> = gathering
            .ranges
            .iter()
            .map(|(partition, (from, next))| Progress {
                application: self.position_of(*partition),
                from: signed(*from),
                to: signed(*next),
            })
            .collect();
        let dropped = removal.as_ref().map_or(0, Removal::dropped);
        progress.extend(removal.as_ref().map(|removal| removal.progress(self.removal_counter())));
        for (counter, added) in [("duplicates", *duplicates), ("filtered", *filtered), ("dropped", dropped)] {
            if added > 0 {
                let before = self.counter(counter).await?.cast_signed();
                progress.push(Progress {
                    application: self.counter_of(counter),
                    from: before,
                    to: before + added.cast_signed(),
                });
            }
        }
        let (application, from) = self.recorded_definition().await?;
        if from != self.definition {
            progress.push(Progress { application, from, to: self.definition });
        }
        let mut notes = vec![
            ("pinflow.rows".to_owned(), (*rows).into()),
            ("pinflow.duplicates".to_owned(), (*duplicates).into()),
            ("pinflow.filtered".to_owned(), (*filtered).into()),
            ("pinflow.dead".to_owned(), letters.len().into()),
        ];
        if *nulled > 0 {
            // Values that a field's policy turned into null: never without a trace in the table's history.
            notes.push(("pinflow.nulled".to_owned(), (*nulled).into()));
        }
        let unknown = unknown.total();
        if unknown.met > 0 {
            notes.push(("pinflow.unknown_fields".to_owned(), unknown.met.into()));
        }
        if unknown.not_evolved > 0 {
            notes.push(("pinflow.not_evolved".to_owned(), unknown.not_evolved.into()));
        }
        notes.extend(self.definition_notes(from));
        notes.extend(removal.iter().flat_map(Removal::notes));
        Ok(Commit { rows: Vec::new(), progress, notes })
    }

    /// What makes the rows of a commit: its number, and where the commits before had another one, also what it says.
    pub(crate) fn definition_notes(&self, before: i64) -> Vec<(String, Value)> {
        let mut notes = vec![("pinflow.definition".to_owned(), format!("{:016x}", self.definition).into())];
        if before != self.definition {
            let words = definition_in_words(&self.parts.stream);
            notes.extend(words.map(|(part, text)| (format!("pinflow.definition.{part}"), text)));
        }
        notes
    }

    /// The definition that made the table's newest rows, 0 where it says nothing, and the application id under which it is kept.
    pub(crate) async fn recorded_definition(&mut self) -> Result<(String, i64), LaneError> {
        let application = self.counter_of("definition");
        let recorded = self.table.progress(&application).await?;
        Ok((application, recorded))
    }
}
