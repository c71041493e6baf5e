//! What the conditions of a query say about partitions and offsets, so that objects which cannot match are not read.

use std::ops::Range;

use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;

use crate::raw::RawSelection;

/// The numbers that `partition` and `offset` may have, at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawFilter {
    partitions: Range<u64>,
    offsets: Range<u64>,
}

impl RawFilter {
    /// What holds where all of `filters` do. What is not understood bounds nothing.
    pub fn of(filters: &[Expr]) -> Self {
        let mut filter = Self { partitions: 0..u64::MAX, offsets: 0..u64::MAX };
        filters.iter().for_each(|expression| filter.narrow(expression));
        filter
    }

    /// What to ask the archive for.
    pub fn selection(self) -> RawSelection {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        RawSelection { partitions: number(self.partitions.start)..number(self.partitions.end), offsets: self.offsets }
    }

    fn narrow(&mut self, expression: &Expr) {
        match expression {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left);
                self.narrow(right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (column(left), number(right)) {
                (Some(name), Some(number)) => self.bound(name, *op, number),
                _ => {
                    if let (Some(name), Some(number), Some(op)) = (column(right), number(left), op.swap()) {
                        self.bound(name, op, number);
                    }
                }
            },
            Expr::Between(Between { expr, negated: false, low, high }) => {
                if let Some(name) = column(expr) {
                    number(low).into_iter().for_each(|low| self.bound(name, Operator::GtEq, low));
                    number(high).into_iter().for_each(|high| self.bound(name, Operator::LtEq, high));
                }
            }
            _ => {}
        }
    }

    fn bound(&mut self, name: &str, op: Operator, number: i128) {
        let range = match name {
            "partition" => &mut self.partitions,
            "offset" => &mut self.offsets,
            _ => return,
        };
        let clamped = |number: i128| u64::try_from(number.max(0)).unwrap_or(u64::MAX);
        let (from, to) = match op {
            Operator::Eq => (number, number + 1),
            Operator::Gt => (number + 1, i128::MAX),
            Operator::GtEq => (number, i128::MAX),
            Operator::Lt => (0, number),
            Operator::LtEq => (0, number + 1),
            _ => return,
        };
        *range = range.start.max(clamped(from))..range.end.min(clamped(to));
    }
}

fn column(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(column) => Some(&column.name),
        // A cast may make other numbers of them.
        _ => None,
    }
}

fn number(expression: &Expr) -> Option<i128> {
    match expression {
        Expr::Literal(value, _) => match value {
            ScalarValue::Int8(value) => value.map(i128::from),
            ScalarValue::Int16(value) => value.map(i128::from),
            ScalarValue::Int32(value) => value.map(i128::from),
            ScalarValue::Int64(value) => value.map(i128::from),
            ScalarValue::UInt32(value) => value.map(i128::from),
            ScalarValue::UInt64(value) => value.map(i128::from),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn of(filters: &[Expr]) -> (Range<u64>, Range<u64>) {
        let RawFilter { partitions, offsets } = RawFilter::of(filters);
        (partitions, offsets)
    }

    #[test]
    fn conditions_bound_what_is_read() {
        let all = 0..u64::MAX;
        assert_eq!(of(&[]), (all.clone(), all.clone()));
        assert_eq!(of(&[col("partition").eq(lit(3))]), (3..4, all.clone()));
        assert_eq!(of(&[col("offset").gt(lit(5_i64)), col("offset").lt_eq(lit(9_i64))]), (all.clone(), 6..10));
        assert_eq!(
            of(&[col("offset").between(lit(5_i64), lit(9_i64)).and(lit(1).eq(col("partition")))]),
            (1..2, 5..10)
        );
        assert_eq!(of(&[lit(5_i64).gt(col("offset"))]), (all.clone(), 0..5));
        assert_eq!(of(&[col("offset").lt(lit(-1_i64))]), (all.clone(), 0..0));
    }

    /// A condition that holds for more than it seems must not hide an event.
    #[test]
    fn what_is_not_understood_bounds_nothing() {
        let all = (0..u64::MAX, 0..u64::MAX);
        for filter in [
            col("offset").eq(lit(1)).or(col("offset").eq(lit(9))),
            col("offset").not_between(lit(1), lit(2)),
            col("offset").not_eq(lit(1)),
            (col("offset") % lit(2)).eq(lit(1)),
            col("value").eq(lit(1)),
        ] {
            assert_eq!(of(std::slice::from_ref(&filter)), all, "{filter}");
        }
    }
}
