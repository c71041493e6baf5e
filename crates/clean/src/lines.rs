//! Where in its SQL file a cleaning SELECT computes each column, so that a dead letter can name the line that it failed on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{Query, SelectItem, SetExpr, Spanned, Visit, Visitor};

/// The lines of a SELECT's parts, from 1.
#[derive(Debug, Default)]
pub(crate) struct SelectLines {
    /// By column in lower case. `None` where several parts compute a column of that name.
    columns: BTreeMap<String, Option<u64>>,
    /// By `WHERE`, in the order of the text.
    filters: Vec<u64>,
}

impl SelectLines {
    /// The lines of `sql`; none where it does not parse.
    pub fn of(sql: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(statement) = pinflow_dialect::parse(sql) {
            let _ = statement.visit(&mut lines);
        }
        lines
    }

    /// Where the column is computed, if that is one place.
    pub fn column(&self, name: &str) -> Option<u64> {
        self.columns.get(&name.to_lowercase()).copied().flatten()
    }

    /// Where the `WHERE` is, if there is one.
    pub fn filter(&self) -> Option<u64> {
        match self.filters[..] {
            [line] => Some(line),
            _ => None,
        }
    }
}

impl Visitor for SelectLines {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_ref() else { return ControlFlow::Continue(()) };
        for item in &select.projection {
            let name = match item {
                SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                SelectItem::UnnamedExpr(expression) => expression.to_string(),
                _ => continue,
            };
            let line = line_of(item);
            self.columns.entry(name.to_lowercase()).and_modify(|known| *known = None).or_insert(line);
        }
        self.filters.extend(select.selection.as_ref().and_then(line_of));
        ControlFlow::Continue(())
    }
}

fn line_of(part: &impl Spanned) -> Option<u64> {
    // The parser puts 0 where it does not know.
    Some(part.span().start.line).filter(|line| *line > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_the_line_that_computes_it() {
        let lines = SelectLines::of(
            "-- a comment\nSELECT\n  id,\n  element_at(parts,\n    n) AS Part,\n  both\nFROM (SELECT\n id, both + 1 AS both FROM input)\nWHERE\n  id > 5",
        );
        assert_eq!(lines.column("part"), Some(4));
        assert_eq!((lines.column("both"), lines.column("other")), (None, None));
        assert_eq!(lines.filter(), Some(10));
    }
}
