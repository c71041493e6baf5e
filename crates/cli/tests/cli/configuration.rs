//! Where settings come from, and what is refused.

use crate::program::Place;

fn from(place: &Place, arguments: &[&str], key: &str) -> (String, String) {
    let all = [&["config", "--format", "csv"], arguments].concat();
    let csv = place.succeed(&all);
    let line = csv.lines().find(|line| line.starts_with(&format!("{key},"))).unwrap_or_else(|| panic!("{key}: {csv}"));
    let mut fields = line.split(',').skip(1).map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn the_page_about_the_configuration_is_the_programs_own() {
    let page = include_str!("../../../../docs/configuration.md");
    let written = Place::new().succeed(&["config", "--reference"]);
    assert!(page == written, "docs/configuration.md is old: write it with `pinflow config --reference`");
}

#[test]
fn file_environment_and_flags_in_that_order() {
    let place = Place::new();
    assert_eq!(from(&place, &[], "data"), pair("pinflow-data", "default"));
    place.write("pinflow.yaml", "data: from-file\nstream: { trigger: 2s }\n");
    assert_eq!(from(&place, &[], "data"), pair("from-file", "pinflow.yaml:1"));
    assert_eq!(from(&place, &[], "stream.trigger"), pair("2s", "pinflow.yaml:2"));
    let output = place.command(&["config", "--format", "csv"]).env("PINFLOW_DATA", "from-env").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\ndata,from-env,PINFLOW_DATA\n"), "{output:?}");
    assert_eq!(from(&place, &["-c", "stream.trigger=3s"], "stream.trigger"), pair("3s", "-c"));
    assert_eq!(from(&place, &["-c", "data=c", "--data", "flag"], "data"), pair("flag", "--data"));
    assert_eq!(from(&place, &["--set", "user_id=me"], "variables.user_id"), pair("me", "--set"));
}

#[test]
fn what_is_unknown_or_wrong_is_refused_with_2_and_a_hint() {
    let place = Place::new();
    let error = place.fail(2, &["config", "-c", "log.segement_bytes=1MiB"]);
    assert!(error.contains("hint: did you mean `log.segment_bytes`?"), "{error}");
    let error = place.fail(2, &["config", "-c", "port"]);
    assert!(error.contains("write KEY=VALUE"), "{error}");
    let error = place.fail(2, &["config", "-c", "port=many"]);
    assert!(error.contains("-c: the setting `port`: `many` is no whole number"), "{error}");
    let output = place.command(&["config"]).env("PINFLOW_DTA", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `PINFLOW_DATA`?"));
    place.write("other.yaml", "\ncolour: red\n");
    let error = place.fail(2, &["config", "--config", "other.yaml"]);
    assert!(error.contains("other.yaml:2: there is no setting `colour`"), "{error}");
    assert!(place.fail(2, &["config", "--config", "none.yaml"]).contains("cannot read the configuration none.yaml"));
    assert!(place.fail(2, &["check", "--set", "usr_id=me"]).contains("usr_id"));
}

#[test]
fn a_secret_is_not_shown() {
    let place = Place::new();
    let shown = place.succeed(&["config", "-c", "source.url=mysql://u:s3cret@h/d"]);
    assert!(shown.contains("(hidden)") && !shown.contains("s3cret"), "{shown}");
    let shown = place.succeed(&["config", "--set", "db_password=s3cret"]);
    assert!(shown.contains("variables.db_password") && !shown.contains("s3cret"), "{shown}");
    let error = place.fail(2, &["config", "-c", "source.url="]);
    assert!(error.contains("source.url"), "{error}");
}
