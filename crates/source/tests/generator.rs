//! The rows that the built-in pipeline's `source.yaml` makes, and what is refused in a `source.yaml`.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use pinflow_pipeline::TextFile;
use pinflow_source::{Generator, SourceSpec, Value};

/// All rows of a table, as text by column.
struct Columns(BTreeMap<String, Vec<Value>>);

impl Columns {
    fn of(table: &str) -> Self {
        let spec = fixture::pinterest();
        let generator = Generator::new(&spec, 7);
        let index = spec.tables.iter().position(|known| known.name == table).unwrap();
        let mut columns = BTreeMap::new();
        for number in 0..spec.rows {
            for (column, value) in spec.tables[index].columns.iter().zip(generator.row(number).swap_remove(index)) {
                columns.entry(column.name.clone()).or_insert_with(Vec::new).push(value);
            }
        }
        Self(columns)
    }

    fn texts(&self, column: &str) -> Vec<String> {
        self.0[column].iter().map(|value| value.text().into_owned()).collect()
    }

    fn share(&self, column: &str, is: impl Fn(&str) -> bool) -> f64 {
        let texts = self.texts(column);
        texts.iter().filter(|text| is(text)).count() as f64 / texts.len() as f64
    }

    fn counts(&self, column: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for text in self.texts(column) {
            *counts.entry(text).or_default() += 1;
        }
        counts
    }
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_one_others() {
    let spec = fixture::pinterest();
    let rows =
        |seed, numbers: &[u64]| -> Vec<_> { numbers.iter().map(|n| Generator::new(&spec, seed).row(*n)).collect() };
    assert_eq!(rows(7, &[5, 900]), rows(7, &[5, 900]));
    let mut backwards = rows(7, &[900, 5]);
    backwards.reverse();
    assert_eq!(backwards, rows(7, &[5, 900]), "a row does not depend on those made before");
    assert_ne!(rows(7, &[5]), rows(8, &[5]));
}

#[test]
fn row_5_of_seed_7_is_pinned() {
    // Another machine, platform or release must make this very row; a change here changes every user's data.
    let spec = fixture::pinterest();
    let row = Generator::new(&spec, 7).row(5);
    let events: Vec<String> = spec.tables.iter().zip(&row).map(|(t, r)| fixture::event_of(t, r).to_string()).collect();
    assert_eq!(events, include_str!("row_5_of_seed_7.ndjson").lines().collect::<Vec<_>>());
}

#[test]
fn pins_have_the_quirks_of_the_original() {
    let pins = Columns::of("pinterest_data");
    let stories = pins.share("is_image_or_video", |text| text == "multi-video(story page format)");
    assert!((0.07..0.09).contains(&stories), "{stories} are whole-row placeholders");
    for (column, placeholder) in [
        ("title", "No Title Data Available"),
        ("description", "No description available Story format"),
        ("poster_name", "User Info Error"),
        ("follower_count", "User Info Error"),
        ("tag_list", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"),
        ("image_src", "Image src error."),
    ] {
        let share = pins.share(column, |text| text == placeholder);
        assert!(share >= stories && share < stories + 0.04, "{column}: {share}");
        assert!(pins.share(column, str::is_empty) > 0.0, "{column} is empty nowhere");
    }
    let followers = pins.counts("follower_count");
    for quirk in ["12,345", "12.5", "n/a", " 77", "-5", "User Info Error", ""] {
        assert!(followers.contains_key(quirk), "{quirk:?} is missing");
    }
    let shaped = |suffix: &str, dot: bool| {
        followers.keys().any(|text| {
            let number = text.strip_suffix(suffix).unwrap_or_default();
            number.contains('.') == dot && number.parse::<f64>().is_ok()
        })
    };
    assert!(shaped("k", false) && shaped("k", true) && shaped("M", false) && shaped("M", true) && shaped("", false));
    let all = pins.texts("title").concat() + &pins.texts("description").concat();
    for quirk in ["\n", "\t", "\"", "\\", "'", "é", "日本の", "🎄", "Ёлка", "<b>"] {
        assert!(all.contains(quirk), "{quirk:?} is missing");
    }
    let categories = pins.counts("category");
    assert_eq!(categories.len(), 13);
    let in_category = pins.texts("save_location").into_iter().zip(pins.texts("category"));
    assert!(in_category.clone().all(|(location, category)| location == format!("Local save in /data/{category}")));
    let ids: BTreeSet<String> = pins.texts("unique_id").into_iter().collect();
    assert_eq!(ids.len(), 11_000);
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'), "version 4 UUIDs");
}

#[test]
fn places_and_users_are_skewed_and_in_range() {
    let places = Columns::of("geolocation_data");
    let countries = places.counts("country");
    assert!(countries.len() > 180, "{} countries", countries.len());
    assert!(countries["Afghanistan"] > 10 * countries["Zimbabwe"], "countries are skewed");
    assert!((1..30).contains(&countries[""]), "a few countries are null");
    let times = places.texts("timestamp");
    for year in 2017..=2022 {
        assert!(times.iter().any(|time| time.starts_with(&year.to_string())));
    }
    assert!(times.iter().all(|time| ("2017".."2023").contains(&&time[..4])));
    assert!(places.texts("latitude").iter().all(|text| text.parse::<f64>().unwrap().abs() <= 90.0));
    assert!(places.texts("longitude").iter().any(|text| text.parse::<f64>().unwrap().abs() > 90.0));

    let users = Columns::of("user_data");
    let ages: Vec<i64> = users.texts("age").iter().map(|text| text.parse().unwrap()).collect();
    assert!(ages.iter().all(|age| (17..=60).contains(age)) && ages.contains(&17) && ages.contains(&60));
    let young = ages.iter().filter(|age| **age < 25).count();
    assert!((4_700..5_700).contains(&young), "{young} are under 25");
    let joined = users.counts("date_joined").into_keys().map(|time| time[..4].to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(joined, (2015..=2021).map(|year| year.to_string()).collect());
    assert!(users.0["first_name"].contains(&Value::Null), "a few names are null");
}

#[test]
fn the_tables_are_linked_row_by_row() {
    let spec = fixture::pinterest();
    for number in [0, 1, 10_999] {
        for (table, row) in spec.tables.iter().zip(Generator::new(&spec, 7).row(number)) {
            let link = table.columns.iter().position(|column| column.name == table.link).unwrap();
            assert_eq!(row[link], Value::Int(number as i64));
        }
    }
}

#[test]
fn every_country_has_a_favourite_category() {
    let (pins, places) = (Columns::of("pinterest_data"), Columns::of("geolocation_data"));
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for pair in places.texts("country").into_iter().zip(pins.texts("category")) {
        *counts.entry(pair).or_default() += 1;
    }
    let of_country = |country: &str| {
        let counts = counts.iter().filter(|((known, _), _)| known == country).map(|(_, count)| *count);
        counts.collect::<Vec<_>>()
    };
    let counts = of_country("Afghanistan");
    let (most, all) = (counts.iter().max().unwrap(), counts.iter().sum::<usize>());
    assert!(most * 13 > all * 3 / 2, "the favourite of {all} has {most}, an even share were {}", all / 13);
}

#[test]
fn what_is_wrong_is_refused_with_its_line_and_a_hint() {
    let cases = [
        ("rows: 1\ntables: {}\n", 1, "`tables` is empty"),
        ("rows: 1\nrowz: 2\ntables: {}\n", 2, "rowz"),
        ("rows: many\ntables: {}\n", 1, ""),
        ("rows: [\n", 0, ""),
        ("rows: 1\nlists: { a: [] }\ntables: {}\n", 2, "the list `a` is empty"),
        ("rows: 1\nlists: { a: [[1]] }\ntables: {}\n", 2, "expected a text, a number or null"),
        ("rows: 1\nlists: { a: [true] }\ntables: {}\n", 2, "the list `a` holds a boolean"),
        (
            "rows: 1\ntables:\n  t: { stream: s, link: id, columns: { x: { type: bigint, make: { sequence: 0 } } } }\n",
            3,
            "the link `id`",
        ),
        ("rows: 1\ntables:\n  t: { stream: s, link: i }\n  u: { stream: s, link: i }\n", 4, "both feed the stream `s`"),
    ];
    for (text, line, said) in cases {
        assert_refused(text, line, said);
    }
    let columns = [
        ("type: number, make: uuid", "number"),
        ("type: text, make: { nothing: 1 }", "nothing"),
        ("type: text, make: { sequence: 1 }", "column `x`: its maker makes bigint, its type is text"),
        ("type: text, make: { value: 5 }", "column `x`: `5` is no text"),
        ("type: text, make: { value: true }", "column `x`: `true` is no text"),
        ("type: datetime, make: { value: soon }", "column `x`: `soon` is no time"),
        ("type: text, make: { same: y }", "column `x`: `y` is unknown here"),
        ("type: text, make: { template: '{y}' }", "column `x`: `y` is unknown here"),
        ("type: text, make: { template: '{' }", "column `x`: a `{` without its `}`"),
        ("type: text, make: { choice: { from: y } }", "column `x`: the list `y` is unknown"),
        ("type: bigint, make: { choice: { from: words } }", "column `x`: `a` in the list `words` is no bigint"),
        ("type: text, make: { choice: { from: words, weights: [1] } }", "column `x`: 1 weights for 2 elements"),
        ("type: text, make: { choice: { from: words, weights: [1, -1] } }", "column `x`: the weight `-1` is no share"),
        ("type: text, make: { choice: { from: words, weights: [0, 0] } }", "column `x`: the sum of the weights"),
        (
            "type: text, make: { choice: { from: words, zipf: 1, weights: [1, 1] } }",
            "column `x`: both `zipf` and `weights`",
        ),
        (
            "type: text, make: { favourite: { from: words, of: word, per: 3 } }",
            "column `x`: `per` is given, and `word` is text",
        ),
        ("type: bigint, make: { integer: { from: 2, to: 1 } }", "column `x`: the range from `2` to `1` is empty"),
        ("type: bigint, make: { exponential: { from: 0, mean: 0, to: 1 } }", "column `x`: the mean `0` is not above 0"),
        ("type: double, make: { double: { from: 0, to: 1, digits: 40 } }", "column `x`: 40 digits are too many"),
        ("type: text, make: uuid, sometimes: [{ chance: 8, make: uuid }]", "column `x`: the chance `8` is no share"),
        (
            "type: text, make: uuid, sometimes: [{ chance: 0.6, make: uuid }, { chance: 0.6, make: uuid }]",
            "add up to 1.2",
        ),
        ("type: text, make: uuid, sometimes: [{ chance: 0.6, make: uuid, mkae: 1 }]", "mkae"),
    ];
    for (column, said) in columns {
        let text = format!(
            "rows: 1\nlists: {{ words: [a, b] }}\nvalues:\n  word: {{ type: text, make: {{ value: w }} }}\ntables:\n  t:\n    stream: s\n    \
             link: id\n    columns:\n      id: {{ type: bigint, make: {{ sequence: 0 }} }}\n      x: {{ {column} }}\n"
        );
        assert_refused(&text, 11, said);
    }
    let variant = "rows: 1\ntables:\n  t:\n    stream: s\n    link: id\n    variants:\n      - { chance: 0.1, set: { y: a } }\n    \
                   columns:\n      id: { type: bigint, make: { sequence: 0 } }\n";
    assert_refused(variant, 7, "unknown column `y`");
}

/// `line` 0 looks at the text alone.
fn assert_refused(text: &str, line: u64, said: &str) {
    let file = TextFile { path: "source.yaml".into(), text: text.into() };
    let error = SourceSpec::parse(&file).expect_err(text).to_string();
    assert!(error.contains(said), "{text}\n=> {error}");
    assert!(error.contains("\nhint: "), "{error}");
    if line > 0 {
        assert!(error.starts_with(&format!("source.yaml:{line}: ")), "{text}\n=> {error}");
    }
}
