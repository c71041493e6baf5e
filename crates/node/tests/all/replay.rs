//! A definition changes between two starts of a node: what it says, and how the tables get there.

use std::time::Duration;

use pinflow_dashboard::view::Lane;
use pinflow_node::NodeConfig;
use pinflow_pipeline::Pipeline;
use pinflow_schedule::{RunScope, RunState, Trigger};
use serde_json::{Value, json};

use crate::support::{Running, config, pinterest, start};

/// The built-in pipeline, whose stream `geo` leaves some rows out and gives others another country.
fn mended() -> Pipeline {
    let mut pipeline = pinterest();
    let geo = pipeline.streams.iter_mut().find(|stream| stream.name == "geo").unwrap();
    geo.clean.text = geo.clean.text.replace("nullif(country, '') AS country", "upper(country) AS country");
    geo.clean.text.push_str("\nWHERE ind <> 3");
    pipeline
}

fn events() -> Vec<Value> {
    let event = |ind: usize| json!({ "ind": ind, "timestamp": "2020-01-01 00:00:00", "latitude": 1.0, "longitude": 2.0, "country": "Peru" });
    (0..10).map(event).collect()
}

/// Asks the node, and expects a status.
async fn ask(running: &Running, method: &str, path: &str, body: Option<Value>, status: u16) -> Value {
    let request = running.client.request(method.parse().unwrap(), running.url.join(path).unwrap());
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let reply = request.send().await.unwrap();
    let (seen, text) = (reply.status().as_u16(), reply.text().await.unwrap());
    assert_eq!(seen, status, "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Waits until the replay is neither built nor swapped in any more.
async fn ended(running: &Running, path: &str) -> Value {
    let wait = async {
        loop {
            let view = ask(running, "GET", path, None, 200).await;
            if !matches!(view["state"].as_str(), Some("building" | "swapping")) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.unwrap()
}

async fn countries(running: &Running, lane: Lane) -> Vec<Vec<Value>> {
    running.query("SELECT country, count(*) FROM geo GROUP BY country", lane).await.rows
}

#[tokio::test(flavor = "multi_thread")]
async fn both_lanes_are_built_anew_by_a_changed_definition() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let geo = running.node.pipeline().stream("geo").unwrap().clone();
    running.post_batch(&geo, &events()).await;
    running.post_stream(&geo, &events()).await;
    running.node.settle().await.unwrap();
    let clean = |full| RunScope { only: Some("clean.geo"), full, ..RunScope::default() };
    let run = running.node.run_scope("daily", clean(false), Trigger::Manual).await.unwrap();
    assert_eq!(run.state, RunState::Succeeded, "{run:?}");
    running.node.stop().await.unwrap();

    let running = start(config(data.path(), mended())).await;
    let run = running.node.run_scope("daily", clean(false), Trigger::Manual).await.unwrap();
    let error = run.tasks[0].error.clone().unwrap();
    assert_eq!((run.state, run.tasks[0].attempts), (RunState::Failed, 1));
    assert!(error.contains("stream `geo` has changed") && error.contains("pinflow run --full"), "{error}");
    let started =
        ask(&running, "POST", "api/jobs/daily/runs", Some(json!({ "task": "clean.geo", "full": true })), 202).await;
    let path = format!("api/runs/{}", started["run_id"].as_str().unwrap());
    let wait = async {
        while ask(&running, "GET", &path, None, 200).await["state"] == "running" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.unwrap();
    let run = ask(&running, "GET", &path, None, 200).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert!(run["tasks"][0]["note"].as_str().unwrap().contains("built anew"), "{run}");
    assert_eq!(countries(&running, Lane::Batch).await, [[json!("PERU"), json!(9)]]);

    ask(&running, "GET", "api/replays/geo", None, 404).await;
    ask(&running, "POST", "api/replays/nothing", Some(json!({})), 404).await;
    ask(&running, "POST", "api/replays/geo", Some(json!({ "from": "yesterday" })), 400).await;
    ask(&running, "POST", "api/replays/geo", Some(json!({})), 202).await;
    let built = ended(&running, "api/replays/geo").await;
    let difference = &built["difference"];
    let counts =
        ["rows_before", "rows_after", "same", "added", "missing", "changed"].map(|count| difference[count].as_u64());
    assert_eq!((&built["state"], counts), (&json!("ready"), [10, 9, 0, 0, 1, 9].map(Some)), "{built}");
    assert!(difference["samples"].as_array().unwrap().iter().any(|sample| sample["columns"] == json!(["country"])));
    assert_eq!(countries(&running, Lane::Stream).await, [[json!("Peru"), json!(10)]], "the live table is as it was");

    running.post_stream(&geo, &[json!({ "ind": 99, "country": "Chad" })]).await;
    ask(&running, "POST", "api/replays/geo/swap", None, 202).await;
    let swapped = ended(&running, "api/replays/geo").await;
    assert_eq!(swapped["state"], "swapped", "{swapped}");
    ask(&running, "POST", "api/replays/geo/swap", None, 409).await;
    running.node.settle().await.unwrap();
    let rows = running.query("SELECT country, count(*) FROM geo GROUP BY country ORDER BY country", Lane::Stream).await;
    assert_eq!(rows.rows, [[json!("CHAD"), json!(1)], [json!("PERU"), json!(9)]]);
    for row in running.node.view().balance().await.unwrap() {
        assert!(row.balances && row.in_flight == 0, "{row:?}");
    }
    ask(&running, "DELETE", "api/replays/geo", None, 204).await;
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_stream_topic_is_replayed_when_its_log_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(data.path(), pinterest());
    config.archive_stream_topics = true;
    config.log.segment_bytes = 4 << 10;
    config.log.retention_interval = Duration::from_millis(20);
    config.topics.retention_bytes = Some(1);
    let running = start(config).await;
    let geo = running.node.pipeline().stream("geo").unwrap().clone();
    for first in 0..20 {
        let event = |ind: usize| json!({ "ind": first * 100 + ind, "country": "Peru" });
        running.post_stream(&geo, &(0..100).map(event).collect::<Vec<_>>()).await;
    }
    running.node.settle().await.unwrap();
    let from_the_start = format!("api/tail/{}?from=beginning", geo.stream.topic);
    let kept = async {
        let reply = running.client.get(running.url.join(&from_the_start).unwrap()).send().await.unwrap();
        reply.text().await.unwrap().lines().count()
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(kept.await < 2_000, "the log has them all");
    ask(&running, "POST", "api/replays/geo", Some(json!({})), 202).await;
    let built = ended(&running, "api/replays/geo").await;
    assert_eq!((&built["state"], &built["difference"]["same"]), (&json!("ready"), &json!(2_000)), "{built}");
    ask(&running, "DELETE", "api/replays/geo", None, 204).await;
    running.node.stop().await.unwrap();
}

/// As the upkeep of the live table does during a long replay: files that only old versions have go before those versions' entries do.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_whose_version_to_compare_with_is_gone_is_compared_with_the_newest() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let geo = running.node.pipeline().stream("geo").unwrap().clone();
    running.post_stream(&geo, &events()).await;
    running.node.settle().await.unwrap();
    let table = data.path().join("tables/stream").join(&geo.stream.table);
    let files = || std::fs::read_dir(&table).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let old: Vec<_> = files().collect();
    assert!(!old.is_empty(), "{}", table.display());

    ask(&running, "POST", "api/replays/geo", Some(json!({ "to": "10" })), 202).await;
    let first = ended(&running, "api/replays/geo").await;
    assert_eq!((&first["state"], &first["difference"]["same"]), (&json!("ready"), &json!(10)), "{first}");
    ask(&running, "POST", "api/replays/geo/swap", None, 202).await;
    assert_eq!(ended(&running, "api/replays/geo").await["state"], "swapped");
    old.iter().for_each(|file| std::fs::remove_file(file).unwrap());

    ask(&running, "POST", "api/replays/geo", Some(json!({ "to": "10" })), 202).await;
    let again = ended(&running, "api/replays/geo").await;
    assert_eq!((&again["state"], &again["difference"]["same"]), (&json!("ready"), &json!(10)), "{again}");
    assert!(again["to_version"].as_u64() > first["to_version"].as_u64(), "{first} {again}");
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn points_without_records_between_them_are_refused_and_a_replay_that_nobody_wants_is_given_up() {
    let data = tempfile::tempdir().unwrap();
    let replay_patience = Duration::from_millis(300);
    let running = start(NodeConfig { replay_patience, ..config(data.path(), pinterest()) }).await;
    let geo = running.node.pipeline().stream("geo").unwrap().clone();
    running.post_stream(&geo, &events()).await;
    running.node.settle().await.unwrap();
    for (points, says) in [
        (json!({ "from": "2999-01-01" }), "in the future"),
        (json!({ "from": "11" }), "before offset 10 only"),
        (json!({ "to": "2000-01-01" }), "no record lies before that time"),
        (json!({ "to": "0" }), "no record lies before offset 0"),
        (json!({ "from": "10", "to": "5" }), "and behind `from`"),
    ] {
        ask(&running, "POST", "api/replays/geo", Some(points.clone()), 202).await;
        let failed = ended(&running, "api/replays/geo").await;
        assert_eq!(failed["state"], "failed", "{points}: {failed}");
        assert!(failed["error"].as_str().unwrap().contains(says), "{points}: {failed}");
    }
    ask(&running, "POST", "api/replays/geo", Some(json!({})), 202).await;
    assert_eq!(ended(&running, "api/replays/geo").await["state"], "ready");
    let shadow = data.path().join("tables/shadow-stream");
    let files = || walk(&shadow);
    assert!(files() > 0, "{}", shadow.display());
    let gone = async {
        while files() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
    let given_up = ended(&running, "api/replays/geo").await;
    assert!(given_up["error"].as_str().unwrap().contains("nobody looked at it"), "{given_up}");
    ask(&running, "POST", "api/replays/geo/swap", None, 409).await;
    running.node.stop().await.unwrap();
}

/// Files below a folder.
fn walk(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}
