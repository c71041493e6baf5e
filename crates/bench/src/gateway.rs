//! The rounds: every contestant in turn, again and again, so that whatever else the machine does hits all of them alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::contestant::{Contestant, Kind};
use crate::disk;
use crate::kinesalite;
use crate::load::{Load, Outcome, Rate};
use crate::report::{Report, median};
use crate::requests::{self, Request};

const CONNECTIONS: usize = 64;
/// Requests of many records are few megabytes under way even so.
const BULK_CONNECTIONS: usize = 8;
const BULK_RECORDS: usize = 500;
/// Block sizes in which the bound of the disk is looked for.
const BLOCKS: [usize; 3] = [256 << 10, 1 << 20, 4 << 20];

/// How the benchmark is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// This crate's binary, to start servers with.
    pub program: PathBuf,
    /// Where the log and the disk's bound are written; its contents are removed.
    pub folder: PathBuf,
    /// How often each contestant is measured.
    pub rounds: usize,
    /// How long each time.
    pub window: Duration,
    /// Where kinesalite is, or is installed; `None` does without it.
    pub kinesalite: Option<PathBuf>,
}

/// Measures everything and says what came out.
///
/// # Errors
/// A contestant that fails, and one whose log does not hold exactly what it acknowledged.
pub fn run(plan: &Plan) -> anyhow::Result<Report> {
    let folder = plan.folder.join("pinflow-bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let file_system = disk::file_system(&folder)?;
    ensure!(
        file_system != "tmpfs",
        "`{}` is in memory: a sync means nothing there; take another folder",
        folder.display()
    );
    let measured = measure(plan, &folder, file_system);
    fs::remove_dir_all(&folder)?;
    measured
}

fn measure(plan: &Plan, folder: &Path, file_system: String) -> anyhow::Result<Report> {
    let bare = Contestant::start(&plan.program, Kind::Bare, folder)?;
    let served = Contestant::start(&plan.program, Kind::Served, folder)?;
    let gateway = Contestant::start(&plan.program, Kind::Gateway, &folder.join("log"))?;
    let peer = plan.kinesalite.as_deref().map(kinesalite::start).transpose()?;
    let (single, bulk) = (requests::kafka(1), requests::kafka(BULK_RECORDS));
    let (native, api_gateway) = (requests::kinesis(), requests::kinesis_over_api_gateway());
    make_topic(&gateway)?;
    let mut bound_bytes: Vec<u8> = bulk.iter().flat_map(|request| request.bytes.iter().copied()).collect();
    while bound_bytes.len() < BLOCKS[BLOCKS.len() - 1] {
        bound_bytes.extend_from_within(..);
    }
    let mut report = Report { file_system, ..Report::default() };
    let mut acknowledged = gateway.records()?;
    for _ in 0..plan.rounds {
        let mut load = |contestant: &Contestant, requests: &[Request], connections, rate| -> anyhow::Result<Outcome> {
            let (address, warm_up) = (contestant.address, plan.window / 5);
            let outcome = Load { address, requests, connections, rate, warm_up, window: plan.window }.run()?;
            ensure!(outcome.refused == 0, "{} requests were refused", outcome.refused);
            if contestant.address == gateway.address {
                acknowledged += outcome.acknowledged;
            }
            Ok(outcome)
        };
        report.bare.push(load(&bare, &single, CONNECTIONS, Rate::Closed)?);
        report.served.push(load(&served, &single, CONNECTIONS, Rate::Closed)?);
        report.single.push(load(&gateway, &single, CONNECTIONS, Rate::Closed)?);
        // A round that was too short for one answer says nothing of the maximum; a rate of zero would never send.
        let half = Rate::Open((median(&report.single, |outcome| outcome.requests_per_second) / 2.0).max(1.0));
        report.half_load.push(load(&gateway, &single, CONNECTIONS, half)?);
        let bounds = BLOCKS.map(|block| disk::write_and_sync(folder, &bound_bytes, block, plan.window / 2));
        report.disk.push(bounds.into_iter().collect::<Result<Vec<f64>, _>>()?);
        report.bare_bulk.push(load(&bare, &bulk, BULK_CONNECTIONS, Rate::Closed)?);
        report.bulk.push(load(&gateway, &bulk, BULK_CONNECTIONS, Rate::Closed)?);
        report.bare_native.push(load(&bare, &native, CONNECTIONS, Rate::Closed)?);
        report.native.push(load(&gateway, &native, CONNECTIONS, Rate::Closed)?);
        report.api_gateway.push(load(&gateway, &api_gateway, CONNECTIONS, Rate::Closed)?);
        if let Some(peer) = &peer {
            report.peer.push(load(peer, &native, CONNECTIONS, Rate::Closed)?);
        }
    }
    report.blocks = BLOCKS.to_vec();
    report.memory = gateway.process.peak_memory()?;
    let stored = gateway.records()?;
    ensure!(stored == acknowledged, "{acknowledged} records were acknowledged, {stored} are in the log");
    report.records = stored;
    Ok(report)
}

/// Makes the topic, which is the stream too: Kafka clients make theirs with the first record.
fn make_topic(gateway: &Contestant) -> anyhow::Result<()> {
    let (address, requests) = (gateway.address, &requests::kafka(1)[..1]);
    let (warm_up, window) = (Duration::from_millis(1), Duration::ZERO);
    let made = Load { address, requests, connections: 1, rate: Rate::Closed, warm_up, window }.run()?;
    ensure!(made.refused == 0, "the gateway refuses a record");
    Ok(())
}
