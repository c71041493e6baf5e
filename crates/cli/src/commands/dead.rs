//! `pinflow dead`: what could not be cleaned, and why.

use clap::Args;

use crate::exit::Status;
use crate::output::Format;
use crate::reach::Reach;
use crate::report;
use crate::session::Session;

/// List a stream's newest dead letters: what could not be cleaned, and why
#[derive(Debug, Args)]
pub struct Dead {
    /// The stream
    stream: String,
    /// The most that are listed
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// How they are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Dead {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        let letters = reach.dead(&self.stream, self.limit.into()).await;
        reach.close().await?;
        session.terminal.print(report::dead(&letters?).text(self.format, session.terminal.width()))?;
        Ok(Status::Success)
    }
}
