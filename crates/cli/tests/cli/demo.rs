//! The demo: what it prints, a second run, and a run after a crash.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program::Place;

const DEMO: [&str; 6] = ["demo", "--exit", "--port", "0", "--events", "120"];

/// What the balance says: (lane, stream) with the cells of each row.
fn balance(place: &Place) -> Vec<Vec<String>> {
    let status = place.succeed(&["status", "--runs", "0"]);
    let rows = status.lines().filter(|line| line.starts_with("│ batch") || line.starts_with("│ stream"));
    rows.map(|line| line.trim_matches('│').split('┆').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn assert_balanced(stdout: &str) {
    assert!(stdout.contains("balanced: every accepted event"), "{stdout}");
    assert_eq!(stdout.matches("reconciled: both lanes hold the same").count(), 3, "{stdout}");
}

#[test]
fn the_demo_shows_answers_that_queries_confirm_and_a_second_run_goes_on() {
    let place = Place::new();
    let stdout = place.succeed(&DEMO);
    assert_balanced(&stdout);
    for number in 1..=9 {
        assert!(stdout.contains(&format!("\n{number}. ")), "answer {number} is missing in {stdout}");
    }
    for (query, title) in titles(&place) {
        let after = stdout.split(&format!(". {title}\n")).nth(1).unwrap_or_else(|| panic!("{title}: {stdout}"));
        let printed: Vec<&str> = after.lines().filter(|line| line.starts_with('│')).take(4).collect();
        let asked = place.succeed(&["query", &query]);
        let confirmed: Vec<&str> = asked.lines().filter(|line| line.starts_with('│')).take(printed.len()).collect();
        let cells = |lines: &[&str]| lines.iter().map(|line| line.replace(' ', "")).collect::<Vec<_>>();
        let rows = asked.lines().filter(|line| line.starts_with('│')).count().min(4);
        assert_eq!(cells(&printed)[..rows], cells(&confirmed)[..rows], "{query}");
    }
    let first = balance(&place);
    assert!(first.iter().all(|row| row[2] == "120"), "{first:?}");

    assert_balanced(&place.succeed(&DEMO));
    let second = balance(&place);
    assert!(second.iter().all(|row| row[2] == "240"), "nothing is lost or doubled: {second:?}");
    let committed = |rows: &[Vec<String>]| rows[0][4].parse::<u64>().unwrap();
    assert!(committed(&second) > committed(&first), "a further run draws other rows: {first:?} {second:?}");
}

fn titles(place: &Place) -> Vec<(String, String)> {
    let list: Vec<serde_json::Value> =
        serde_json::from_str(&place.succeed(&["query", "--list", "--format", "json"])).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    list.iter().map(|row| (text(row, "name"), text(row, "title"))).collect()
}

#[test]
fn after_a_kill_in_the_middle_a_second_run_balances() {
    let place = Place::new();
    let endless = ["demo", "--port", "0", "--events", "1000000", "--quiet"];
    let mut child = place.command(&endless).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Until it has stored some events: the folder of raw objects or of tables has grown.
    let log = place.path().join("pinflow-data/tables");
    let began = Instant::now();
    while !has_commit(&log) {
        assert!(began.elapsed() < Duration::from_secs(300), "no table was written");
        assert!(child.try_wait().unwrap().is_none(), "the demo ended by itself");
        std::thread::sleep(Duration::from_millis(50));
    }
    // SIGKILL: nothing is drained, nothing is closed.
    child.kill().unwrap();
    child.wait().unwrap();
    let stdout = place.succeed(&DEMO);
    assert_balanced(&stdout);
    let rows = balance(&place);
    assert_eq!(rows.len(), 6, "{rows:?}");
    assert!(
        rows.iter().all(|row| row[2].parse::<u64>().unwrap() > 120 && row[9] == "0" && row[10] == "true"),
        "{rows:?}"
    );
}

/// Whether a table below `folder` has a commit beyond its creation.
fn has_commit(folder: &std::path::Path) -> bool {
    let entries = |folder: &std::path::Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries(folder)
        .flat_map(|schema| entries(&schema.path()).collect::<Vec<_>>())
        .any(|table| table.path().join("_delta_log/00000000000000000001.json").is_file())
}
