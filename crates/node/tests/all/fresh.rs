//! An acknowledged event is in the answer at once, before its commit and after it, and only once.

use std::time::Duration;

use pinflow_dashboard::view::{Lane, Scope};
use pinflow_lane::Trigger;
use pinflow_node::NodeConfig;
use pinflow_pipeline::UnknownFieldPolicy;
use pinflow_schedule::{RunState, Trigger as By};
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

/// The queries of a job keep what they counted; what a stream's table does not hold yet is counted all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_queries_of_a_job_see_what_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let mut pipeline = pinterest();
    let name = pipeline.queries[0].name.clone();
    pipeline.queries[0].chart = None;
    pipeline.queries[0].sql.text = "SELECT count(*) AS users, max(ind) AS newest FROM stream.user".to_owned();
    let trigger = Trigger { interval: Duration::from_secs(3_600), ..Trigger::default() };
    let running = start(NodeConfig { trigger, ..config(folder.path(), pipeline.clone()) }).await;
    let user = pipeline.stream("user").unwrap();
    let event = |ind: u64| json!({"ind": ind, "first_name": "A", "last_name": "B", "age": 30, "date_joined": "2016-01-01 00:00:00"});
    let answer_sql = format!("SELECT users, newest FROM result.{name} ORDER BY run_time DESC LIMIT 1");
    for posted in 1..=3_u64 {
        running.post_stream(user, &[event(posted)]).await;
        let run = running.node.run_job("daily", Some(&format!("query.{name}")), By::Manual).await.unwrap();
        assert_eq!(run.state, RunState::Succeeded, "{run:?}");
        assert_eq!(running.query(&answer_sql, Lane::Stream).await.rows, [[json!(posted), json!(posted)]]);
    }
    let scope = Scope { lane: Lane::Stream, committed: true };
    let committed = running.node.view().query("SELECT count(*) FROM user", scope, 10).await.unwrap();
    assert!(committed.rows[0][0].as_u64().unwrap() < 3, "all of it is committed already: the test shows nothing");
    running.node.stop().await.unwrap();
}

/// A column that the next commit makes is there before it, also where it alone is asked for or compared.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_becomes_a_column_is_seen_before_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut pipeline = pinterest();
    let geo = pipeline.streams.iter_mut().find(|stream| stream.name == "geo").unwrap();
    geo.unknown_fields.others = UnknownFieldPolicy::Evolve;
    let trigger = Trigger { interval: Duration::from_secs(3_600), ..Trigger::default() };
    let running = start(NodeConfig { trigger, ..config(folder.path(), pipeline.clone()) }).await;
    let geo = pipeline.stream("geo").unwrap();
    let answer = async |sql: &str, committed| {
        let scope = Scope { lane: Lane::Stream, committed };
        running.node.view().query(sql, scope, 10).await
    };
    running.post_stream(geo, &[json!({"ind": 1, "country": "Peru", "weight": 5})]).await;
    while answer("SELECT ind FROM geo", true).await.unwrap().rows.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
        .post_stream(geo, &[json!({"ind": 2, "colour": "red"}), json!({"ind": 3, "colour": "blue", "Weight": 1})])
        .await;
    assert!(answer("SELECT colour FROM geo", true).await.is_err(), "it is committed already: the test shows nothing");
    let rows = async |sql| answer(sql, false).await.unwrap().rows;
    assert_eq!(
        rows("SELECT colour, ind, weight, country FROM geo ORDER BY ind").await,
        [
            vec![json!(null), json!(1), json!("5"), json!("Peru")],
            vec![json!("red"), json!(2), json!(null), json!(null)],
            vec![json!("blue"), json!(3), json!(null), json!(null)],
        ]
    );
    assert_eq!(rows("SELECT count(colour), count(*) FROM geo").await, [[json!(2), json!(3)]]);
    assert_eq!(rows("SELECT ind FROM geo WHERE colour = 'red' AND ind > 1").await, [[json!(2)]]);
    assert_eq!(
        rows("SELECT colour FROM geo WHERE ind = 1 OR colour = 'blue' ORDER BY ind").await,
        [[json!(null)], [json!("blue")]]
    );
    assert_eq!(rows("SELECT max(colour) FROM geo").await, [[json!("red")]]);
    assert_eq!(rows("SELECT count(*) FROM geo").await, [[json!(3)]]);
    assert_eq!(answer("SELECT * FROM geo ORDER BY ind LIMIT 1", false).await.unwrap().rows.len(), 1);
    running.node.stop().await.unwrap();
}
