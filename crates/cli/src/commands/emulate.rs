//! `pinflow emulate`: users' events, posted over HTTP to a node that runs.

use clap::Args;
use pinflow_event::Clock;
use pinflow_node::SystemClock;
use pinflow_pipeline::Lane;
use pinflow_source::EmulatorOptions;

use super::lane::LaneChoice;
use crate::config::Assignments;
use crate::emulation::{self, Plan};
use crate::exit::Status;
use crate::reach::{self, ReachError};
use crate::session::Session;

/// Post events as users do, drawn from a source database, to a running node
///
/// Each draw is a linked row of every table of the source, posted over Kafka REST to the batch lane and over the
/// API Gateway form of Kinesis to the stream lane.
#[derive(Debug, Args)]
pub struct Emulate {
    /// The source: sqlite://, mysql://, mariadb:// or postgres:// [default: source.db in the data folder]
    #[arg(long, value_name = "URL", conflicts_with = "credentials")]
    source: Option<String>,
    /// A credentials file with HOST, USER, PASSWORD, DATABASE, PORT in place of --source
    #[arg(long, value_name = "FILE")]
    credentials: Option<String>,
    /// Draws a second [default: as fast as the node takes them]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Draws to take [default: until Ctrl-C]
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// The seed of the draws: the same one draws the same rows [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Events a request, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Post on one lane only
    #[arg(long, value_enum)]
    lane: Option<LaneChoice>,
}

impl Emulate {
    /// Tells the settings that its flags set.
    pub fn assign(&self, flags: &mut Assignments) {
        if let Some(source) = &self.source {
            flags.flag("source.url", "--source", source);
            flags.flag("source.credentials", "--source", "none");
        }
        if let Some(credentials) = &self.credentials {
            flags.flag("source.credentials", "--credentials", credentials);
        }
    }

    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let plan = Plan::of(session.pipeline()?)?;
        let Some(node) = reach::running(session)? else {
            return Err(ReachError::Unreachable {
                url: session.settings().data().display().to_string(),
                reason: "no node runs on this data folder".to_owned(),
            }
            .into());
        };
        let seed = self.seed.unwrap_or_else(|| SystemClock.now().as_millis().unsigned_abs());
        let draws = emulation::draws(&emulation::source_address(session, &plan.spec).await?, &plan.spec, seed).await?;
        let options = EmulatorOptions {
            base_url: node.url().to_string(),
            streams: plan.targets,
            lanes: self.lane.map_or_else(|| Lane::ALL.to_vec(), |lane| vec![lane.into()]),
            rate: self.rate,
            draws: self.events,
            batch: self.batch,
            ..emulation::options(session)?
        };
        let report = emulation::run(session, options, draws).await?;
        emulation::tell(session, &report);
        Ok(if emulation::is_clean(&report) { Status::Success } else { Status::Failed })
    }
}
