//! The commands, one file each.

mod check;
mod completions;
mod config;
mod dead;
mod demo;
mod emulate;
mod init;
mod lane;
mod openapi;
mod query;
mod reconcile;
mod replay;
mod run;
mod serve;
mod source;
mod status;
mod tail;
mod test;

use clap::Subcommand;

use crate::config::Assignments;
use crate::exit::Status;
use crate::session::Session;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Serve(serve::Serve),
    Emulate(emulate::Emulate),
    Run(run::Run),
    Query(query::Query),
    Tail(tail::Tail),
    Status(status::StatusCommand),
    Reconcile(reconcile::Reconcile),
    Replay(replay::Replay),
    Dead(dead::Dead),
    Test(test::Test),
    Source(source::Source),
    Config(config::Config),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    Completions(completions::Completions),
}

impl Command {
    /// Tells the settings that the command's own flags set.
    pub fn assign(&self, flags: &mut Assignments) {
        match self {
            Command::Demo(demo) => demo.address.assign(flags),
            Command::Serve(serve) => serve.address.assign(flags),
            Command::Emulate(emulate) => emulate.assign(flags),
            _ => {}
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Whatever keeps it from being done; [`Status::of`] gives the exit status.
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        match self {
            Command::Demo(command) => command.run(session).await,
            Command::Init(command) => command.run(session),
            Command::Check(command) => command.run(session).await,
            Command::Serve(command) => command.run(session).await,
            Command::Emulate(command) => command.run(session).await,
            Command::Run(command) => command.run(session).await,
            Command::Query(command) => command.run(session).await,
            Command::Tail(command) => command.run(session).await,
            Command::Status(command) => command.run(session).await,
            Command::Reconcile(command) => command.run(session).await,
            Command::Replay(command) => command.run(session).await,
            Command::Dead(command) => command.run(session).await,
            Command::Test(command) => command.run(session).await,
            Command::Source(command) => command.run(session).await,
            Command::Config(command) => command.run(session),
            Command::OpenApi(command) => command.run(session),
            Command::Completions(command) => command.run(session),
        }
    }
}
