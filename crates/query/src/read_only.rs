//! Lets through what only reads the tables: `SELECT`, `EXPLAIN`, `SHOW TABLES`, `SHOW COLUMNS`, `DESCRIBE`.

use datafusion::logical_expr::sqlparser::ast::{Query, SetExpr, Statement};

use crate::error::QueryError;

/// Refuses every statement but those. Statements hidden in others (`EXPLAIN INSERT`, `WITH ... INSERT`) are found too.
pub(crate) fn check(statement: &Statement) -> Result<(), QueryError> {
    let reads = match statement {
        Statement::Query(query) => reads_only(query),
        Statement::Explain { statement, .. } => return check(statement),
        Statement::ExplainTable { .. } | Statement::ShowTables { .. } | Statement::ShowColumns { .. } => true,
        _ => false,
    };
    if reads { Ok(()) } else { Err(QueryError::NotReadOnly { statement: first_words(statement) }) }
}

fn reads_only(query: &Query) -> bool {
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    body_reads_only(&query.body) && with.into_iter().all(|cte| reads_only(&cte.query))
}

fn body_reads_only(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(query) => reads_only(query),
        SetExpr::SetOperation { left, right, .. } => body_reads_only(left) && body_reads_only(right),
        SetExpr::Values(_) | SetExpr::Table(_) => true,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
    }
}

fn first_words(statement: &Statement) -> String {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    words.join(" ")
}
