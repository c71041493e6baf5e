//! An archive that somebody else wrote, with no log of ours behind it.

use pinflow_dashboard::view::Lane;
use pinflow_node::{Node, NodeConfig};
use pinflow_schedule::{RunState, Trigger};
use serde_json::json;

use crate::support::{config, pinterest, repository, start};

/// One object a record, as the connector with `flush.size=1` writes them.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_the_connector_are_cleaned_by_every_run() {
    let (data, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let put = |topic: &str, offset: usize, line: &str| {
        let folder = archive.path().join(format!("topics/{topic}/partition=0"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{topic}+0+{offset:010}.json")), line).unwrap();
    };
    let pipeline = pinterest();
    let mut sent = std::collections::BTreeMap::new();
    for stream in &pipeline.streams {
        let lines = repository().join(format!("testdata/golden/input/{}.ndjson", stream.name));
        let lines = std::fs::read_to_string(lines).unwrap();
        lines.lines().take(50).enumerate().for_each(|(n, line)| put(stream.batch.topic.as_str(), n, line));
        sent.insert(stream.name.clone(), lines.lines().take(50).count());
    }
    let mut settings = NodeConfig { archive_folder: Some(archive.path().to_owned()), ..config(data.path(), pipeline) };
    settings.archive.read_only = true;
    for round in 0..2 {
        // With a running node, and with one that only runs the job.
        let node = Node::open(settings.clone()).await.unwrap();
        for stream in sent.keys() {
            let run = node.run_job("daily", Some(&format!("clean.{stream}")), Trigger::Manual).await.unwrap();
            assert_eq!(run.state, RunState::Succeeded, "{run:?}");
        }
        let count = node.view().query("SELECT count(*) FROM batch.geo", Lane::Batch.into(), 10).await.unwrap();
        assert_eq!(count.rows, [[json!(50 + round)]]);
        node.stop().await.unwrap();
        let late =
            r#"{"ind":123456789,"timestamp":"2020-01-01 00:00:00","latitude":1.0,"longitude":2.0,"country":"X"}"#;
        put("demo.geo", 50, late);
    }
    let running = start(settings).await;
    running.node.settle().await.unwrap();
    let balance = running.node.view().balance().await.unwrap();
    assert!(balance.iter().all(|row| row.lane == Lane::Stream && row.balances), "{balance:?}");
    running.node.stop().await.unwrap();
    assert_eq!(std::fs::read_dir(archive.path()).unwrap().count(), 1, "nothing is written beside `topics`");
}

/// What a run found changed is there for whoever asks later, in another process.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_archive_outlive_the_node_that_found_them() {
    let (data, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pipeline = pinterest();
    let partition = archive.path().join(format!("topics/{}/partition=0", pipeline.stream("geo").unwrap().batch.topic));
    std::fs::create_dir_all(&partition).unwrap();
    let object = |offset: usize| partition.join(format!("demo.geo+0+{offset:010}.json"));
    let lines = repository().join("testdata/golden/input/geo.ndjson");
    for (offset, line) in std::fs::read_to_string(lines).unwrap().lines().take(3).enumerate() {
        std::fs::write(object(offset), line).unwrap();
    }
    let mut settings = NodeConfig { archive_folder: Some(archive.path().to_owned()), ..config(data.path(), pipeline) };
    settings.archive.read_only = true;
    let notes = async |remove: Option<usize>| {
        let node = Node::open(settings.clone()).await.unwrap();
        if let Some(offset) = remove {
            std::fs::remove_file(object(offset)).unwrap();
        }
        let run = node.run_job("daily", Some("clean.geo"), Trigger::Manual).await.unwrap();
        node.stop().await.unwrap();
        run.tasks[0].note.clone()
    };
    notes(None).await;
    let note = notes(Some(1)).await;
    assert!(note.ends_with("; object `topics/demo.geo/partition=0/demo.geo+0+0000000001.json` is gone"), "{note}");
    assert!(notes(None).await.ends_with("; earlier changes of the archive: 1 (system.archive_changes)"));
    let node = Node::open(settings.clone()).await.unwrap();
    let sql = "SELECT stream, first_offset, change FROM system.archive_changes";
    let told = node.view().query(sql, Lane::Batch.into(), 10).await.unwrap();
    assert_eq!(told.rows, [[json!("geo"), json!(1), json!("vanished")]]);
    node.stop().await.unwrap();
}
