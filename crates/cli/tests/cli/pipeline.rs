//! `init`, `check` and `test`: a pipeline of one's own.

use crate::program::Place;

#[test]
fn the_copy_of_the_built_in_pipeline_is_valid_and_passes_its_tests() {
    let place = Place::new();
    let files = place.succeed(&["init", "mine"]);
    assert!(files.lines().any(|file| file == "mine/pipeline.yaml"), "{files}");
    assert!(files.lines().all(|file| place.path().join(file).is_file()), "{files}");
    let checked = place.succeed(&["check", "--pipeline", "mine"]);
    assert!(checked.starts_with("pipeline `pinterest` is valid: 3 streams, 9 questions, 1 job, "), "{checked}");
    let tested = place.succeed(&["test", "--pipeline", "mine"]);
    assert!(tested.ends_with(" passed, 0 failed\n"), "{tested}");
    let error = place.fail(2, &["init", "mine"]);
    assert!(error.contains("is there already, so nothing was written"), "{error}");
}

#[test]
fn everything_that_is_wrong_is_told_with_file_line_and_hint() {
    let place = Place::new();
    place.succeed(&["init", "mine"]);
    let file = place.path().join("mine/pipeline.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("clean: streams/geo.sql", "claen: streams/geo.sql")).unwrap();
    let error = place.fail(2, &["check", "--pipeline", "mine"]);
    let line = text.lines().position(|line| line.contains("streams/geo.sql")).unwrap() + 1;
    assert!(error.contains(&format!("mine/pipeline.yaml:{line}: ")), "{error}");
    assert!(error.contains("did you mean `clean`?"), "{error}");
    // Nothing starts with it.
    let error = place.fail(2, &["demo", "--exit", "--events", "1", "--pipeline", "mine"]);
    assert!(error.contains("mine/pipeline.yaml"), "{error}");
    assert!(!place.path().join("pinflow-data").exists());
}

#[test]
fn a_column_that_is_not_there_is_found_before_anything_runs() {
    let place = Place::new();
    place.succeed(&["init", "mine"]);
    let file = place.path().join("mine/queries/users_joined_by_year.sql");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("date_joined", "date_jioned")).unwrap();
    let error = place.fail(2, &["check", "--pipeline", "mine"]);
    assert!(error.contains("users_joined_by_year") && error.contains("date_jioned"), "{error}");
}

#[test]
fn a_test_that_fails_says_where_and_how() {
    let place = Place::new();
    place.succeed(&["init", "mine"]);
    let case =
        "- name: a wish\n  stream: geo\n  events: [{ ind: 1, country: Chad }]\n  rows: [{ ind: 1, country: Peru }]\n";
    std::fs::write(place.path().join("mine/tests/wish.yaml"), case).unwrap();
    let ended = place.call(&["test", "--pipeline", "mine"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let difference = "the row with ind=1: `country` is \"Chad\", expected \"Peru\"";
    for part in ["FAILED a wish", difference, "at mine/tests/wish.yaml:1", ", 1 failed"] {
        assert!(ended.stdout.contains(part), "{part} is missing in {}", ended.stdout);
    }
}
