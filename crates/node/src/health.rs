//! Whether the node does its work, part by part.

use serde::Serialize;

use crate::stages::Stages;

/// A part that must work for the node to be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    /// `node`, `log`, `archive`, or a lane of a stream as in `stream.pin`.
    pub name: String,
    /// Whether it works.
    pub ready: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Part {
    fn new(name: impl Into<String>, reason: Option<String>) -> Self {
        Self { name: name.into(), ready: reason.is_none(), reason }
    }
}

/// All parts. `stopping` says that the node takes no more requests.
pub(crate) fn parts(stages: &Stages, stopping: bool) -> Vec<Part> {
    let stopping = stopping.then(|| "the node is stopping".to_owned());
    let log = stages.log.health().err().map(|error| error.to_string());
    let archive = stages.archive.status().into_iter().find_map(|partition| partition.last_error);
    let lanes = stages.statuses.iter().map(|((lane, stream), status)| {
        let trouble = status.get().trouble;
        let reason = trouble.map(|why| format!("the {lane} lane of `{stream}` stands still and tries again: {why}"));
        Part::new(format!("{lane}.{stream}"), reason)
    });
    [Part::new("node", stopping), Part::new("log", log), Part::new("archive", archive)]
        .into_iter()
        .chain(lanes)
        .collect()
}
