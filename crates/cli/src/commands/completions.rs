//! `pinflow completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Status;
use crate::session::Session;

/// Write the completions of a shell, as in `pinflow completions bash > /etc/bash_completion.d/pinflow`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self, session: &Session) -> anyhow::Result<Status> {
        // Into memory first: the generator panics where its output cannot be written.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "pinflow", &mut script);
        session.terminal.print(String::from_utf8_lossy(&script))?;
        Ok(Status::Success)
    }
}
