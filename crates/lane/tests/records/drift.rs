//! Fields that the schema lacks: counted, held, made columns, or the reason of a dead letter.

use std::path::PathBuf;

use pinflow_lane::LaneStatus;
use pinflow_pipeline::{Stream, UnknownFieldPolicies, UnknownFieldPolicy};

use crate::world::{World, counts, stream};

fn with(policy: UnknownFieldPolicy, named: &[(&str, UnknownFieldPolicy)]) -> Stream {
    let named = named.iter().map(|(name, policy)| ((*name).to_owned(), *policy)).collect();
    Stream { unknown_fields: UnknownFieldPolicies { others: policy, named }, ..stream() }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_fields_are_counted_by_name() {
    let world = World::new(1).await;
    world.append(0, [r#"{"id":1,"colour":"red"}"#, r#"{"id":2,"colour":null,"weight":{"g":5}}"#, r#"{"id":3}"#]).await;
    let status = world.catch_up(stream()).await;
    assert_eq!(counts(&status), [3, 0, 0, 0, 0]);
    let unknown = &status.unknown;
    assert_eq!((unknown.named["colour"].met, unknown.named["weight"].met, unknown.others.met), (2, 1, 0));
    let commit = std::fs::read_to_string(world.commits("stream").pop().unwrap()).unwrap();
    assert!(commit.contains(r#""pinflow.unknown_fields":3"#), "{commit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_distinct_fields_are_counted_in_bounded_memory() {
    let world = World::new(1).await;
    for half in [0..500_000, 500_000..1_000_000] {
        let id = half.start;
        let fields: String = half.map(|number| format!(r#","f{number}":0"#)).collect();
        world.append(0, [format!(r#"{{"id":{id}{fields}}}"#)]).await;
    }
    let status = world.catch_up(stream()).await;
    assert_eq!(counts(&status), [2, 0, 0, 0, 0]);
    assert_eq!((status.unknown.named.len(), status.unknown.total().met), (100, 1_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_field_makes_a_dead_letter_that_names_it() {
    let world = World::new(1).await;
    world.append(0, [r#"{"id":1,"secret":"x"}"#, r#"{"id":2,"colour":"red"}"#]).await;
    let policy = with(UnknownFieldPolicy::Hold, &[("secret", UnknownFieldPolicy::Dead)]);
    assert_eq!(counts(&world.catch_up(policy).await), [1, 0, 0, 1, 0]);
    let letters = world.letters().await;
    assert_eq!(letters[0].letter.reason, "field `secret` is not in the schema");
    assert_eq!(letters[0].letter.place.as_deref(), Some("secret"));
    // Once it is taken, the letter is a row.
    let mut writer = world.writer(stream()).await;
    writer.remove_letters(&pinflow_lane::LetterAction::Retry, &Default::default()).await.unwrap();
    assert_eq!(counts(&writer.status().get()), [2, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_fields_become_text_columns() {
    let world = World::new(1).await;
    let evolving = with(UnknownFieldPolicy::Evolve, &[("secret", UnknownFieldPolicy::Hold)]);
    world.append(0, [r#"{"id":1}"#, r#"{"id":2,"colour":"r\u00f6d","secret":1}"#, r#"{"id":3,"colour":null}"#]).await;
    world.catch_up(evolving.clone()).await;
    world
        .append(
            0,
            [
                r#"{"id":4,"weight":{"g": 5},"colour":7}"#,
                r#"{"id":5,"Colour":"other case","no column":1,"size":2}"#,
                r#"{"id":6,"weight":1.50,"weight":"last"}"#,
            ],
        )
        .await;
    let status = world.catch_up(evolving.clone()).await;
    assert_eq!(counts(&status), [6, 0, 0, 0, 0]);
    assert_eq!(not_evolved(&status), [("Colour", 1), ("no column", 1)]);
    let commit = std::fs::read_to_string(world.commits("stream").pop().unwrap()).unwrap();
    assert!(commit.contains(r#""pinflow.not_evolved":2"#), "{commit}");
    let rows = world.rows(&evolving, &["id", "colour", "weight", "size"]).await;
    let expected = [
        "1|null|null|null",
        "2|röd|null|null",
        "3|null|null|null",
        r#"4|7|{"g": 5}|null"#,
        "5|null|null|2",
        "6|null|last|null",
    ];
    assert_eq!(rows, expected);
    // The columns stay when the policy goes.
    world.append(0, [r#"{"id":7,"colour":"blue"}"#]).await;
    assert_eq!(counts(&world.catch_up(stream()).await), [7, 0, 0, 0, 0]);
    assert_eq!(world.rows(&stream(), &["id", "colour"]).await[6], "7|null");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_field_that_the_select_leaves_out_is_no_unknown_one() {
    let world = World::new(1).await;
    let mut evolving = with(UnknownFieldPolicy::Evolve, &[]);
    evolving.clean.text = "SELECT id, note FROM input".to_owned();
    world.append(0, [r#"{"id":1,"size":2,"colour":"red"}"#]).await;
    world.catch_up(evolving.clone()).await;
    assert_eq!(world.rows(&evolving, &["id", "note", "colour"]).await, ["1|null|red"]);
    let is_column = |commit: &PathBuf| std::fs::read_to_string(commit).unwrap().contains(r#"\"name\":\"size\""#);
    assert!(!world.commits("stream").iter().any(is_column));
}

/// The fields that had values for which no column was made.
fn not_evolved(status: &LaneStatus) -> Vec<(&str, u64)> {
    let named = status.unknown.named.iter().map(|(name, count)| (name.as_str(), count.not_evolved));
    named.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_are_one_column_in_every_script() {
    let world = World::new(1).await;
    let evolving = with(UnknownFieldPolicy::Evolve, &[]);
    world.append(0, [r#"{"id":1,"größe":1,"İ":2,"ΑΣ":3,"Straße":4,"K":5}"#]).await;
    world.catch_up(evolving.clone()).await;
    world.append(0, [r#"{"id":2,"GRÖßE":2,"i̇":3,"ας":3,"STRASSE":4,"\u212a":5}"#, r#"{"id":3,"GRÖßE":null}"#]).await;
    let status = world.catch_up(evolving.clone()).await;
    assert_eq!(counts(&status), [3, 0, 0, 0, 0]);
    assert_eq!(not_evolved(&status), [("GRÖßE", 1), ("i̇", 1), ("ας", 1), ("\u{212a}", 1)]);
    let rows = world.rows(&evolving, &["id", "größe", "İ", "ΑΣ", "Straße", "STRASSE", "K"]).await;
    assert_eq!(rows, ["1|1|2|3|4|null|5", "2|null|null|null|null|4|null", "3|null|null|null|null|null|null"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_stops_the_lane() {
    let world = World::new(1).await;
    let evolving = with(UnknownFieldPolicy::Evolve, &[]);
    let names = [
        "__delta_rs_path",
        "__delta_rs_file_id__",
        "_change_type",
        "_commit_version",
        "_metadata",
        "_file",
        "null",
        "NOTE",
        "\u{feff}",
        "\u{202e}rtl",
        "a/b",
        "a\\\\b",
        "\\\"",
        "$",
        "*",
        "%41",
        "[0]",
        "a-b",
        "0",
        "\u{10ffff}",
        "ﬀ",
        "ǅ",
        "ǆ",
    ];
    for id in 0..3 {
        // The same, one more upper case, all in one record.
        let name = |name: &str| if id == 1 { name.to_uppercase() } else { name.to_owned() };
        let fields: String = names.iter().map(|of| format!(r#","{}":{id}"#, name(of))).collect();
        world.append(0, [format!(r#"{{"id":{id}{fields}}}"#)]).await;
        assert_eq!(counts(&world.catch_up(evolving.clone()).await)[0], id + 1);
    }
    let rows = world.rows(&evolving, &["id", "__delta_rs_path", "_file", "a-b", "\"", "a\\b"]).await;
    assert_eq!(rows, ["0|0|0|0|0|0", "1|null|null|null|1|null", "2|2|2|2|2|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_only_so_many_columns() {
    let world = World::new(1).await;
    let evolving = with(UnknownFieldPolicy::Evolve, &[]);
    for batch in 0..6 {
        let fields: String = (0..99).map(|number| format!(r#","f{batch}_{number}":0"#)).collect();
        world.append(0, [format!(r#"{{"id":{batch}{fields}}}"#)]).await;
        world.catch_up(evolving.clone()).await;
    }
    let fields: String = (0..300).map(|number| format!(r#","f6_{number}":null,"f7_{number}":0"#)).collect();
    world.append(0, [format!(r#"{{"id":6{fields}}}"#)]).await;
    let status = world.catch_up(evolving).await;
    assert_eq!((counts(&status)[0], status.unknown.total().not_evolved), (7, 300));
    let commits = world.commits("stream");
    let commits = commits.iter().rev().map(|commit| std::fs::read_to_string(commit).unwrap());
    let metadata = |commit: String| commit.lines().find(|line| line.contains("schemaString")).map(str::to_owned);
    let schema = commits.into_iter().find_map(metadata).unwrap();
    assert_eq!(schema.matches("pinflow.evolved").count(), 497, "500 columns, three of which the pipeline gives");
}
