//! `pinflow check`: everything that is wrong with a pipeline, before anything runs.

use clap::Args;

use crate::config::ConfigError;
use crate::exit::Status;
use crate::output::counted;
use crate::session::Session;

/// Validate a pipeline: its files, its SQL, its charts
///
/// Tells everything that is wrong at once, each with file, line and a hint, and ends with status 2.
#[derive(Debug, Args)]
pub struct Check {}

impl Check {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let pipeline = session.pipeline()?;
        pinflow_node::check(&pipeline).await.map_err(ConfigError::Pipeline)?;
        let count = |number: usize, thing| counted(number as u64, thing);
        session.terminal.print(format!(
            "pipeline `{}` is valid: {}, {}, {}, {}",
            pipeline.name,
            count(pipeline.streams.len(), "stream"),
            count(pipeline.queries.len(), "question"),
            count(pipeline.jobs.len(), "job"),
            count(pipeline.tests.len(), "test")
        ))?;
        Ok(Status::Success)
    }
}
