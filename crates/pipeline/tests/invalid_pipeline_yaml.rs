//! What is said about an invalid `pipeline.yaml`: file, line, thing, hint; and all of it at once.
#![allow(clippy::unwrap_used)]

mod folder;

use folder::{PIPELINE, PipelineFolder, problems_after};
use pinflow_pipeline::{Overrides, PipelineError};

/// Each of `pipeline.yaml`: what is replaced, by what, and what is printed then.
fn check(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        assert_eq!(problems_after("pipeline.yaml", from, to), *expected, "`{from}` replaced by `{to}`");
    }
}

#[test]
fn the_valid_folder_is_valid() {
    assert_eq!(PipelineFolder::valid().problems(), "");
}

#[test]
fn keys_that_nobody_knows() {
    check(&[
        (
            "queries: queries",
            "querys: queries",
            "pipeline.yaml:19: the pipeline: unknown key `querys`\n  hint: did you mean `queries`?",
        ),
        (
            "    key: id\n",
            "    keys: id\n",
            "pipeline.yaml:7: stream `orders`: unknown key `keys`\n  hint: did you mean `key`?",
        ),
        (
            "table: \"${shop}_orders\"",
            "tabel: x",
            "pipeline.yaml:6: stream `orders`: `stream`: unknown key `tabel`\n  hint: did you mean `table`?",
        ),
        (
            "required: true",
            "requried: true",
            "pipeline.yaml:9: stream `orders`: `schema`: field `id`: unknown key `requried`\n  hint: did you mean `required`?",
        ),
        (
            "    retries: 2",
            "    attempts: 2",
            "pipeline.yaml:23: job `nightly`: unknown key `attempts`\n  hint: known here: `schedule`, `retries`, `retry_delay`, `tasks`",
        ),
    ]);
}

#[test]
fn windows_and_policies_that_cannot_be() {
    check(&[
        (
            "    key: id\n",
            "    key: {column: id, within: soon}\n",
            "pipeline.yaml:7: stream `orders`: `key`: `within` must be a duration of a minute or more, not `soon`\n  hint: write a number with a unit: `500ms`, `30s`, `2m`, `1h30m`, `7d`",
        ),
        ("    key: id\n", "    key: {within: 7d}\n", "pipeline.yaml:7: stream `orders`: `key`: `column` is missing"),
        (
            "    key: id\n",
            "    key: id\n    unknown_fields: evolv\n",
            "pipeline.yaml:8: stream `orders`: `unknown_fields`: unknown policy `evolv`\n  hint: did you mean `evolve`?",
        ),
        (
            "    key: id\n",
            "    key: id\n    unknown_fields: {item: dead}\n",
            "pipeline.yaml:8: stream `orders`: `unknown_fields`: `item` is in the schema\n  hint: remove it here, or there",
        ),
    ]);
}

#[test]
fn what_is_missing() {
    check(&[
        ("name: shop\n", "", "pipeline.yaml:1: the pipeline: `name` is missing"),
        ("    clean: streams/visits.sql\n", "", "pipeline.yaml:14: stream `visits`: `clean` is missing"),
        ("    schema: {page: string}\n", "", "pipeline.yaml:14: stream `visits`: `schema` is missing"),
        ("    batch: {topic: \"${shop}.visits\"}\n", "", "pipeline.yaml:14: stream `visits`: `batch` is missing"),
        (
            "key: id",
            "key:",
            "pipeline.yaml:7: stream `orders`: `key` is empty\n  hint: leave `key` out for a stream that keeps every row",
        ),
        (
            "clean: streams/visits.sql",
            "clean: streams/visit.sql",
            "pipeline.yaml:18: there is no file `streams/visit.sql`\n  hint: did you mean `streams/visits.sql`?",
        ),
        (
            "queries: queries/*.sql",
            "queries: sql/*.sql",
            "pipeline.yaml:19: `queries`: there is no file `sql/*.sql`\npipeline.yaml:27: job `nightly`: `query: \"*\"` fits no query\npipeline.yaml:29: job `nightly`: `after` names the unknown task `query.*`\n  hint: known here: `clean.orders`, `clean.visits`, `reconcile.orders`\ntests/orders.yaml:17: test `both`: unknown query `turnover`",
        ),
    ]);
    let empty = PipelineFolder::empty().problems();
    assert!(empty.starts_with("pipeline.yaml: there is no such file in "), "{empty}");
    assert!(empty.ends_with("\n  hint: `pinflow init` writes a pipeline to begin with"), "{empty}");
}

