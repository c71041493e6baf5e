//! Bars in the terminal.

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use pinflow_pipeline::Chart;
use serde_json::Value;

use super::Rows;
use super::table::cell;

/// The most bars that are drawn.
const MOST: usize = 30;
/// The widest label.
const LABEL: usize = 36;
/// The width where the terminal's is not known.
const WIDTH: u16 = 100;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar for each row, as `chart` says; `None` where the rows lack its columns.
pub fn bars(rows: &Rows, chart: &Chart, width: Option<u16>) -> Option<String> {
    let column = |name: &str| rows.columns.iter().position(|column| column == name);
    let (x, y) = (column(&chart.x)?, column(&chart.y)?);
    let group = match &chart.group {
        Some(group) => Some(column(group)?),
        None => None,
    };
    let label = |row: &[Value]| {
        let group = group.map(|group| format!(" · {}", cell(&row[group]))).unwrap_or_default();
        truncate_str(&(cell(&row[x]) + &group), LABEL, "…").into_owned()
    };
    let drawn: Vec<(String, String, f64)> =
        rows.rows.iter().take(MOST).map(|row| (label(row), cell(&row[y]), row[y].as_f64().unwrap_or(0.0))).collect();
    let widest =
        |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| measure_text_width(text)).max().unwrap_or(0);
    let labels = widest(&mut drawn.iter().map(|(label, ..)| label));
    let values = widest(&mut drawn.iter().map(|(_, value, _)| value));
    let room = usize::from(width.unwrap_or(WIDTH)).saturating_sub(labels + values + 3).max(10);
    let most = drawn.iter().map(|(.., value)| *value).fold(0.0, f64::max);
    let mut text = String::new();
    for (label, shown, value) in &drawn {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        let label = pad_str(label, labels, Alignment::Left, None);
        let shown = pad_str(shown, values, Alignment::Right, None);
        text.push_str(format!("{label} {shown} {}", bar(share, room)).trim_end());
        text.push('\n');
    }
    if rows.rows.len() > MOST {
        text.push_str(&format!("(the first {MOST} of {} rows)\n", rows.rows.len()));
    }
    Some(text)
}

fn bar(share: f64, room: usize) -> String {
    let eighths = (share * room as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinflow_pipeline::ChartKind;
    use serde_json::json;

    fn chart() -> Chart {
        Chart { kind: ChartKind::Bar, x: "x".to_owned(), y: "y".to_owned(), group: None }
    }

    fn rows(values: Vec<Value>) -> Rows {
        let mut rows = Rows::new(&["x", "y"]);
        rows.rows =
            values.into_iter().enumerate().map(|(index, value)| vec![json!(format!("r{index}")), value]).collect();
        rows
    }

    #[test]
    fn the_longest_bar_has_the_largest_value() {
        let text = bars(&rows(vec![json!(8), json!(4), json!(null), json!(-3)]), &chart(), Some(20));
        assert_eq!(text.as_deref(), Some("r0  8 █████████████\nr1  4 ██████▌\nr2  ∅\nr3 -3\n"));
    }

    #[test]
    fn there_are_thirty_bars_at_most_and_a_missing_column_draws_nothing() {
        let text = bars(&rows(vec![json!(1); 31]), &chart(), None).unwrap_or_default();
        assert_eq!(text.lines().count(), 31);
        assert!(text.ends_with("(the first 30 of 31 rows)\n"), "{text}");
        assert_eq!(bars(&Rows::new(&["x"]), &chart(), None), None);
    }
}
