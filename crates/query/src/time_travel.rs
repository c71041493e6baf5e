//! Time travel: `batch.pin VERSION AS OF 12`, `batch.pin TIMESTAMP AS OF '2026-11-22 06:00:00'`, as Spark spells it.
//!
//! DataFusion's planner drops what stands behind a table's name. So the name itself is changed to one that says the version
//! (`pin@v12`), which the catalog reads back; an alias keeps the name that the query goes on using.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Statement, TableAlias, TableFactor, TableVersion, Value, VisitMut, VisitorMut,
};
use pinflow_dialect::parse_timestamp;

use crate::error::QueryError;

/// Stands between a table's name and its version.
const MARK: char = '@';

/// Which version of a table a query wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The commit of that number.
    Number(u64),
    /// The newest one at that time, microseconds since the Unix epoch.
    At(i64),
}

impl Version {
    /// A table's name with its version.
    fn mark(self, table: &str) -> String {
        match self {
            Self::Number(number) => format!("{table}{MARK}v{number}"),
            Self::At(micros) => format!("{table}{MARK}t{micros}"),
        }
    }
}

/// The table that a name is of, and the version where it has one.
pub(crate) fn split(name: &str) -> (&str, Option<Version>) {
    let version = name.rsplit_once(MARK).and_then(|(table, version)| {
        let version = match version.split_at_checked(1)? {
            ("v", number) => Version::Number(number.parse().ok()?),
            ("t", micros) => Version::At(micros.parse().ok()?),
            _ => return None,
        };
        Some((table, version))
    });
    version.map_or((name, None), |(table, version)| (table, Some(version)))
}

/// Changes the name of every table with a version.
///
/// # Errors
/// [`QueryError::Syntax`] for a version that is no literal.
pub(crate) fn resolve(statement: &mut Statement) -> Result<(), QueryError> {
    match VisitMut::visit(statement, &mut Names) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Names;

impl VisitorMut for Names {
    type Break = QueryError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        let TableFactor::Table { name, alias, version, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(wanted) = version.take() else { return ControlFlow::Continue(()) };
        let wanted = match read(&wanted) {
            Ok(wanted) => wanted,
            Err(error) => return ControlFlow::Break(error),
        };
        let Some(ObjectNamePart::Identifier(table)) = name.0.last_mut() else { return ControlFlow::Continue(()) };
        alias.get_or_insert_with(|| TableAlias { explicit: true, name: table.clone(), columns: Vec::new(), at: None });
        *table = Ident::with_quote('`', wanted.mark(&table.value));
        ControlFlow::Continue(())
    }
}

fn read(version: &TableVersion) -> Result<Version, QueryError> {
    let read = match version {
        TableVersion::VersionAsOf(Expr::Value(number)) => match &number.value {
            Value::Number(number, _) => number.parse().ok().map(Version::Number),
            _ => None,
        },
        TableVersion::TimestampAsOf(time) | TableVersion::ForSystemTimeAsOf(time) => {
            time_of(time).and_then(parse_timestamp).map(Version::At)
        }
        _ => None,
    };
    read.ok_or_else(|| QueryError::Syntax {
        message: format!(
            "`{version}` is no version of a table; write `VERSION AS OF` and a number, or `TIMESTAMP AS OF` and a time as in \
             `'2026-11-22 06:00:00'`"
        ),
    })
}

/// The text of `'...'` and of `TIMESTAMP '...'`.
fn time_of(expr: &Expr) -> Option<&str> {
    let value = match expr {
        Expr::Value(value) => &value.value,
        Expr::TypedString(typed) => &typed.value.value,
        _ => return None,
    };
    match value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resolved(sql: &str) -> Result<String, QueryError> {
        let mut statement = pinflow_dialect::parse(sql).unwrap();
        resolve(&mut statement)?;
        Ok(statement.to_string())
    }

    #[test]
    fn versions_move_into_names_and_the_name_stays_an_alias() {
        assert_eq!(
            resolved("SELECT pin.ind FROM batch.pin VERSION AS OF 3 WHERE ind IN (SELECT ind FROM geo TIMESTAMP AS OF '1970-01-01 00:00:01' AS g)").unwrap(),
            "SELECT pin.ind FROM batch.`pin@v3` AS pin WHERE ind IN (SELECT ind FROM `geo@t1000000` AS g)"
        );
        assert_eq!(resolved("SELECT version FROM pin AS version").unwrap(), "SELECT version FROM pin AS version");
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(split("pin"), ("pin", None));
        assert_eq!(split(&Version::Number(3).mark("pin")), ("pin", Some(Version::Number(3))));
        assert_eq!(split(&Version::At(-5).mark("a@b")), ("a@b", Some(Version::At(-5))));
        assert_eq!(split("me@vienna"), ("me@vienna", None));
        assert_eq!(split("me@"), ("me@", None));
    }

    #[test]
    fn what_is_no_literal_is_refused() {
        for sql in ["SELECT 1 FROM pin TIMESTAMP AS OF now()", "SELECT 1 FROM pin TIMESTAMP AS OF 'yesterday'"] {
            assert!(matches!(resolved(sql), Err(QueryError::Syntax { .. })), "{sql}");
        }
    }
}
