//! `pinflow reconcile`: whether both lanes hold the same rows.

use clap::Args;

use crate::exit::Status;
use crate::output::Format;
use crate::reach::Reach;
use crate::report;
use crate::session::Session;

/// Compare the two lanes row by row; ends with status 3 where they differ
///
/// Only what a job has cleaned is on the batch lane: `pinflow run` first.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// The stream to compare [default: all]
    stream: Option<String>,
    /// How the verdict is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Reconcile {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        let verdict = tokio::select! {
            verdict = reach.reconcile(self.stream.as_deref()) => Some(verdict),
            () = session.interrupt.wait() => None,
        };
        reach.close().await?;
        let Some(verdict) = verdict else { return Ok(Status::Interrupted) };
        let streams = verdict?;
        session.terminal.print(report::reconciliation(&streams).text(self.format, session.terminal.width()))?;
        let samples = report::reconcile_samples(&streams);
        if self.format == Format::Table && !samples.rows.is_empty() {
            session.terminal.print(samples.text(self.format, session.terminal.width()))?;
        }
        Ok(if streams.iter().all(|stream| stream.equal) { Status::Success } else { Status::Unequal })
    }
}
