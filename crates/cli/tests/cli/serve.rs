//! A node that stays, and the commands that talk to it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::program::Place;

/// A node, ended with the test.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let all = [arguments, &["serve", "--port", "0"]].concat();
        let mut child = place.command(&all).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_else(|| panic!("{line}"));
        let url = url.to_owned();
        // Read on, so that the node never waits for us.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, url }
    }

    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_find_the_running_node_and_it_drains_on_sigterm() {
    let place = Place::new();
    place.succeed(&["source", "load", "sqlite://mine.db", "--rows", "20"]);
    let serving = Serving::start(&place, &[]);
    let status = place.succeed(&["status"]);
    assert!(status.contains(&format!("runs at {} (ok)", serving.url)), "{status}");
    assert!(place.fail(5, &["serve", "--port", "0"]).contains("is in use by the node at"));

    place.succeed(&["emulate", "--source", "sqlite://mine.db", "--events", "5", "--quiet"]);
    let tail = place.succeed(&["tail", "demo.geo"]);
    assert_eq!(tail.lines().count(), 5, "{tail}");
    assert!(tail.lines().all(|line| line.contains("\"topic\":\"demo.geo\"")), "{tail}");
    assert_eq!(place.succeed(&["tail", "demo.geo", "--from", "2"]).lines().count(), 2);
    assert!(place.fail(2, &["tail", "nothing.here"]).contains("does not exist"));

    let tasks = place.succeed(&["run", "daily", "--format", "csv"]);
    assert!(tasks.lines().skip(1).all(|line| line.contains(",succeeded,")), "{tasks}");
    let count = ["query", "SELECT count(*) AS n FROM geo", "--format", "csv"];
    let remote = place.succeed(&[&count[..], &["--url", &serving.url]].concat());
    let verdict = place.succeed(&["reconcile", "geo", "--format", "csv"]);
    assert!(verdict.contains("\ngeo,true,"), "{verdict}");
    assert!(place.succeed(&["dead", "list", "geo", "--format", "json"]).starts_with('['));
    assert!(place.fail(2, &["dead", "list", "../geo"]).contains("../geo"));
    assert!(place.fail(2, &["dead", "show", "geo", "--offset", "7"]).contains("no dead letter at offset 7"));
    assert!(place.fail(2, &["dead", "show", "geo", "--offset", "7", "--raw", "--format", "csv"]).contains("--raw"));
    assert!(place.fail(2, &["dead", "drop", "geo", "--note", "none"]).contains("--all"));
    let outcome = place.succeed(&["dead", "retry", "geo", "--since", "2h", "--offsets", "..9", "--format", "csv"]);
    assert!(outcome.ends_with("\n0,0,0,0,0\n"), "{outcome}");

    assert_eq!(serving.terminate(), Some(0));
    assert_eq!(place.succeed(&count), remote, "the folder says the same as the node");
    let outcome = place.succeed(&["dead", "drop", "geo", "--all", "--note", "none", "--format", "csv"]);
    assert!(outcome.ends_with("\n0,0,0,0,0\n"), "{outcome}");
    assert!(place.succeed(&["status"]).contains("does not run"));
}

#[test]
fn a_node_that_runs_another_pipeline_is_not_asked_this_ones_queries() {
    let place = Place::new();
    let weather = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/weather");
    let serving = Serving::start(&place, &["--pipeline", weather]);
    let error = place.fail(2, &["query", "users_joined_by_year"]);
    assert!(error.contains("the node runs the pipeline `weather`"), "{error}");
    place.succeed(&["query", "readings_by_year", "--pipeline", weather]);
    assert_eq!(serving.terminate(), Some(0));
}

#[test]
fn a_demo_that_is_interrupted_drains_and_the_lanes_agree() {
    let place = Place::new();
    let demo = ["demo", "--port", "0", "--events", "1000000", "--rate", "200"];
    let mut child = place.command(&demo).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("users:") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the demo ended by itself");
    }
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    // Until something was posted; how much is up to chance.
    while !place.call(&["tail", "demo.user"]).stdout.contains("\"offset\":20,") {
        assert!(child.try_wait().unwrap().is_none(), "the demo ended by itself");
    }
    assert_eq!(Serving { child, url: String::new() }.terminate(), Some(130));
    assert!(!place.path().join("pinflow-data/demo.json").exists(), "all that was begun is posted");
    place.succeed(&["run", "--quiet"]);
    place.succeed(&["reconcile"]);
    place.succeed(&["status"]);
}

#[test]
fn a_node_with_an_access_list_wants_a_key_from_commands_too() {
    let place = Place::new();
    let list = "callers:\n  - name: me\n    api_keys: [my-key]\n    produce: ['*']\n    dashboard: true\n";
    place.write("access.yaml", list);
    place.succeed(&["source", "load", "sqlite://mine.db", "--rows", "20"]);
    let serving = Serving::start(&place, &["-c", "access.file=access.yaml", "-c", "listen=127.0.0.1:0"]);
    let error = place.fail(2, &["status"]);
    assert!(error.contains("wants to know who asks") && error.contains("PINFLOW_API_KEY"), "{error}");
    let emulate = ["emulate", "--source", "sqlite://mine.db", "--events", "3", "--quiet"];
    assert_ne!(place.call(&emulate).status, 0);
    let with_key = |arguments: &[&str]| {
        let output = place.command(arguments).env("PINFLOW_API_KEY", "my-key").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    with_key(&emulate);
    assert!(with_key(&["status"]).contains("(ok)"));
    assert_eq!(with_key(&["tail", "demo.geo"]).lines().count(), 3);
    assert_eq!(serving.terminate(), Some(0));
    let shown = place.succeed(&["config", "-c", "api_key=my-key"]);
    assert!(!shown.contains("my-key"), "{shown}");
}

#[test]
fn others_do_not_reach_a_node_by_chance() {
    let place = Place::new();
    let error = place.fail(2, &["serve", "--host", "0.0.0.0", "--port", "0"]);
    assert!(error.contains("access.file") && error.contains("access.allow_anonymous"), "{error}");
    place.write("access.yaml", "callers:\n  - name: me\n");
    let error = place.fail(2, &["serve", "--port", "0", "-c", "access.file=access.yaml"]);
    assert!(error.contains("access.yaml:2: the caller `me` has no credential"), "{error}");
}