#[test]
fn values_of_the_wrong_kind() {
    check(&[
        (
            "name: shop",
            "name: 7",
            "pipeline.yaml:1: the pipeline: `name` must be text, not a number\n  hint: put it in quotes",
        ),
        (
            "name: shop",
            "name: my shop",
            "pipeline.yaml:1: `my shop` is no name of a pipeline\n  hint: use letters, digits, `_` and `-`",
        ),
        (
            "schema: {page: string}",
            "schema: [page]",
            "pipeline.yaml:17: stream `visits`: `schema` must be a mapping, not a list",
        ),
        ("schema: {page: string}", "schema: {}", "pipeline.yaml:17: stream `visits`: `schema` has no fields"),
        (
            "required: true",
            "required: 1",
            "pipeline.yaml:9: stream `orders`: `schema`: field `id`: `required` must be `true` or `false`, not a number",
        ),
        ("retries: 2", "retries: -2", "pipeline.yaml:23: job `nightly`: `retries` must be a whole number from 0"),
        ("{shop: main}", "{shop: [a]}", "pipeline.yaml:2: variable `shop` must be text, not a list"),
    ]);
}

#[test]
fn types_that_nobody_knows() {
    check(&[
        (
            "gift: boolean",
            "gift: bool",
            "pipeline.yaml:12: stream `orders`: `schema`: field `gift`: unknown type `bool`\n  hint: did you mean `boolean`?",
        ),
        (
            "item: string",
            "item: strng",
            "pipeline.yaml:10: stream `orders`: `schema`: field `item`: unknown type `strng`\n  hint: did you mean `string`?",
        ),
        (
            "{type: bigint, r",
            "{type: int, r",
            "pipeline.yaml:9: stream `orders`: `schema`: field `id`: unknown type `int`\n  hint: did you mean `bigint`?",
        ),
        (
            "wrong_type: \"null\"",
            "wrong_type: nul",
            "pipeline.yaml:11: stream `orders`: `schema`: field `price`: unknown `wrong_type` `nul`\n  hint: did you mean `null`?",
        ),
    ]);
    let time = problems_after("pipeline.yaml", "item: string", "item: timestamp");
    assert!(time.contains("hint: take it as `string` and read it with `try_to_timestamp(...)`"), "{time}");
}

#[test]
fn names_and_paths_that_cannot_be() {
    check(&[
        (
            "topic: \"${shop}.visits\"",
            "topic: \"a/b\"",
            "pipeline.yaml:15: stream `visits`: `batch`: `a/b` is no topic name: it may hold ASCII letters, digits, `.`, `_` and `-` only",
        ),
        (
            "table: \"${shop}_orders\"",
            "table: \"../x\"",
            "pipeline.yaml:6: stream `orders`: `stream`: `../x` is no name of a table\n  hint: a table is a folder: use letters, digits, `_` and `-`",
        ),
        (
            "clean: streams/visits.sql",
            "clean: ../visits.sql",
            "pipeline.yaml:18: `../visits.sql` is outside of the pipeline folder\n  hint: write the path relative to the pipeline folder, as in `streams/pin.sql`",
        ),
        (
            "  nightly:",
            "  every night:",
            "pipeline.yaml:21: job `every night`: the name is not allowed\n  hint: use letters, digits, `_` and `-`",
        ),
    ]);
    let folder = PipelineFolder::valid();
    folder.replace("pipeline.yaml", "  visits:\n", "  Visits:\n");
    let problems = folder.problems();
    assert!(problems.contains("pipeline.yaml:14: stream `Visits`: the name is not allowed"), "{problems}");
    assert!(problems.contains("tests/orders.yaml:12: test `both`: stream `visits`: unknown stream `visits`\n  hint: did you mean `Visits`?"), "{problems}");
}

