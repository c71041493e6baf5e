//! Rounds of one data folder: start, load, a sudden end, restart, check.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinflow_node::CRASH_STEPS;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::clients::Clients;
use crate::ledger::Ledger;
use crate::program::Program;
use crate::topics::Topics;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
/// A crash point that is not reached by then is given up for a kill.
const LONGEST_ROUND: Duration = Duration::from_secs(2);

const SETTINGS: &str = "
data: data
pipeline: pipeline
schedule: false
log: { segment_bytes: 16KiB }
topics: { partitions: 3 }
gateway: { default_partitions: 3, default_shards: 3 }
archive: { flush_interval: 100ms }
stream: { trigger: 10ms }
tables: { kept_commits: 20 }
batch: { changed_definition: mix }
";
/// The pipeline's stream.
pub const STREAM: &str = "event";
/// Keys that are no numbers cannot be cleaned.
const AT_FIRST: Definition = Definition { key: "bigint", select: "SELECT id, key FROM input" };
/// They can: what they stand in [`crate::event::EventId::row_key`] for.
const MENDED: Definition = Definition {
    key: "string",
    select: "SELECT id, CASE WHEN key <> 'none' THEN CAST(key AS BIGINT) ELSE -1 - CAST(split(id, '-')[0] AS BIGINT) * 4294967296
        - CAST(split(id, '-')[1] AS BIGINT) * 256 - CAST(split(id, '-')[2] AS BIGINT) END AS key FROM input",
};

/// How the stream is cleaned.
struct Definition {
    /// The type of the field `key`.
    key: &'static str,
    select: &'static str,
}

impl Definition {
    fn write(&self, folder: &Path) {
        let pipeline = format!(
            "
name: crash
streams:
  {STREAM}:
    batch: {{ topic: crash.event }}
    stream: {{ topic: crash-live.event }}
    schema: {{ id: {{ type: string, required: true }}, key: {} }}
    unknown_fields: {{ '*': evolve, padding: hold }}
    key: key
    clean: event.sql
jobs:
  daily: {{ tasks: [{{ clean: {STREAM} }}] }}
",
            self.key
        );
        std::fs::write(folder.join("pipeline/pipeline.yaml"), pipeline).unwrap();
        std::fs::write(folder.join("pipeline/event.sql"), self.select).unwrap();
    }
}

/// How a round ends.
enum End {
    /// SIGKILL so long after the node listens.
    Kill(Duration),
    /// SIGKILL so long after its start, whether it listens or not.
    KillAtStart(Duration),
    /// SIGKILL so long after the node listens, while little more is done than tables are built anew.
    KillOperators(Duration),
    /// At a crash point.
    CrashPoint(String),
}

/// A data folder, those who fill it, and what they know.
pub struct Rounds {
    pub folder: PathBuf,
    pub ledger: Arc<Ledger>,
    pub topics: Topics,
    clients: Clients,
    chance: ChaCha8Rng,
    /// Rounds that ended at their crash point.
    pub crashed: u32,
}

impl Rounds {
    pub fn new(folder: PathBuf, seed: u64) -> Self {
        std::fs::create_dir_all(folder.join("pipeline")).unwrap();
        std::fs::write(folder.join("pinflow.yaml"), SETTINGS).unwrap();
        AT_FIRST.write(&folder);
        let ledger = Arc::new(Ledger::default());
        Self {
            folder,
            topics: Topics::new(Arc::clone(&ledger)),
            clients: Clients::new(Arc::clone(&ledger), seed),
            ledger,
            chance: ChaCha8Rng::seed_from_u64(seed),
            crashed: 0,
        }
    }

    /// From now on what could not be cleaned can.
    pub fn mend(&self) {
        MENDED.write(&self.folder);
    }

