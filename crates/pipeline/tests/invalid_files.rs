//! What is said about invalid SQL files and tests.
#![allow(clippy::unwrap_used)]

mod folder;

use folder::{PipelineFolder, problems_after};

#[test]
fn headers_that_cannot_be() {
    let file = "queries/turnover.sql";
    for (from, to, expected) in [
        ("-- title", "-- titel", "queries/turnover.sql:1: unknown key `titel`\n  hint: did you mean `title`?"),
        ("order: 1", "order: first", "queries/turnover.sql:3: `order` must be a whole number from 0, not `first`"),
        ("bar x", "bars x", "queries/turnover.sql:2: unknown form of chart `bars`\n  hint: did you mean `bar`?"),
        ("bar x=item ", "bar ", "queries/turnover.sql:2: chart: `x` is missing\n  hint: add `x=COLUMN`"),
        (
            "y=turnover",
            "y=",
            "queries/turnover.sql:2: chart: `y` is missing\n  hint: add `y=COLUMN`\nqueries/turnover.sql:2: chart: `y` must name one column",
        ),
        (
            "y=turnover",
            "y=turnover z=a",
            "queries/turnover.sql:2: chart: unknown key `z`\n  hint: write a chart as `bar x=COLUMN y=COLUMN group=COLUMN`, `group` only where needed",
        ),
    ] {
        assert_eq!(problems_after(file, from, to), expected);
    }
}

#[test]
fn sql_files_that_hold_no_sql() {
    let folder = PipelineFolder::valid();
    folder.write("streams/visits.sql", "-- nothing yet\n/* really */\n");
    folder.write("queries/a_last.sql", b"SELECT 1\n, '\xff'");
    folder.write("queries/Upper.sql", "SELECT 1");
    let problems = folder.problems();
    assert!(problems.contains("streams/visits.sql: the file holds no SQL"), "{problems}");
    assert!(problems.contains("queries/a_last.sql:2: the text is not UTF-8"), "{problems}");
    assert!(problems.contains("queries/Upper.sql: query `Upper`: the name is not allowed"), "{problems}");
}

#[test]
fn tests_that_cannot_be() {
    let file = "tests/orders.yaml";
    for (from, to, expected) in [
        (
            "stream: orders",
            "stream: order",
            "tests/orders.yaml:3: test `prices`: unknown stream `order`\n  hint: did you mean `orders`?",
        ),
        (
            "- {raw: \"not json\"}",
            "- not json",
            "tests/orders.yaml:6: test `prices`: an event must be a mapping, not text\n  hint: write bytes that are no JSON object as `{raw: \"...\"}` or `{base64: \"...\"}`",
        ),
        (
            "event: 2",
            "event: 3",
            "tests/orders.yaml:9: test `prices`: a dead letter: there is no event 3, only 3 events\n  hint: events are counted from 0",
        ),
        (
            "    turnover: [",
            "    turnovr: [",
            "tests/orders.yaml:17: test `both`: unknown query `turnovr`\n  hint: did you mean `turnover`?",
        ),
        (
            "name: both",
            "name: prices",
            "tests/orders.yaml:10: test `prices` stands here and on line 2\n  hint: give it another name",
        ),
        (
            "rows: [{id: 1, price: 1.5}]",
            "rows: [1]",
            "tests/orders.yaml:8: test `prices`: `rows`: a row must be a mapping, not a number",
        ),
        (
            "  stream: orders\n",
            "",
            "tests/orders.yaml:2: test `prices` needs either `stream` or `streams`\n  hint: write `stream: NAME` with `events:` beside it, or `streams:` with the names below it",
        ),
    ] {
        assert_eq!(problems_after(file, from, to), expected);
    }
    let base64 = problems_after(file, "Yf8=", "Yf8");
    assert!(base64.starts_with("tests/orders.yaml:7: test `prices`: this is not base64: "), "{base64}");
    let repeated = problems_after(file, "item: tea,", "item: tea, item: cake,");
    assert!(repeated.contains("`item` stands here and on line 5"), "{repeated}");
    let broken = problems_after(file, "- name: both", "- name: [both");
    assert!(broken.starts_with("tests/orders.yaml:") && broken.contains("this is not YAML"), "{broken}");
}
