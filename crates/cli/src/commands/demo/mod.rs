//! `pinflow demo`: the whole way of an event, from a generated source to answers, on this machine.

mod telling;
mod unfinished;

use std::collections::BTreeMap;

use clap::Args;
use pinflow_dashboard::view::RunState;
use pinflow_node::Node;
use pinflow_pipeline::Pipeline;
use pinflow_source::{Address, EmulationReport, EmulatorOptions};
use url::Url;

use super::serve::ListenAddress;
use crate::emulation::{self, Plan};
use crate::exit::Status;
use crate::output::counted;
use crate::reach::model::{BalanceRow, Run};
use crate::reach::{Folder, Reach};
use crate::report;
use crate::session::Session;
use unfinished::Unfinished;

/// The job that is run where the pipeline has it; else its first.
const JOB: &str = "daily";

/// What the log has acknowledged, by lane and stream.
type Accepted = BTreeMap<(String, String), u64>;

/// See everything at work: generated users, a node, both lanes, the answers, the balance
///
/// Fills a source database with generated rows, starts a node, posts drawn rows as users do, runs the daily job, prints
/// the answers, proves that nothing was lost or doubled, and stays up to be looked at. A further run on the same data
/// folder goes on from there with other draws.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub address: ListenAddress,
    /// Draws to take: each is an event of every stream, on both lanes
    #[arg(long, value_name = "N", default_value_t = 11_000)]
    events: u64,
    /// Draws a second [default: as fast as the node takes them]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// The seed of the generated rows and of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Events a request, 1 to 500; the original users send 1, which takes longer
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Ends when all is shown; the status is not 0 if anything did not balance
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let plan = Plan::of(session.pipeline()?)?;
        let node = Node::open(session.settings().node_config(plan.pipeline.clone())).await?;
        let source = emulation::fill_own_database(session, &plan.spec, self.seed).await?;
        node.start();
        let url = node.listen().await?;
        session.terminal.note(format!("node: {url} on {}", session.settings().data().display()));
        let reach = Reach::Folder(Box::new(Folder { node }));
        let shown = self.show(session, &plan, &reach, &source, &url).await;
        if !self.exit && !session.interrupt.happened() && shown.is_ok() {
            telling::where_to_look(session, &plan.pipeline, &url);
            session.interrupt.wait().await;
        }
        reach.close().await?;
        shown
    }

    async fn show(
        &self,
        session: &Session,
        plan: &Plan,
        reach: &Reach,
        source: &Address,
        url: &Url,
    ) -> anyhow::Result<Status> {
        self.finish(session, plan, reach, source, url).await?;
        let before = accepted(&reach.balance().await?);
        let emulated = self.emulate(session, plan, source, url, &before).await?;
        // A draw that was begun is posted whole, so nothing above is cut off by a signal.
        if session.interrupt.happened() {
            return Ok(Status::Interrupted);
        }
        tokio::select! {
            shown = conclude(session, plan, reach, &before, &emulated) => shown,
            () = session.interrupt.wait() => Ok(Status::Interrupted),
        }
    }

    async fn emulate(
        &self,
        session: &Session,
        plan: &Plan,
        source: &Address,
        url: &Url,
        accepted: &Accepted,
    ) -> anyhow::Result<EmulationReport> {
        // A further run draws other rows: the same ones again would all be duplicates.
        let seed = self.seed.wrapping_add(accepted.values().sum());
        let options = EmulatorOptions {
            base_url: url.to_string(),
            streams: plan.targets.clone(),
            rate: self.rate,
            draws: Some(self.events),
            batch: self.batch,
            ..emulation::options(session)?
        };
        // Each request that waits for its reply may hold a batch of draws, and one more is being gathered.
        let under_way = ((options.in_flight + 1) * options.batch) as u64;
        let data = session.settings().data();
        Unfinished::new(seed, under_way, accepted).write(data)?;
        session.terminal.note(format!("users: {}, each posted on both lanes", counted(self.events, "draw")));
        let report = emulation::run(session, options, emulation::draws(source, &plan.spec, seed).await?).await?;
        Unfinished::done(data)?;
        emulation::tell(session, &report);
        Ok(report)
    }

    /// Posts once more what a run that was killed may have posted on one lane only.
    async fn finish(
        &self,
        session: &Session,
        plan: &Plan,
        reach: &Reach,
        source: &Address,
        url: &Url,
    ) -> anyhow::Result<()> {
        let data = session.settings().data();
        let Some(unfinished) = Unfinished::read(data)? else { return Ok(()) };
        let draws = unfinished.draws(&accepted(&reach.balance().await?));
        session.terminal.note(format!(
            "users: the last run did not end; its first {} are posted once more",
            counted(draws, "draw")
        ));
        let options = EmulatorOptions {
            base_url: url.to_string(),
            streams: plan.targets.clone(),
            draws: Some(draws),
            ..emulation::options(session)?
        };
        let report =
            emulation::run(session, options, emulation::draws(source, &plan.spec, unfinished.seed).await?).await?;
        emulation::tell(session, &report);
        if emulation::is_clean(&report) && !session.interrupt.happened() {
            Unfinished::done(data)?;
        }
        Ok(())
    }
}

