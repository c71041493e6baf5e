//! Tables that cannot be written for a while: the node says so where people and supervisors look, and resumes by itself.

use std::time::Duration;

use pinflow_dashboard::view::{Lane, Scope};
use pinflow_node::Node;
use serde_json::{Value, json};

use crate::support::{Running, config, pinterest, start};

/// The lane's part of `/readyz`, once it is as wanted; the time is there so as not to wait forever.
async fn lane_is(running: &Running, wanted: bool) -> Value {
    let there = async {
        loop {
            let reply = running.client.get(running.url.join("readyz").unwrap()).send().await.unwrap();
            let status = reply.status();
            let body: Value = reply.json().await.unwrap();
            let lane = body["parts"].as_array().unwrap().iter().find(|part| part["name"] == "stream.user").unwrap();
            if lane["ready"] == wanted {
                assert_eq!(status.is_success(), wanted, "{body}");
                return lane.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), there).await.expect("the lane's readiness does not change")
}

/// Counts the users of the stream lane, fresh.
async fn ask(running: &Running) -> Result<Value, String> {
    let sql = "SELECT count(*) FROM user";
    let answer = running.node.view().query(sql, Lane::Stream.into(), 10).await;
    answer.map(|answer| answer.rows[0][0].clone()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_table_has_other_columns_says_so_before_the_next_record_comes() {
    let data = tempfile::tempdir().unwrap();
    let mut pipeline = pinterest();
    let user = pipeline.stream("user").unwrap().clone();
    let running = start(config(data.path(), pipeline.clone())).await;
    let event = json!({"ind": 1, "first_name": "A", "last_name": "B", "age": 30, "date_joined": "2016-01-01 00:00:00"});
    running.post_stream(&user, &[event]).await;
    running.node.settle().await.unwrap();
    assert_eq!(ask(&running).await, Ok(json!(1)));
    running.node.stop().await.unwrap();

    let changed = pipeline.streams.iter_mut().find(|stream| stream.name == "user").unwrap();
    changed.clean.text = changed.clean.text.replacen("SELECT", "SELECT 'new' AS planet,", 1);
    let running = start(config(data.path(), pipeline)).await;
    let lane = lane_is(&running, false).await;
    assert!(lane["reason"].as_str().unwrap().contains("`planet` is new"), "{lane}");
    let refused = ask(&running).await.unwrap_err();
    assert!(refused.contains("`planet` is new") && refused.contains("pinflow replay"), "{refused}");
    let scope = Scope { lane: Lane::Stream, committed: true };
    let committed = running.node.view().query("SELECT count(*) FROM user", scope, 10).await.unwrap();
    assert_eq!(committed.rows, [[json!(1)]]);
    // Nothing is left undone.
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_events_though_its_tables_cannot_be_opened_yet() {
    let data = tempfile::tempdir().unwrap();
    let user = pinterest().stream("user").unwrap().clone();
    let event = |ind: u64| json!({"ind": ind, "first_name": "A", "last_name": "B", "age": 30, "date_joined": "2016-01-01 00:00:00"});
    // Files are in the way of the tables.
    let (tables, away) = (data.path().join("tables"), data.path().join("away"));
    let hide = || {
        std::fs::rename(&tables, &away).unwrap();
        std::fs::create_dir(&tables).unwrap();
        for schema in ["batch", "stream", "dead"] {
            std::fs::write(tables.join(schema), "").unwrap();
        }
    };
    let running = start(config(data.path(), pinterest())).await;
    running.node.stop().await.unwrap();
    hide();
    // Nothing says that this is the log which the tables are of.
    let refused = Node::open(config(data.path(), pinterest())).await.unwrap_err();
    assert!(refused.to_string().contains("cannot"), "{refused}");
    std::fs::remove_dir_all(&tables).unwrap();
    std::fs::rename(&away, &tables).unwrap();

    let running = start(config(data.path(), pinterest())).await;
    running.post_stream(&user, &[event(1), event(2)]).await;
    running.post_batch(&user, &[event(1), event(2)]).await;
    running.run("daily").await;
    running.node.stop().await.unwrap();
    hide();
    let running = start(config(data.path(), pinterest())).await;
    running.post_stream(&user, &[event(2), event(3)]).await;
    running.post_batch(&user, &[event(2), event(3)]).await;
    lane_is(&running, false).await;
    std::fs::remove_dir_all(&tables).unwrap();
    std::fs::rename(&away, &tables).unwrap();
    lane_is(&running, true).await;
    running.node.settle().await.unwrap();
    assert_eq!(ask(&running).await, Ok(json!(3)));
    running.run("daily").await;
    let batch = running.query("SELECT count(*) FROM user", Lane::Batch).await;
    assert_eq!(batch.rows, [[json!(3)]]);
    running.assert_balanced().await;
    running.node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_table_cannot_be_written_says_so_and_resumes_without_loss() {
    let data = tempfile::tempdir().unwrap();
    let running = start(config(data.path(), pinterest())).await;
    let user = pinterest().stream("user").unwrap().clone();
    let event = |ind: u64| json!({"ind": ind, "first_name": "A", "last_name": "B", "age": 30, "date_joined": "2016-01-01 00:00:00"});
    running.post_stream(&user, &[event(1), event(2)]).await;
    running.node.settle().await.unwrap();

    // A file is in the way of the table.
    let (table, away) = (data.path().join("tables/stream").join(&user.stream.table), data.path().join("away"));
    std::fs::rename(&table, &away).unwrap();
    std::fs::write(&table, "").unwrap();
    running.post_stream(&user, &[event(2), event(3), json!("not an object")]).await;
    let lane = lane_is(&running, false).await;
    let refused = ask(&running).await.unwrap_err();
    assert!(refused.contains("stands still") && refused.contains("--committed"), "{refused}");
    let reason = lane["reason"].as_str().unwrap();
    assert!(reason.starts_with("the stream lane of `user` stands still and tries again: "), "{reason}");
    let health: Value =
        running.client.get(running.url.join("api/health").unwrap()).send().await.unwrap().json().await.unwrap();
    assert!(health["reasons"].to_string().contains("stands still"), "{health}");

    std::fs::remove_file(&table).unwrap();
    std::fs::rename(&away, &table).unwrap();
    lane_is(&running, true).await;
    running.node.settle().await.unwrap();
    let rows = running.query("SELECT count(*), count(DISTINCT ind) FROM user", Lane::Stream).await.rows;
    assert_eq!(rows, [[json!(3), json!(3)]]);
    let batches = running.query(
        "SELECT sum(records), sum(rows), sum(duplicates), sum(dead), max(distinct_keys), min(lag_seconds) >= 0, \
         min(freshness_p99_ms) >= 0, count(DISTINCT batch) = count(*) FROM system.batches WHERE stream = 'user'",
        Lane::Stream,
    );
    let yes = json!(true);
    let expected = [json!(5), json!(3), json!(1), json!(1), json!(3), yes.clone(), yes.clone(), yes];
    assert_eq!(batches.await.rows, [expected]);
    running.node.stop().await.unwrap();
}
