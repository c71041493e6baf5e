//! Rows of values, written as a table for people, or as JSON or CSV for programs.

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::table::table;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// A list of objects.
    Json,
    /// With a header line, by RFC 4180; an empty field is null, `""` an empty text.
    Csv,
}

/// Rows of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The types of the columns, in SQL; a table for people shows them where they are known.
    pub types: Vec<String>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// No rows yet.
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|column| (*column).to_owned()).collect(), ..Self::default() }
    }

    /// The same rows, `limit` at most.
    pub fn first(&self, limit: usize) -> Self {
        Self {
            rows: self.rows.iter().take(limit).cloned().collect(),
            columns: self.columns.clone(),
            types: self.types.clone(),
        }
    }

    /// The rows as text; a table is fitted to `width` columns where that is given.
    pub fn text(&self, format: Format, width: Option<u16>) -> String {
        match format {
            Format::Table => table(self, width),
            Format::Json => self.json(),
            Format::Csv => self.csv(),
        }
    }

    fn json(&self) -> String {
        let names = unique(&self.columns);
        let mut text = "[".to_owned();
        for (index, row) in self.rows.iter().enumerate() {
            let object: Map<String, Value> = names.iter().cloned().zip(row.iter().cloned()).collect();
            text.push_str(if index == 0 { "\n  " } else { ",\n  " });
            text.push_str(&Value::Object(object).to_string());
        }
        text.push_str(if self.rows.is_empty() { "]\n" } else { "\n]\n" });
        text
    }

    fn csv(&self) -> String {
        let mut text = String::new();
        push_line(&mut text, self.columns.iter().map(|column| quoted(column)));
        for row in &self.rows {
            push_line(
                &mut text,
                row.iter().map(|value| match value {
                    Value::Null => String::new(),
                    Value::String(value) => quoted(value),
                    other => quoted(&other.to_string()),
                }),
            );
        }
        text
    }
}

/// The names, each once: a second `a` is `a_2`.
fn unique(names: &[String]) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|candidate| !taken.contains(candidate));
        taken.push(free.expect("there is always a further number"));
    }
    taken
}

fn push_line(text: &mut String, fields: impl Iterator<Item = String>) {
    let fields: Vec<String> = fields.collect();
    text.push_str(&fields.join(","));
    text.push('\n');
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Rows {
        let mut rows = Rows::new(&["name", "n"]);
        rows.rows =
            vec![vec![json!("a,\"b\""), json!(1)], vec![json!(""), json!(null)], vec![json!("x\ny"), json!([1, 2])]];
        rows
    }

    #[test]
    fn csv_quotes_what_would_break_a_line_and_tells_null_from_empty() {
        assert_eq!(sample().text(Format::Csv, None), "name,n\n\"a,\"\"b\"\"\",1\n\"\",\n\"x\ny\",\"[1,2]\"\n");
    }

    #[test]
    fn json_is_a_list_of_objects() {
        let text = sample().text(Format::Json, None);
        let parsed: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(parsed[1], json!({"name": "", "n": null}));
        assert_eq!(Rows::new(&["a"]).text(Format::Json, None), "[]\n");
    }

    #[test]
    fn columns_of_one_name_are_all_kept() {
        let mut rows = Rows::new(&["a", "a", "a_2"]);
        rows.rows = vec![vec![json!(1), json!(2), json!(3)]];
        assert_eq!(rows.text(Format::Json, None), "[\n  {\"a\":1,\"a_2\":2,\"a_2_2\":3}\n]\n");
    }
}
