//! A node that stops in the middle goes on where it was: nothing is lost, nothing doubled.

use std::time::Duration;

use pinflow_dashboard::view::Lane;
use serde_json::json;

use crate::support::{config, pinterest, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_resumes() {
    let data = tempfile::tempdir().unwrap();
    let pipeline = pinterest();
    let user = pipeline.stream("user").unwrap();
    let event = |ind: u64| json!({"ind": ind, "first_name": "Li", "last_name": "Wu", "age": 30, "date_joined": "2017-01-01 00:00:00"});
    for round in 0..3 {
        let mut settings = config(data.path(), pipeline.clone());
        settings.trigger.interval = Duration::from_millis(10);
        let running = start(settings).await;
        // Each round sends half of the one before again.
        let events: Vec<_> = (round * 50..round * 50 + 100).map(event).collect();
        running.post_stream(user, &events).await;
        running.post_batch(user, &events).await;
        if round == 1 {
            running.run("daily").await;
        }
        running.node.stop().await.unwrap();
    }
    let running = start(config(data.path(), pipeline.clone())).await;
    running.run("daily").await;
    for lane in [Lane::Batch, Lane::Stream] {
        let rows = running.query("SELECT count(*), count(DISTINCT ind), max(ind) FROM user", lane).await.rows;
        assert_eq!(rows, [vec![json!(200), json!(200), json!(199)]], "{lane:?}");
    }
    let balance =
        running.query("SELECT lane, accepted, duplicates FROM system.balance WHERE stream = 'user'", Lane::Batch);
    assert_eq!(
        balance.await.rows,
        [vec![json!("batch"), json!(300), json!(100)], vec![json!("stream"), json!(300), json!(100)]]
    );
    running.assert_balanced().await;
    running.node.stop().await.unwrap();
}
