//! What a demo that was killed had begun to post.
//!
//! A kill ends the emulated users too, and some of them had posted a draw on one lane and not yet on the other: no fault of
//! the node's, but the lanes would differ for ever. So a run leaves a note before it posts, takes it away when all is
//! posted, and the next run posts once more what may be half done; what was stored already is dropped as a duplicate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Accepted;

/// An emulation that has begun and, as far as this tells, not ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The seed of its draws.
    pub seed: u64,
    /// The most draws that are taken and not yet acknowledged on every lane.
    pub under_way: u64,
    /// What the log held before, by lane, then stream.
    before: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Unfinished {
    /// An emulation that is about to begin.
    pub fn new(seed: u64, under_way: u64, accepted: &Accepted) -> Self {
        let mut before: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((lane, stream), count) in accepted {
            before.entry(lane.clone()).or_default().insert(stream.clone(), *count);
        }
        Self { seed, under_way, before }
    }

    /// The note in the data folder, if there is one.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        match fs::read(note(data)) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).with_context(|| format!("cannot read {}", note(data).display()))?,
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", note(data).display())),
        }
    }

    /// Leaves the note: whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, data: &Path) -> anyhow::Result<()> {
        let new = data.join("demo.json.new");
        fs::write(&new, serde_json::to_vec(self)?).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, note(data)).with_context(|| format!("cannot write {}", note(data).display()))
    }

    /// Takes the note away.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn done(data: &Path) -> anyhow::Result<()> {
        fs::remove_file(note(data)).with_context(|| format!("cannot remove {}", note(data).display()))
    }

    /// How many draws it may have taken, now that the log holds `accepted`: each that was posted on any lane, and those that
    /// were on their way.
    pub fn draws(&self, accepted: &Accepted) -> u64 {
        let before = |lane: &str, stream: &str| self.before.get(lane).and_then(|streams| streams.get(stream)).copied();
        let grown = accepted.iter().map(|((lane, stream), now)| now.saturating_sub(before(lane, stream).unwrap_or(0)));
        grown.max().unwrap_or(0) + self.under_way
    }
}

fn note(data: &Path) -> PathBuf {
    data.join("demo.json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn accepted(batch: u64, stream: u64) -> Accepted {
        Accepted::from([(("batch".into(), "pin".into()), batch), (("stream".into(), "pin".into()), stream)])
    }

    #[test]
    fn a_note_is_kept_until_it_is_done() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Unfinished::read(data.path()).unwrap(), None);
        let note = Unfinished::new(7, 65, &accepted(100, 90));
        note.write(data.path()).unwrap();
        assert_eq!(Unfinished::read(data.path()).unwrap(), Some(note));
        Unfinished::done(data.path()).unwrap();
        assert_eq!(Unfinished::read(data.path()).unwrap(), None);
    }

    #[test]
    fn all_that_may_be_half_posted_is_counted() {
        let note = Unfinished::new(7, 65, &accepted(100, 90));
        assert_eq!(note.draws(&accepted(150, 141)), 51 + 65);
        assert_eq!(note.draws(&accepted(100, 90)), 65);
    }
}
