//! An acknowledged event is in the answer at once, before its commit and after it, and only once.

use std::time::Duration;

use pinflow_dashboard::view::{Lane, Scope};
use pinflow_lane::Trigger;
use pinflow_node::NodeConfig;
use serde_json::json;

use crate::support::{config, pinterest, start};

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_seen_at_once_and_once() {
    let folder = tempfile::tempdir().unwrap();
    // The first batch goes at once, the second not while this test runs.
    let trigger = Trigger { interval: Duration::from_secs(3_600), ..Trigger::default() };
    let running = start(NodeConfig { trigger, ..config(folder.path(), pinterest()) }).await;
    let user = pinterest().stream("user").unwrap().clone();
    let event = |ind: u64| json!({"ind": ind, "first_name": "A", "last_name": "B", "age": 30, "date_joined": "2016-01-01 00:00:00"});
    let count = async |committed| {
        let scope = Scope { lane: Lane::Stream, committed };
        let answer = running.node.view().query("SELECT count(*) FROM user", scope, 10).await.unwrap();
        answer.rows[0][0].as_u64().unwrap()
    };
    for posted in 1..=20_u64 {
        running.post_stream(&user, &[event(posted), event(posted)]).await;
        assert_eq!(count(false).await, posted);
    }
    assert!(count(true).await < 20, "all of it is committed already: the test shows nothing");
    running.node.stop().await.unwrap();
}
