//! What the program says about itself, and its documented exit statuses for wrong usage.

use crate::program::Place;

#[test]
fn help_names_every_command_and_exit_status() {
    let help = Place::new().succeed(&["--help"]);
    for command in [
        "demo",
        "init",
        "check",
        "serve",
        "emulate",
        "run",
        "query",
        "tail",
        "status",
        "reconcile",
        "replay",
        "dead",
        "test",
        "source",
        "config",
        "openapi",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in\n{help}");
    }
    for status in ["0  ", "1  ", "2  ", "3  ", "4  ", "5  ", "130"] {
        assert!(help.contains(&format!("\n  {status}")), "status {status} is missing in\n{help}");
    }
}

#[test]
fn every_command_explains_itself_and_its_page_lists_it() {
    let page = include_str!("../../../../docs/cli.md");
    let place = Place::new();
    let help = place.succeed(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.split_whitespace().next()).filter(|command| *command != "help") {
        assert!(place.succeed(&[command, "--help"]).contains("Usage: pinflow"), "{command}");
        assert!(page.contains(&format!("`pinflow {command}")), "docs/cli.md does not tell about {command}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_nothing_on_stdout() {
    let place = Place::new();
    for arguments in
        [&["quary"][..], &["query"], &["demo", "--events", "many"], &["tail", "t", "--from", "middle"], &[]]
    {
        let ended = place.call(arguments);
        assert_eq!(ended.status, 2, "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn completions_are_written_for_each_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.succeed(&["completions", shell]).contains("reconcile"), "{shell}");
    }
}

#[test]
fn commands_that_need_data_say_so_and_make_none() {
    let place = Place::new();
    for arguments in [&["status"][..], &["query", "SELECT 1"], &["tail", "t"], &["reconcile"], &["dead", "list", "pin"]]
    {
        let error = place.fail(4, arguments);
        assert!(
            error.contains("there is no data folder pinflow-data\n  hint: `pinflow demo`"),
            "{arguments:?}: {error}"
        );
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    let error = place.fail(4, &["status", "--url", "http://127.0.0.1:9"]);
    assert!(error.contains("no node answers at http://127.0.0.1:9/"), "{error}");
    let error = place.fail(4, &["emulate", "--events", "1"]);
    assert!(error.contains("no node runs"), "{error}");
}
