//! Commands on a data folder where no node runs: `run`, `replay`, `query`, `tail`, `status`, `reconcile`, `source load`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::program::Place;

/// A folder with nothing in it but what a run of the daily job makes.
fn empty_run() -> Place {
    let place = Place::new();
    let tasks = place.succeed(&["run", "--format", "csv"]);
    assert!(tasks.lines().skip(1).all(|line| line.contains(",succeeded,")), "{tasks}");
    place
}

#[test]
fn queries_are_answered_in_every_format() {
    let place = empty_run();
    let sql = "SELECT 1 AS n, 'a\nb' AS text, CAST(NULL AS STRING) AS nothing, '' AS empty";
    assert_eq!(place.succeed(&["query", sql, "--format", "csv"]), "n,text,nothing,empty\n1,\"a\nb\",,\"\"\n");
    let json = place.succeed(&["query", sql, "--format", "json"]);
    assert_eq!(json, "[\n  {\"n\":1,\"text\":\"a\\nb\",\"nothing\":null,\"empty\":\"\"}\n]\n");
    let table = place.succeed(&["query", sql]);
    assert!(table.contains("a\\nb") && table.contains('∅'), "{table}");
    assert_eq!(
        place.succeed(&["query", "SELECT count(*) AS n FROM pin", "--format", "csv", "--lane", "stream"]),
        "n\n0\n"
    );
    place.write("q.sql", "SELECT 2 AS n");
    assert_eq!(place.succeed(&["query", "--file", "q.sql", "--format", "csv"]), "n\n2\n");
    assert!(place.succeed(&["query", "--list"]).contains("popular_category_by_country"));
}

#[test]
fn wrong_queries_are_refused_with_2_and_a_hint() {
    let place = empty_run();
    let error = place.fail(2, &["query", "popular_category_by_contry"]);
    assert!(error.contains("did you mean `popular_category_by_country`?"), "{error}");
    let error = place.fail(2, &["query", "SELECT count(*) FROM pins"]);
    assert!(error.contains("pins"), "{error}");
    assert!(place.fail(2, &["query", "DROP TABLE batch.pin"]).contains("error:"));
    assert!(place.fail(2, &["query", "SELECT 1 AS one", "--chart"]).contains("there is no chart"));
    let error = place.fail(2, &["run", "clean.pni"]);
    assert!(error.contains("did you mean `clean.pin`?"), "{error}");
    assert!(place.fail(2, &["reconcile", "pni"]).contains("pni"));
}

#[test]
fn one_task_is_run_alone() {
    let place = Place::new();
    let tasks = place.succeed(&["run", "clean.geo", "--format", "csv"]);
    let lines: Vec<&str> = tasks.lines().collect();
    assert_eq!(lines.len(), 2, "{tasks}");
    assert!(lines[1].starts_with("clean.geo,succeeded,1,"), "{tasks}");
}

/// A table is as wide as its columns have to be; sentences stand below it.
#[test]
fn what_a_run_has_to_say_stands_below_its_table() {
    let place = empty_run();
    let partition = place.path().join("pinflow-data/archive/topics/demo.geo/partition=0");
    std::fs::create_dir_all(&partition).unwrap();
    std::fs::write(partition.join("data.json"), "{}\n").unwrap();
    let run = place.succeed(&["run", "clean.geo"]);
    let remark = "clean.geo: files whose names are not ours were not read: 1, the first is `topics/demo.geo/partition=0/data.json`";
    assert!(run.lines().any(|line| line == remark), "{run}");
    let (below, table): (Vec<&str>, Vec<&str>) = run.lines().partition(|line| line.starts_with("clean.geo: "));
    assert!(below.len() == 1 && table.iter().all(|line| line.chars().count() < 100), "{run}");
    place.fail(2, &["run", "clean.geo", "--accept-missing"]);
}

#[test]
fn tables_are_built_anew() {
    let place = empty_run();
    let tasks = place.succeed(&["run", "clean.geo", "--full", "--format", "csv"]);
    assert!(tasks.contains("built anew: 0 rows before, 0 after"), "{tasks}");
    let untouched = place.succeed(&["replay", "geo", "--format", "csv"]);
    assert!(untouched.contains("geo,stream,0,0,0,0,0,0,"), "{untouched}");
    place.succeed(&["replay", "geo", "--yes"]);
    place.succeed(&["replay", "geo", "--lane", "batch", "--from", "2026-01-01", "--yes"]);
    assert!(place.fail(2, &["replay", "geo", "--from", "yesterday"]).contains("neither an offset nor a time"));
    assert!(place.fail(2, &["replay", "goe"]).contains("no stream `goe`"));
}

#[test]
fn a_source_is_loaded_once() {
    let place = Place::new();
    let load = ["source", "load", "sqlite://mine.db", "--rows", "50"];
    place.succeed(&load);
    assert!(place.path().join("mine.db").is_file());
    assert!(place.fail(1, &load).contains("has rows already"));
    assert!(place.fail(1, &["source", "load", "mine.db"]).contains("begins with `sqlite://`"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child =
        place.command(&["config", "--reference"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    // The same after a first line was read.
    let mut child = place.command(&["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
