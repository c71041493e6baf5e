//! What a valid folder becomes.
#![allow(clippy::unwrap_used)]

mod folder;

use std::collections::BTreeMap;
use std::time::Duration;

use folder::PipelineFolder;
use pinflow_pipeline::{Chart, ChartKind, FieldType, Lane, Overrides, UnknownFieldPolicy, Work, WrongType};

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_stream_has_its_lanes_its_key_and_its_fields_in_order() {
    let pipeline = PipelineFolder::valid().load().unwrap();
    assert_eq!(pipeline.name, "shop");
    let [orders, visits] = &pipeline.streams[..] else { panic!() };
    assert_eq!((orders.name.as_str(), orders.key.as_deref()), ("orders", Some("id")));
    assert_eq!(orders.lane(Lane::Batch).topic.as_str(), "main.orders");
    assert_eq!(orders.lane(Lane::Batch).table, "orders");
    assert_eq!(orders.lane(Lane::Stream).table, "main_orders");
    let fields: Vec<_> = orders.schema.iter().map(|f| (f.name.as_str(), f.kind, f.required, f.wrong_type)).collect();
    let expected = [
        ("id", FieldType::Bigint, true, WrongType::Dead),
        ("item", FieldType::String, false, WrongType::Dead),
        ("price", FieldType::Double, false, WrongType::Null),
        ("gift", FieldType::Boolean, false, WrongType::Dead),
    ];
    assert_eq!(fields, expected);
    assert_eq!(orders.clean.path.to_str(), Some("streams/orders.sql"));
    assert_eq!(orders.clean.text, "SELECT id, item, price, 'main' AS shop FROM input\n");
    assert_eq!(visits.key, None);
}

#[test]
fn a_key_may_have_a_window_and_unknown_fields_a_policy() {
    let pipeline = PipelineFolder::valid().load().unwrap();
    assert_eq!((pipeline.streams[0].within, &pipeline.streams[0].unknown_fields), (None, &Default::default()));
    let folder = PipelineFolder::valid();
    folder.replace("pipeline.yaml", "    key: id\n", "    key: { column: id, within: 7d }\n    unknown_fields: dead\n");
    folder.replace(
        "pipeline.yaml",
        "    schema: {page: string}\n",
        "    schema: {page: string}\n    unknown_fields: { \"*\": evolve, secret: dead, noise: hold }\n",
    );
    let pipeline = folder.load().unwrap();
    let [orders, visits] = &pipeline.streams[..] else { panic!() };
    assert_eq!((orders.key.as_deref(), orders.within), (Some("id"), Some(Duration::from_secs(7 * 86_400))));
    assert_eq!(orders.unknown_fields.of("x"), UnknownFieldPolicy::Dead);
    assert!(!orders.unknown_fields.may_evolve() && visits.unknown_fields.may_evolve());
    let policies = ["secret", "noise", "x"].map(|name| visits.unknown_fields.of(name));
    assert_eq!(policies, [UnknownFieldPolicy::Dead, UnknownFieldPolicy::Hold, UnknownFieldPolicy::Evolve]);
}

#[test]
fn queries_are_sorted_by_order_and_then_by_name() {
    let pipeline = PipelineFolder::valid().load().unwrap();
    let names: Vec<_> = pipeline.queries.iter().map(|query| query.name.as_str()).collect();
    assert_eq!(names, ["turnover", "a_last", "best_items"]);
    let turnover = pipeline.query("turnover").unwrap();
    assert_eq!(turnover.title, "Turnover: by item");
    let chart = Chart { kind: ChartKind::Bar, x: "item".to_owned(), y: "turnover".to_owned(), group: None };
    assert_eq!(turnover.chart, Some(chart));
    assert_eq!(pipeline.query("a_last").unwrap().title, "a last");
}

