//! Rows as CSV (RFC 4180): a header line, CRLF, quotes where they are needed, nothing for null.

use serde_json::Value;

use crate::view::QueryResult;

/// The whole result as one text. An array or object is written as its JSON.
pub(crate) fn to_csv(result: &QueryResult) -> String {
    let mut text = String::new();
    line(&mut text, result.columns.iter().map(|column| column.name.clone()));
    for row in &result.rows {
        line(&mut text, row.iter().map(cell));
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(text: &mut String, fields: impl Iterator<Item = String>) {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&field.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&field);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Column;
    use serde_json::json;

    #[test]
    fn quotes_what_would_break_a_line_and_leaves_the_rest() {
        let column = |name: &str| Column { name: name.to_owned(), kind: "string".to_owned() };
        let result = QueryResult {
            columns: vec![column("plain"), column("a,b")],
            rows: vec![
                vec![json!("x"), json!("say \"hi\"")],
                vec![json!(null), json!("two\nlines")],
                vec![json!(60_900_000), json!([1.5, null])],
            ],
            truncated: false,
            elapsed_ms: 0,
        };
        let expected = "plain,\"a,b\"\r\nx,\"say \"\"hi\"\"\"\r\n,\"two\nlines\"\r\n60900000,\"[1.5,null]\"\r\n";
        assert_eq!(to_csv(&result), expected);
    }
}
