//! Another pipeline folder, with other streams, works as well: nothing in the code knows about pins. Its own tests pass, and so do the built-in one's.

use pinflow_node::{check, test};
use pinflow_pipeline::{Overrides, load};

use crate::support::{config, pinterest, repository, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_pipelines_pass_their_own_tests() {
    for pipeline in [pinterest(), load(&repository().join("pipelines/weather"), &Overrides::default()).unwrap()] {
        check(&pipeline).await.unwrap();
        let outcomes = test(&pipeline).await.unwrap();
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            assert!(outcome.failures.is_empty(), "{}: {}: {:#?}", pipeline.name, outcome.name, outcome.failures);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_expects_something_else_fails_readably() {
    let mut pipeline = pinterest();
    let case = pipeline.tests.iter_mut().find(|case| case.streams.iter().any(|part| part.rows.is_some())).unwrap();
    let part = case.streams.iter_mut().find(|part| part.rows.is_some()).unwrap();
    part.rows = Some(vec![serde_json::json!({"ind": -12345})]);
    let name = case.name.clone();
    let outcomes = test(&pipeline).await.unwrap();
    let failed = outcomes.iter().find(|outcome| outcome.name == name).unwrap();
    assert!(failed.failures.iter().any(|failure| failure.contains("missing row {\"ind\":-12345}")), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weather_pipeline_runs_end_to_end() {
    let data = tempfile::tempdir().unwrap();
    let pipeline = load(&repository().join("pipelines/weather"), &Overrides::default()).unwrap();
    let running = start(config(data.path(), pipeline.clone())).await;
    for part in pipeline.tests.iter().flat_map(|case| &case.streams) {
        let stream = pipeline.stream(&part.stream).unwrap();
        let events: Vec<_> = part.events.iter().filter_map(|event| serde_json::from_slice(event).ok()).collect();
        running.post_batch(stream, &events).await;
        let present: Vec<_> = events.into_iter().filter(|event: &serde_json::Value| !event.is_null()).collect();
        running.post_stream(stream, &present).await;
    }
    running.node.settle().await.unwrap();
    let job = pipeline.jobs[0].name.clone();
    let run = running.run(&job).await;
    assert!(run.tasks.iter().any(|task| task.rows.is_some_and(|rows| rows > 0)), "{run:?}");
    assert!(running.answers().await.iter().any(|answer| !answer.rows.is_empty()));
    running.assert_balanced().await;
    running.node.stop().await.unwrap();
}