#[test]
fn what_must_be_unique() {
    check(&[
        (
            "topic: \"${shop}.visits\"",
            "topic: main.orders",
            "pipeline.yaml:15: streams `orders` and `visits` both read topic `main.orders` on the batch lane (the first on line 5)\n  hint: give one of them another `topic`",
        ),
        (
            "{topic: \"live-${shop}-visits\"}",
            "{topic: v, table: MAIN_orders}",
            "pipeline.yaml:16: streams `orders` and `visits` both write table `MAIN_orders` on the stream lane (the first on line 6)\n  hint: give one of them another `table`",
        ),
        (
            "schema: {page: string}",
            "schema: {page: string, Page: string}",
            "pipeline.yaml:17: stream `visits`: `schema`: `page` and `Page` are one column in SQL\n  hint: keep one of them",
        ),
        (
            "schema: {page: string}",
            "schema: {page: string, page: string}",
            "pipeline.yaml:17: stream `visits`: `schema`: `page` stands here and on line 17\n  hint: keep one of them",
        ),
        (
            "      - clean: \"*\"\n",
            "      - clean: \"*\"\n      - clean: visits\n",
            "pipeline.yaml:27: job `nightly`: task `clean.visits` stands here and on line 26\n  hint: keep one of them",
        ),
        (
            "jobs:\n",
            "jobs:\n  nightly: {tasks: [{clean: orders}]}\n",
            "pipeline.yaml:22: `jobs`: `nightly` stands here and on line 21\n  hint: keep one of them",
        ),
    ]);
    let folder = PipelineFolder::valid();
    folder.replace("pipeline.yaml", "queries: queries/*.sql", "queries: [queries/*.sql, more/*.sql]");
    folder.write("more/turnover.sql", "SELECT 1");
    assert!(folder.problems().contains("more/turnover.sql: there are two queries `turnover`"), "{}", folder.problems());
}

#[test]
fn the_same_topic_may_feed_both_lanes() {
    assert_eq!(problems_after("pipeline.yaml", "topic: \"live-${shop}-visits\"", "topic: \"${shop}.visits\""), "");
}