    /// One sudden end. The node that follows finds all that was acknowledged before its own clients begin.
    pub async fn round(&mut self, round: u32) {
        let end = self.draw_end(round);
        let point = match &end {
            End::CrashPoint(point) => Some(point.as_str()),
            _ => None,
        };
        let mut program = Program::serve(&self.folder, "", point);
        if let End::KillAtStart(after) = end {
            tokio::time::sleep(after).await;
            let status = program.kill();
            assert_eq!(status.signal(), Some(SIGKILL), "it ended by itself: {}", program.said());
            return;
        }
        let Some(url) = program.ready() else {
            // It died at its start.
            let status = program.kill();
            self.note(&program, status, point);
            return;
        };
        if let Err(error) = self.topics.check(&url).await {
            // The lanes work already, so that it may reach its crash point while it is asked.
            assert!(point.is_some() && error.status().is_none(), "{error:?}: {}", program.said());
            let status = program.wait();
            self.note(&program, status, point);
            return;
        }
        let clients = self.clients.start(&url, round, matches!(end, End::KillOperators(_)));
        let time = match end {
            End::Kill(time) | End::KillOperators(time) => time,
            _ => LONGEST_ROUND,
        };
        let deadline = Instant::now() + time;
        while program.ended().is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let status = program.kill();
        clients.stop().await;
        self.note(&program, status, point);
        assert_eq!(self.ledger.complaints(), Vec::<String>::new(), "round {round}: {}", program.said());
    }

    fn draw_end(&mut self, round: u32) -> End {
        let milliseconds = |most: u64, chance: &mut ChaCha8Rng| Duration::from_millis(chance.random_range(0..most));
        match round % 4 {
            0 | 2 => End::CrashPoint(self.draw_crash_point()),
            1 if round % 8 == 5 => End::KillOperators(milliseconds(6_000, &mut self.chance)),
            1 => End::Kill(milliseconds(1_500, &mut self.chance)),
            _ if round % 8 == 3 => End::KillAtStart(milliseconds(600, &mut self.chance)),
            _ => End::Kill(milliseconds(300, &mut self.chance)),
        }
    }

    fn draw_crash_point(&mut self) -> String {
        // Writes and syncs, where an acknowledgement hangs on the order of things, come more often, and so do the lanes' commits.
        let often = ["log.write", "log.sync", "log.create", "log.sync_folder"];
        let commits = ["table.file", "table.commit", "table.merge", "dead.file", "dead.commit"];
        let step = match self.chance.random_range(0..3) {
            0 => often[self.chance.random_range(0..often.len())],
            1 => commits[self.chance.random_range(0..commits.len())],
            _ => CRASH_STEPS[self.chance.random_range(0..CRASH_STEPS.len())],
        };
        let (moments, most): (&[&str], u32) = match step {
            "log.write" => (&["before", "half", "after"], 400),
            "log.sync" => (&["before", "after"], 400),
            "log.create" | "log.sync_folder" => (&["before", "after"], 80),
            "table.file" | "table.commit" | "dead.file" | "dead.commit" | "archive.object" | "table.remove" => {
                (&["before", "after"], 20)
            }
            "table.merge" | "table.checkpoint" | "table.last_checkpoint" => (&["before", "after"], 1),
            _ => (&["before", "after"], 4),
        };
        let moment = moments[self.chance.random_range(0..moments.len())];
        format!("{step}:{moment}:{}", self.chance.random_range(1..=most))
    }

    /// It died where it was to die, by a crash point or by us, and of nothing else.
    fn note(&mut self, program: &Program, status: ExitStatus, point: Option<&str>) {
        let said = program.said();
        match (status.signal(), point) {
            (Some(SIGABRT), Some(point)) if said.contains("aborts now") && said.contains(point) => self.crashed += 1,
            (Some(SIGKILL), None) => {}
            (Some(SIGKILL), Some(point)) => assert!(said.contains(point), "it did not say that it may crash: {said}"),
            _ => panic!("it ended with {status} at {point:?}: {said}"),
        }
    }
}
