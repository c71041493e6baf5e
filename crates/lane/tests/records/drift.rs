//! Fields that the schema lacks: counted, held, made columns, or the reason of a dead letter.

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
    assert_eq!((status.unknown.named["colour"], status.unknown.named["weight"], status.unknown.others), (2, 1, 0));
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
    assert_eq!((status.unknown.named.len(), status.unknown.total()), (100, 1_000_000));
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
async fn a_table_gets_only_so_many_columns() {
    let world = World::new(1).await;
    let evolving = with(UnknownFieldPolicy::Evolve, &[]);
    for batch in 0..6 {
        let fields: String = (0..99).map(|number| format!(r#","f{batch}_{number}":0"#)).collect();
        world.append(0, [format!(r#"{{"id":{batch}{fields}}}"#)]).await;
        world.catch_up(evolving.clone()).await;
    }
    assert_eq!(counts(&world.catch_up(evolving).await)[0], 6);
    let commits = world.commits("stream");
    let commits = commits.iter().rev().map(|commit| std::fs::read_to_string(commit).unwrap());
    let metadata = |commit: String| commit.lines().find(|line| line.contains("schemaString")).map(str::to_owned);
    let schema = commits.into_iter().find_map(metadata).unwrap();
    assert_eq!(schema.matches("pinflow.evolved").count(), 497, "500 columns, three of which the pipeline gives");
}
