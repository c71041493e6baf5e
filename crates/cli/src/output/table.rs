//! Tables for people: numbers to the right, nulls visible, no value able to break a line.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;

use super::{Rows, visible};

/// What stands for null; a text `null` is a text.
pub const NULL: &str = "∅";

/// The rows as a table, fitted to `width` columns where that is given.
pub fn table(rows: &Rows, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let alignments: Vec<CellAlignment> = (0..rows.columns.len()).map(|column| alignment(rows, column)).collect();
    let aligned = |texts: Vec<String>| -> Vec<Cell> {
        texts
            .into_iter()
            .zip(&alignments)
            .map(|(text, alignment)| Cell::new_owned(text).set_alignment(*alignment))
            .collect()
    };
    let types = rows.types.iter().map(|unit| format!("\n{}", visible(unit))).chain(std::iter::repeat(String::new()));
    table.set_header(aligned(rows.columns.iter().zip(types).map(|(name, unit)| visible(name) + &unit).collect()));
    for row in &rows.rows {
        table.add_row(aligned(row.iter().map(cell).collect()));
    }
    table.trim_fmt() + "\n"
}

/// A value as people read it.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::String(text) => visible(text),
        other => visible(&other.to_string()),
    }
}

fn alignment(rows: &Rows, column: usize) -> CellAlignment {
    let mut values = rows.rows.iter().map(|row| &row[column]).filter(|value| !value.is_null()).peekable();
    let is_numeric = values.peek().is_some() && values.all(Value::is_number);
    if is_numeric { CellAlignment::Right } else { CellAlignment::Left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Rows {
        let mut rows = Rows::new(&["title", "n"]);
        rows.rows =
            vec![vec![json!("a\nb"), json!(7)], vec![json!(null), json!(1234)], vec![json!("null"), json!(null)]];
        rows
    }

    #[test]
    fn numbers_stand_right_and_nothing_breaks_a_line() {
        let expected = "\
┌───────┬──────┐
│ title ┆    n │
╞═══════╪══════╡
│ a\\nb  ┆    7 │
│ ∅     ┆ 1234 │
│ null  ┆    ∅ │
└───────┴──────┘
";
        assert_eq!(table(&sample(), None), expected);
    }

    #[test]
    fn types_stand_below_the_names() {
        let mut rows = Rows::new(&["joined", "n"]);
        rows.types = vec!["timestamp, UTC".to_owned(), "bigint".to_owned()];
        rows.rows = vec![vec![json!("2016-01-01 00:00:00"), json!(7)]];
        let expected = "\
┌─────────────────────┬────────┐
│ joined              ┆      n │
│ timestamp, UTC      ┆ bigint │
╞═════════════════════╪════════╡
│ 2016-01-01 00:00:00 ┆      7 │
└─────────────────────┴────────┘
";
        assert_eq!(table(&rows, None), expected);
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let mut rows = Rows::new(&["text", "n"]);
        rows.rows = vec![vec![json!("long ".repeat(50)), json!(1)]];
        let text = table(&rows, Some(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }
}
