//! Invented answers in all the forms that a picture takes, with nulls, markup and long lists in them.

use pinflow_dashboard::view::{AnswerView, ChartKind, ChartView, Column};
use serde_json::{Value, json};

const GROUPS: [&str; 5] = ["18-24", "25-35", "36-50", "51+", "Unknown"];
const GOODS: [&str; 6] = ["event-planning", "home-decor", "diy-and-crafts", "vehicles", "beauty", "mens-fashion"];

/// All answers, as of `time_ms`.
pub fn all(time_ms: i64) -> Vec<AnswerView> {
    use ChartKind::{Bar, Line};
    let answer =
        |name: &str, title: &str, chart: Option<(ChartKind, Option<&str>)>, columns: &[&str], rows: Vec<Vec<Value>>| {
            let kind = |name: &&str| Column { name: (*name).to_owned(), kind: "string".to_owned() };
            AnswerView {
                name: name.to_owned(),
                title: title.to_owned(),
                chart: chart.map(|(kind, group)| ChartView {
                    kind,
                    x: columns[0].to_owned(),
                    y: columns[columns.len() - 1].to_owned(),
                    group: group.map(str::to_owned),
                }),
                columns: columns.iter().map(kind).collect(),
                total_rows: rows.len() as u64,
                rows,
                run_id: Some("nightly-1".to_owned()),
                run_time_ms: Some(time_ms),
                elapsed_ms: Some(38 + title.len() as u64),
            }
        };
    vec![
        answer(
            "best_by_country",
            "The most popular category in each country",
            Some((Bar, Some("category"))),
            &["country", "category", "orders"],
            countries(),
        ),
        answer(
            "best_by_year",
            "The most popular category in each year",
            Some((Bar, Some("category"))),
            &["year", "category", "orders"],
            (2018..=2022).map(|y| vec![json!(y), json!(GOODS[y as usize % 6]), json!(33 + y % 7 * 4)]).collect(),
        ),
        answer(
            "top_buyer",
            "<b>NEW</b> The buyer with most \"followers\" 🎉 in each country",
            Some((Bar, Some("name"))),
            &["country", "name", "followers"],
            buyers(),
        ),
        answer(
            "top_of_all",
            "The country of the buyer with most followers",
            None,
            &["country", "name", "followers"],
            vec![vec![json!("Estonia"), json!("Michael & Jackson <Co.>"), json!(60_900_000)]],
        ),
        answer(
            "best_by_age",
            "The most popular category of each age group",
            Some((Bar, Some("category"))),
            &["age_group", "category", "orders"],
            GROUPS
                .iter()
                .zip([120, 105, 46, 16, 1])
                .map(|(g, n)| vec![json!(g), json!(GOODS[n % 6]), json!(n)])
                .collect(),
        ),
        answer(
            "median_by_age",
            "The median of followers in each age group",
            Some((Bar, None)),
            &["age_group", "median"],
            GROUPS
                .iter()
                .zip([json!(5_000), json!(5_400), json!(5_500), json!(null), json!(5_900)])
                .map(|(g, n)| vec![json!(g), n])
                .collect(),
        ),
        answer(
            "joined",
            "How many users joined in each year",
            Some((Bar, None)),
            &["year", "users"],
            [591, 582, 611, 134, 124, 111].iter().zip(2015..).map(|(n, y)| vec![json!(y), json!(n)]).collect(),
        ),
        answer(
            "median_by_year",
            "The median of followers by the year of joining",
            Some((Line, None)),
            &["year", "median"],
            [5_000, 5_300, 7_000, 4_700, 5_000, 5_000]
                .iter()
                .zip(2015..)
                .map(|(n, y)| vec![json!(y), json!(n)])
                .collect(),
        ),
        answer(
            "stock",
            "The median of followers by the year of joining and age group",
            Some((Bar, Some("age_group"))),
            &["year", "age_group", "median"],
            (2015..=2020)
                .flat_map(|y| {
                    GROUPS.iter().enumerate().map(move |(i, g)| {
                        vec![
                            json!(y),
                            json!(g),
                            if (y + i as i64) % 9 == 0 {
                                json!(null)
                            } else {
                                json!(1_000 + (y * 37 + i as i64 * 911) % 6_100)
                            },
                        ]
                    })
                })
                .collect(),
        ),
    ]
}

fn countries() -> Vec<Vec<Value>> {
    let mut rows: Vec<Vec<Value>> = (0..130_usize)
        .map(|i| vec![json!(format!("Country {i:03}")), json!(GOODS[i * 5 % 6]), json!(3 + i * i % 47)])
        .collect();
    rows[3][0] = json!("Antarctica (the territory South of 60 deg S)");
    rows[3][2] = json!(61);
    rows[7] = vec![json!(null), json!("<script>alert(1)</script>"), json!(55)];
    rows
}

fn buyers() -> Vec<Vec<Value>> {
    let names =
        ["Alice Brown", "José Anderson", "MaríaEvans | Lifestyle Blog", "李小龙", "O'Neil \"the\" <i>Great</i>"];
    (0..70_usize)
        .map(|i| vec![json!(format!("Country {i:03}")), json!(names[i % 5]), json!(1_000 * (7 + i * i * i % 9_001))])
        .collect()
}
