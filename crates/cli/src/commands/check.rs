//! `pinflow check`: everything that is wrong with a pipeline, before anything runs.

use clap::Args;

use crate::config::ConfigError;
use crate::exit::Status;
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
        session.terminal.print(format!(
            "pipeline `{}` is valid: {} streams, {} queries, {} jobs, {} tests",
            pipeline.name,
            pipeline.streams.len(),
            pipeline.queries.len(),
            pipeline.jobs.len(),
            pipeline.tests.len()
        ))?;
        Ok(Status::Success)
    }
}