#[test]
fn variables_that_nobody_knows() {
    let unknown = problems_after("pipeline.yaml", "\"${shop}.visits\"", "\"v${shpo}.visits\"");
    assert_eq!(unknown, "pipeline.yaml:15: unknown variable `shpo`\n  hint: did you mean `shop`?");
    let in_sql = problems_after("streams/visits.sql", "page FROM", "page,\n '${country}' FROM");
    assert_eq!(in_sql, "streams/visits.sql:2: unknown variable `country`\n  hint: known here: `shop`");
    let folder = PipelineFolder::valid();
    let set = [("shpo".to_owned(), "x".to_owned())].into();
    let error = folder.load_with(&Overrides { set, ..Overrides::default() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pipeline.yaml: `--set shpo=...`: the pipeline has no such variable\n  hint: did you mean `shop`?"
    );
}

#[test]
fn tasks_that_cannot_be() {
    check(&[
        (
            "reconcile: orders",
            "reconcile: order",
            "pipeline.yaml:28: job `nightly`: unknown stream `order`\n  hint: did you mean `orders`?",
        ),
        (
            "query: \"*\"",
            "query: turnovers",
            "pipeline.yaml:27: job `nightly`: unknown query `turnovers`\n  hint: did you mean `turnover`?\npipeline.yaml:29: job `nightly`: `after` names the unknown task `query.*`\n  hint: known here: `clean.orders`, `clean.visits`, `reconcile.orders`",
        ),
        (
            "[query.*]",
            "[query.turnovr]",
            "pipeline.yaml:29: job `nightly`: `after` names the unknown task `query.turnovr`\n  hint: did you mean `query.turnover`?",
        ),
        (
            "clean: \"*\"",
            "clean: \"*\"\n        after: [reconcile.orders]",
            "pipeline.yaml:26: job `nightly`: tasks wait for each other: `clean.orders` waits for `reconcile.orders` waits for `query.turnover` waits for `clean.orders`\n  hint: take one of them out of an `after`",
        ),
        (
            "[query.*]",
            "[reconcile.orders]",
            "pipeline.yaml:28: job `nightly`: tasks wait for each other: `reconcile.orders` waits for `reconcile.orders`\n  hint: take one of them out of an `after`",
        ),
    ]);
    let nothing = problems_after("pipeline.yaml", "query: \"*\"", "ask: \"*\"");
    assert!(nothing.contains("pipeline.yaml:27: job `nightly`: a task must do one thing"), "{nothing}");
    let two = problems_after("pipeline.yaml", "query: \"*\"", "query: \"*\"\n        clean: orders");
    assert!(two.contains("pipeline.yaml:27: job `nightly`: a task must do one thing"), "{two}");
}

#[test]
fn times_that_cannot_be() {
    let duration = problems_after("pipeline.yaml", "1m30s", "90");
    assert!(
        duration.starts_with("pipeline.yaml:24: job `nightly`: `retry_delay` must be text, not a number"),
        "{duration}"
    );
    let duration = problems_after("pipeline.yaml", "1m30s", "2min");
    assert!(
        duration.starts_with("pipeline.yaml:24: job `nightly`: `2min` is no duration\n  hint: write a number"),
        "{duration}"
    );
    let schedule = problems_after("pipeline.yaml", "@daily", "@dayly");
    assert!(
        schedule.starts_with("pipeline.yaml:22: job `nightly`: `@dayly` is no schedule\n  hint: write `@hourly`"),
        "{schedule}"
    );
}

#[test]
fn broken_yaml_is_told_with_its_line() {
    let problems = problems_after("pipeline.yaml", "queries: queries/*.sql", "queries: [queries/*.sql");
    assert!(problems.starts_with("pipeline.yaml:2"), "{problems}");
    assert!(problems.contains("this is not YAML"), "{problems}");
    for text in ["", "- a", "just text", "\u{0}", "a: *x", "{{{{"] {
        let folder = PipelineFolder::empty();
        folder.write("pipeline.yaml", text);
        assert!(!folder.problems().is_empty(), "{text:?} was taken");
    }
}

#[test]
fn everything_is_told_at_once_and_sorted() {
    let folder = PipelineFolder::valid();
    folder.replace("pipeline.yaml", "queries: queries/*.sql", "extra: 1");
    folder.replace("pipeline.yaml", "key: id", "kee: id");
    folder.replace("pipeline.yaml", "1m30s", "soon");
    folder.replace("pipeline.yaml", "page: string", "page: text");
    folder.remove("streams/orders.sql");
    folder.write("queries/turnover.sql", "-- order: x\nSELECT 1");
    folder.replace("tests/orders.yaml", "event: 2", "event: 9");
    let Err(PipelineError::Invalid(problems)) = folder.load() else { panic!() };
    let places: Vec<_> = problems.as_slice().iter().map(|p| (p.file.to_str().unwrap(), p.line)).collect();
    let expected = [
        ("pipeline.yaml", Some(7)),
        ("pipeline.yaml", Some(13)),
        ("pipeline.yaml", Some(17)),
        ("pipeline.yaml", Some(19)),
        ("pipeline.yaml", Some(24)),
        ("queries/turnover.sql", Some(1)),
        ("tests/orders.yaml", Some(9)),
    ];
    assert_eq!(places, expected);
}

/// Each line of a valid file left out, cut in two, or doubled: the answer is a pipeline or problems with that file's
/// name, never a panic.
#[test]
fn no_damage_panics() {
    let lines: Vec<_> = PIPELINE.lines().collect();
    for number in 0..lines.len() {
        let (before, line, rest) = (&lines[..number], lines[number], &lines[number + 1..]);
        let cut = &line[..line.len() / 2];
        for damaged in [vec![], vec![cut], vec![line, line], vec![line, "  - x: ${"]] {
            let folder = PipelineFolder::valid();
            folder.write("pipeline.yaml", [before, &damaged[..], rest].concat().join("\n"));
            if let Err(error) = folder.load() {
                assert!(!error.problems().is_empty(), "line {number}: {damaged:?}");
            }
        }
    }
}
