//! `pinflow replay`: a stream's table built anew, compared, and swapped in.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use pinflow_node::{ReplayState, ReplayView};
use pinflow_pipeline::Lane;

use super::lane::LaneChoice;
use crate::exit::Status;
use crate::output::{Format, counted};
use crate::reach::{self, Folder, Reach};
use crate::report;
use crate::session::Session;

/// How often a replay that waits for a yes is looked at.
const STAY_EVERY: Duration = Duration::from_secs(30);

/// Build a stream's table anew beside the live one, show the difference, and swap it in
///
/// Records come from the log and the archive, through the cleaning as it is now. The lane goes on meanwhile. Nothing is swapped without
/// a yes; until then readers see the live table, and afterwards the new one, never a part.
#[derive(Debug, Args)]
pub struct Replay {
    /// The stream
    stream: String,
    /// Rows of records before this point stay as they are: an offset, or a time as in `2026-05-01T10:00:00Z` [default: none do]
    #[arg(long, value_name = "OFFSET|TIME")]
    from: Option<String>,
    /// Compares up to this point alone; the rest is cleaned before the swap [default: up to now]
    #[arg(long, value_name = "OFFSET|TIME")]
    to: Option<String>,
    /// The lane whose table is built
    #[arg(long, value_enum, default_value = "stream")]
    lane: LaneChoice,
    /// Swaps without asking
    #[arg(long)]
    yes: bool,
    /// How the difference is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let reach = match reach::running(session)? {
            Some(remote) => Reach::Remote(remote),
            None => {
                let folder = Folder::open(session).await?;
                // Not until it has caught up: a lane whose table has other columns never does.
                folder.node.start();
                Reach::Folder(Box::new(folder))
            }
        };
        let lane = Lane::from(self.lane);
        let done = tokio::select! {
            done = self.carry_out(&reach, lane, session) => Some(done),
            () = session.interrupt.wait() => None,
        };
        if done.is_none() {
            // What cannot be given up is being swapped in, and is finished.
            let _ = reach.discard_replay(&self.stream, lane).await;
        }
        let closed = reach.close().await;
        let Some(done) = done else { return Ok(Status::Interrupted) };
        let status = done?;
        closed?;
        Ok(status)
    }

    async fn carry_out(&self, reach: &Reach, lane: Lane, session: &Session) -> anyhow::Result<Status> {
        let terminal = &session.terminal;
        reach.start_replay(&self.stream, lane, self.from.as_deref(), self.to.as_deref()).await?;
        let built = reach.wait_for_replay(&self.stream, lane, |_| {}).await?;
        check(&built, ReplayState::Ready)?;
        terminal.note(range(&built));
        terminal.print(report::replay(&built).text(self.format, terminal.width()))?;
        let samples = report::replay_samples(&built);
        if self.format == Format::Table && !samples.rows.is_empty() {
            terminal.print(samples.text(self.format, terminal.width()))?;
        }
        let confirmed = self.yes
            || tokio::select! {
                confirmed = confirmed(session) => confirmed?,
                gone = self.stay(reach, lane) => return Err(gone),
            };
        if !confirmed {
            reach.discard_replay(&self.stream, lane).await?;
            terminal.note("nothing was changed");
            return Ok(Status::Success);
        }
        reach.swap_replay(&self.stream, lane).await?;
        let swapped = reach.wait_for_replay(&self.stream, lane, |_| {}).await?;
        check(&swapped, ReplayState::Swapped)?;
        terminal.note(format!("swapped: {lane}.{} is what was built, and its lane goes on from there", self.stream));
        Ok(Status::Success)
    }

    /// Looks at the replay now and then, so that it is kept until there is an answer. Returns where it is not.
    async fn stay(&self, reach: &Reach, lane: Lane) -> anyhow::Error {
        loop {
            tokio::time::sleep(STAY_EVERY).await;
            let kept = reach.wait_for_replay(&self.stream, lane, |_| {}).await;
            if let Err(gone) = kept.and_then(|view| check(&view, ReplayState::Ready)) {
                return gone;
            }
        }
    }
}

fn check(view: &ReplayView, wanted: ReplayState) -> anyhow::Result<()> {
    if view.state != wanted {
        bail!("the replay of `{}` failed: {}", view.stream, view.error.as_deref().unwrap_or("it was given up"));
    }
    Ok(())
}

/// What was cleaned, in words.
fn range(view: &ReplayView) -> String {
    let offsets = |offsets: &std::collections::BTreeMap<u32, u64>| {
        offsets.values().map(u64::to_string).collect::<Vec<_>>().join(", ")
    };
    let records = counted(view.records, "record");
    let to = offsets(&view.to_offsets);
    if view.from_version.is_some() && view.records_in_all == 0 {
        return format!("no record lies behind offset {to}, where it begins: every row stays as it is");
    }
    match view.from_version {
        None => format!("{records} cleaned, from the first one to before offset {to}"),
        Some(version) => {
            let from = offsets(&view.from_offsets);
            format!("{records} cleaned, from offset {from} to before {to}; what is before is as in version {version}")
        }
    }
}

/// Asks, where there is somebody to ask.
async fn confirmed(session: &Session) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        session.terminal.note("to swap it in without being asked, add --yes");
        return Ok(false);
    }
    session.terminal.note("swap it in? [y/N]");
    let answer = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next().transpose()).await??;
    Ok(answer.is_some_and(|answer| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
}
