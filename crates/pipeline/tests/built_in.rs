//! The pipelines that the project ships: the one in the binary, its copy on disk, and the second example.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use pinflow_pipeline::{Overrides, PipelineError, built_in, load, write_built_in};

#[test]
fn the_built_in_pipeline_is_valid() {
    let pipeline = built_in(&Overrides::default()).unwrap();
    assert_eq!(pipeline.variables["user_id"], "demo");
    let topics: Vec<_> =
        pipeline.streams.iter().flat_map(|s| [s.batch.topic.as_str(), s.stream.topic.as_str()]).collect();
    let expected =
        ["demo.pin", "streaming-demo-pin", "demo.geo", "streaming-demo-geo", "demo.user", "streaming-demo-user"];
    assert_eq!(topics, expected);
    let tables: Vec<_> =
        pipeline.streams.iter().flat_map(|s| [s.batch.table.as_str(), s.stream.table.as_str()]).collect();
    assert_eq!(tables, ["pin", "demo_pin_table", "geo", "demo_geo_table", "user", "demo_user_table"]);
    assert_eq!(pipeline.queries.len(), 9);
    assert!(pipeline.queries.iter().all(|query| query.chart.is_some() && query.title != query.name.replace('_', " ")));
    let daily = pipeline.job("daily").unwrap();
    assert_eq!((daily.tasks.len(), daily.retries, daily.retry_delay.as_secs()), (15, 3, 120));
    assert!(!pipeline.tests.is_empty());
}

#[test]
fn a_user_id_reaches_topics_and_tables() {
    let set = [("user_id".to_owned(), "0e3bbd435bfb".to_owned())].into();
    let pipeline = built_in(&Overrides { set, ..Overrides::default() }).unwrap();
    let pin = pipeline.stream("pin").unwrap();
    assert_eq!(pin.batch.topic.as_str(), "0e3bbd435bfb.pin");
    assert_eq!((pin.batch.table.as_str(), pin.stream.table.as_str()), ("pin", "0e3bbd435bfb_pin_table"));
}

#[test]
fn a_user_id_that_fits_no_topic_is_refused() {
    let set = [("user_id".to_owned(), "../x".to_owned())].into();
    let error = built_in(&Overrides { set, ..Overrides::default() }).unwrap_err();
    assert!(error.to_string().contains("`../x.pin` is no topic name"), "{error}");
}

#[test]
fn the_copy_on_disk_is_the_same_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("my/pipeline");
    let files = write_built_in(&copy).unwrap();
    assert!(files.contains(&copy.join("pipeline.yaml")) && files.iter().all(|file| file.is_file()));
    let (from_disk, embedded) = (load(&copy, &Overrides::default()).unwrap(), built_in(&Overrides::default()).unwrap());
    assert_eq!(format!("{from_disk:?}"), format!("{embedded:?}"));
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("streams/pin.sql");
    fs::create_dir(folder.path().join("streams")).unwrap();
    fs::write(&mine, "mine").unwrap();
    let error = write_built_in(folder.path()).unwrap_err();
    assert!(matches!(&error, PipelineError::FileExists { file } if *file == mine), "{error}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
    assert!(!folder.path().join("pipeline.yaml").exists());
}

#[test]
fn every_example_is_valid() {
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    let mut names = Vec::new();
    for entry in fs::read_dir(pipelines).unwrap() {
        let path = entry.unwrap().path();
        let pipeline = load(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!pipeline.queries.is_empty() && !pipeline.jobs.is_empty() && !pipeline.tests.is_empty());
        names.push(pipeline.name);
    }
    names.sort();
    assert_eq!(names, ["pinterest", "weather"]);
}
