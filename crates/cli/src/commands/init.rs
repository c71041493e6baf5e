//! `pinflow init`: an editable copy of the built-in pipeline.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Status;
use crate::session::Session;

/// Write an editable copy of the built-in pipeline
///
/// Nothing is overwritten: a folder that has one of the files already is refused.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder to write to
    #[arg(value_name = "DIR", default_value = "pipeline")]
    folder: PathBuf,
}

impl Init {
    pub fn run(self, session: &Session) -> anyhow::Result<Status> {
        for file in pinflow_pipeline::write_built_in(&self.folder)? {
            session.terminal.print(file.display().to_string())?;
        }
        let folder = self.folder.display();
        session.terminal.note(format!(
            "\nEdit it, then:\n  pinflow check --pipeline {folder}\n  pinflow test --pipeline {folder}\n  pinflow demo --pipeline {folder}"
        ));
        Ok(Status::Success)
    }
}
