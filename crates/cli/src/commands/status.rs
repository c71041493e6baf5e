//! `pinflow status`: how a node is, where every event stands, the last runs.

use clap::Args;
use pinflow_pipeline::Lane;

use crate::exit::Status;
use crate::output::visible;
use crate::reach::Reach;
use crate::report;
use crate::session::Session;

/// The fields of events that no schema declares, the most frequent first.
const UNKNOWN_FIELDS: &str = "SELECT stream, lane, field, policy, met, not_evolved FROM system.unknown_fields \
    ORDER BY met DESC, stream, lane LIMIT 20";

/// Show how the node is, where every event stands, and the last runs
#[derive(Debug, Args)]
pub struct StatusCommand {
    /// Runs that are listed
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
}

impl StatusCommand {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = Reach::open(session).await?;
        let overview = reach.overview().await?;
        let (health, balance) = (reach.health().await?, reach.balance().await?);
        let runs = if self.runs == 0 { Vec::new() } else { reach.runs(self.runs).await? };
        let unknown_fields = reach.query(UNKNOWN_FIELDS, Lane::Stream, true).await?.into_rows();
        reach.close().await?;
        let terminal = &session.terminal;
        let state = match overview.urls.first() {
            Some(url) => format!("runs at {url} ({})", health.state),
            None => "does not run".to_owned(),
        };
        terminal.print(format!("pipeline `{}` (pinflow {}) {state}", overview.pipeline, overview.version))?;
        terminal.print(format!("data: {}\n", overview.data_folder))?;
        for reason in &health.reasons {
            terminal.print(terminal.bad(&visible(reason)))?;
        }
        terminal.print(report::balance(&balance).text(Default::default(), terminal.width()))?;
        if !unknown_fields.rows.is_empty() {
            terminal.print("fields that the schemas lack, since the node started:")?;
            terminal.print(unknown_fields.text(Default::default(), terminal.width()))?;
        }
        if !runs.is_empty() {
            terminal.print(report::runs(&runs).text(Default::default(), terminal.width()))?;
        }
        let balances = balance.iter().all(|row| row.balances);
        Ok(if balances { Status::Success } else { Status::Unequal })
    }
}
