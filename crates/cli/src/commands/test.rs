//! `pinflow test`: the pipeline's own tests.

use clap::Args;
use pinflow_node::TestOutcome;

use crate::exit::Status;
use crate::output::visible;
use crate::session::Session;

/// Run the pipeline's own tests: events in, rows, dead letters and answers out
#[derive(Debug, Args)]
pub struct Test {}

impl Test {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let pipeline = session.pipeline()?;
        let outcomes = tokio::select! {
            outcomes = pinflow_node::test(&pipeline) => outcomes?,
            () = session.interrupt.wait() => return Ok(Status::Interrupted),
        };
        let folder = session.settings().pipeline.clone().unwrap_or_default();
        for outcome in &outcomes {
            session.terminal.print(line(session, outcome))?;
            for failure in &outcome.failures {
                session.terminal.print(format!("       {}", visible(failure)))?;
            }
            if !outcome.failures.is_empty() {
                session.terminal.print(format!(
                    "       at {}:{}",
                    folder.join(&outcome.file).display(),
                    outcome.line
                ))?;
            }
        }
        let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
        let verdict = format!("{} passed, {failed} failed", outcomes.len() - failed);
        session.terminal.print(if failed == 0 {
            session.terminal.good(&verdict)
        } else {
            session.terminal.bad(&verdict)
        })?;
        Ok(if failed == 0 { Status::Success } else { Status::Failed })
    }
}

fn line(session: &Session, outcome: &TestOutcome) -> String {
    let word =
        if outcome.failures.is_empty() { session.terminal.good("ok    ") } else { session.terminal.bad("FAILED") };
    format!("{word} {} ({} ms)", visible(&outcome.name), outcome.elapsed.as_millis())
}