#[test]
fn a_star_is_a_task_each_and_questions_wait_for_the_cleaning() {
    let pipeline = PipelineFolder::valid().load().unwrap();
    let job = pipeline.job("nightly").unwrap();
    assert_eq!((job.schedule.as_deref(), job.retries, job.retry_delay), (Some("@daily"), 2, Duration::from_secs(90)));
    let tasks: Vec<_> = job.tasks.iter().map(|task| (task.name.as_str(), task.after.join(" "))).collect();
    let clean = "clean.orders clean.visits";
    let expected = [
        ("clean.orders", ""),
        ("clean.visits", ""),
        ("query.turnover", clean),
        ("query.a_last", clean),
        ("query.best_items", clean),
        ("reconcile.orders", "query.turnover query.a_last query.best_items"),
    ];
    assert_eq!(tasks, expected.map(|(name, after)| (name, after.to_owned())));
    assert_eq!(job.tasks[5].work, Work::Reconcile { stream: "orders".to_owned() });
}

#[test]
fn tasks_are_sorted_by_what_they_wait_for() {
    let folder = PipelineFolder::valid();
    folder.replace_from(
        "pipeline.yaml",
        "      - clean: \"*\"",
        "      - query: turnover\n        after: [clean.orders]\n      - reconcile: visits\n        after: []\n      - clean: orders\n      - clean: visits\n        after: [reconcile.*]\n",
    );
    let pipeline = folder.load().unwrap();
    let names: Vec<_> = pipeline.job("nightly").unwrap().tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["reconcile.visits", "clean.orders", "query.turnover", "clean.visits"]);
}

#[test]
fn events_of_tests_are_bytes() {
    let pipeline = PipelineFolder::valid().load().unwrap();
    let [one, two] = &pipeline.tests[..] else { panic!() };
    assert_eq!((one.name.as_str(), one.line, one.file.to_str()), ("prices", 2, Some("tests/orders.yaml")));
    let events: Vec<_> = one.streams[0].events.iter().map(|event| String::from_utf8_lossy(event)).collect();
    assert_eq!(events, [r#"{"price":1.5,"id":1,"item":"tea","gift":null}"#, "not json", "a\u{fffd}"]);
    assert_eq!(one.streams[0].events[2], [b'a', 0xff]);
    assert_eq!(one.streams[0].rows.as_ref().unwrap()[0].to_string(), r#"{"id":1,"price":1.5}"#);
    let dead: Vec<_> = one.streams[0].dead.as_ref().unwrap().iter().map(|d| (d.event, d.reason.as_str())).collect();
    assert_eq!(dead, [(1, "JSON"), (2, "JSON")]);
    assert_eq!(two.streams.iter().map(|s| s.stream.as_str()).collect::<Vec<_>>(), ["visits", "orders"]);
    assert!(two.streams[0].rows.is_none() && two.streams[0].dead.is_none());
    assert_eq!(two.answers[0].0, "turnover");
    assert_eq!(two.answers[0].1.len(), 1);
}

#[test]
fn settings_win_over_the_environment_and_reach_every_file() {
    let folder = PipelineFolder::valid();
    folder.write("source.yaml", "table: ${shop}_${HOST}\n");
    let environment = settings(&[("shop", "env"), ("HOST", "h1")]);
    let from_environment = Overrides { environment: environment.clone(), ..Overrides::default() };
    let pipeline = folder.load_with(&from_environment).unwrap();
    assert_eq!(pipeline.source.unwrap().text, "table: env_h1\n");
    // What was not declared may be a secret.
    assert_eq!(pipeline.variables, settings(&[("shop", "env")]));
    let pipeline = folder.load_with(&Overrides { set: settings(&[("shop", "set")]), environment }).unwrap();
    assert_eq!(pipeline.streams[0].batch.topic.as_str(), "set.orders");
    assert!(pipeline.streams[0].clean.text.contains("'set'"));
}

#[test]
fn the_smallest_pipeline_has_neither_queries_nor_jobs_nor_tests() {
    let folder = PipelineFolder::empty();
    folder.write(
        "pipeline.yaml",
        "name: tiny\nstreams:\n  a:\n    batch: {topic: a}\n    stream: {topic: a}\n    schema: {x: bigint}\n    clean: a.sql\n",
    );
    folder.write("a.sql", "SELECT x FROM input");
    let pipeline = folder.load().unwrap();
    assert!(pipeline.queries.is_empty() && pipeline.jobs.is_empty() && pipeline.tests.is_empty());
    assert!(pipeline.source.is_none());
}