/// What comes after the posting: answers, balance, verdict.
async fn conclude(
    session: &Session,
    plan: &Plan,
    reach: &Reach,
    before: &Accepted,
    emulated: &EmulationReport,
) -> anyhow::Result<Status> {
    session.terminal.note("waiting for archive and lanes");
    reach.settle().await?;
    let run = match job(&plan.pipeline) {
        Some(job) => Some(run_job(session, reach, job).await?),
        None => None,
    };
    if let Some(run) = &run {
        telling::answers(session, &reach.answers().await?, run)?;
    }
    let balance = reach.balance().await?;
    let verdict = reach.reconcile(None).await?;
    telling::balance(session, &balance, &verdict)?;

    let missing = missing(emulated, before, &accepted(&balance));
    for problem in &missing {
        session.terminal.note(problem);
    }
    let balances = missing.is_empty() && balance.iter().all(|row| row.balances);
    let succeeded = emulation::is_clean(emulated) && run.is_none_or(|run| run.state == RunState::Succeeded);
    Ok(if !balances || verdict.iter().any(|stream| !stream.equal) {
        Status::Unequal
    } else if !succeeded {
        Status::Failed
    } else {
        Status::Success
    })
}

fn job(pipeline: &Pipeline) -> Option<&str> {
    let job = pipeline.job(JOB).or(pipeline.jobs.first())?;
    Some(&job.name)
}

async fn run_job(session: &Session, reach: &Reach, job: &str) -> anyhow::Result<Run> {
    session.terminal.note(format!("job `{job}`: archive, clean, answers"));
    let run = reach.run(job, Default::default()).await?;
    for task in report::failures(&run) {
        let error = task.error.as_deref().unwrap_or("it did not begin");
        session.terminal.note(format!("  task `{}` did not succeed: {}", task.name, crate::output::visible(error)));
    }
    Ok(run)
}

fn accepted(balance: &[BalanceRow]) -> Accepted {
    balance.iter().map(|row| ((row.lane.clone(), row.stream.clone()), row.accepted)).collect()
}

/// Where the log holds less than the emulator was told that it does. More is no fault: others may post as well, and a lost
/// reply makes the emulator post again.
fn missing(emulated: &EmulationReport, before: &Accepted, after: &Accepted) -> Vec<String> {
    let mut missing = Vec::new();
    for lane in &emulated.lanes {
        let at = (lane.lane.to_string(), lane.stream.clone());
        let count = |counts: &Accepted| counts.get(&at).copied().unwrap_or(0);
        let grown = count(after).saturating_sub(count(before));
        if grown < lane.counts.accepted {
            missing.push(format!(
                "lost: on lane {}, stream `{}`, {} events were acknowledged and the log holds {grown} of them",
                at.0, at.1, lane.counts.accepted
            ));
        }
    }
    missing
}
