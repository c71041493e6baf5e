//! The benchmark counts right: what it says was acknowledged is what the log holds.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use pinflow_bench::{Contestant, Kind, Load, Outcome, Plan, Rate};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pinflow-bench"))
}

fn load(contestant: &Contestant, records: usize, rate: Rate) -> Outcome {
    let requests = pinflow_bench::kafka(records);
    let (address, window) = (contestant.address, Duration::from_millis(50));
    Load { address, requests: &requests, connections: 4, rate, warm_up: window / 10, window }.run().unwrap()
}

#[test]
fn what_was_acknowledged_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Contestant::start(program(), Kind::Gateway, folder.path()).unwrap();
    let mut acknowledged = 0;
    for (records, rate) in [(1, Rate::Closed), (500, Rate::Closed), (3, Rate::Open(200.0))] {
        let outcome = load(&gateway, records, rate);
        assert_eq!((outcome.refused, outcome.acknowledged % records as u64), (0, 0));
        acknowledged += outcome.acknowledged;
        assert_eq!(gateway.records().unwrap(), acknowledged);
    }
}

#[test]
fn an_open_load_sends_every_request_that_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let bare = Contestant::start(program(), Kind::Bare, folder.path()).unwrap();
    let outcome = load(&bare, 1, Rate::Open(1_000.0));
    // 55 milliseconds of warm-up and window, the first request at once; the last few fall to the clock.
    assert!((1..=56).contains(&outcome.acknowledged), "{outcome:?}");
    assert!(outcome.latencies.is_sorted() && outcome.latencies.len() as u64 <= outcome.acknowledged);
}

#[test]
fn a_refused_request_is_no_acknowledged_one() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Contestant::start(program(), Kind::Gateway, folder.path()).unwrap();
    let requests = pinflow_bench::unknown_path();
    let load = Load {
        address: gateway.address,
        requests: &requests,
        connections: 1,
        rate: Rate::Closed,
        warm_up: Duration::ZERO,
        window: Duration::from_millis(10),
    };
    let outcome = load.run().unwrap();
    assert!(outcome.refused > 0);
    assert_eq!((outcome.acknowledged, outcome.latencies.len()), (0, 0));
}

#[test]
fn the_whole_benchmark_runs() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        program: program().into(),
        folder: folder.path().into(),
        rounds: 1,
        window: Duration::from_millis(20),
        kinesalite: None,
    };
    match pinflow_bench::run(&plan) {
        Ok(report) => assert!(report.to_string().contains("gateway, single records"), "{report}"),
        // A machine whose temporary folder is in memory says so.
        Err(error) => assert!(error.to_string().contains("is in memory"), "{error}"),
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
