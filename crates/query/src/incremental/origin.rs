//! Which columns of which scans a plan's joins hold equal.

use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// A column of a table, by the number of the scan that reads it, from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub scan: usize,
    pub column: String,
}

/// The pairs of columns that inner joins of an additive plan hold equal, as they are in their tables.
pub(super) fn equalities(plan: &LogicalPlan) -> Result<Vec<(Origin, Origin)>> {
    let (mut scans, mut equal) = (0, Vec::new());
    origins(plan, &mut scans, &mut equal)?;
    Ok(equal)
}

/// Where each of the plan's columns comes from; `None` where it is computed.
fn origins(plan: &LogicalPlan, scans: &mut usize, equal: &mut Vec<(Origin, Origin)>) -> Result<Vec<Option<Origin>>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let number = *scans;
            *scans += 1;
            let columns = scan.projected_schema.fields().iter();
            Ok(columns.map(|field| Some(Origin { scan: number, column: field.name().clone() })).collect())
        }
        LogicalPlan::Join(join) => {
            let (left, right) = (origins(&join.left, scans, equal)?, origins(&join.right, scans, equal)?);
            // Elsewhere null may meet null.
            let on = join.on.iter().filter(|_| join.null_equality == NullEquality::NullEqualsNothing);
            for (a, b) in on {
                let (a, b) = (origin(a, &join.left, &left), origin(b, &join.right, &right));
                equal.extend(a.zip(b));
            }
            Ok([left, right].concat())
        }
        LogicalPlan::Projection(projection) => {
            let input = origins(&projection.input, scans, equal)?;
            Ok(projection.expr.iter().map(|expr| origin(expr, &projection.input, &input)).collect())
        }
        LogicalPlan::Filter(filter) => origins(&filter.input, scans, equal),
        LogicalPlan::SubqueryAlias(alias) => origins(&alias.input, scans, equal),
        // Nothing is known of it; its columns are as many.
        other => {
            for input in other.inputs() {
                origins(input, scans, equal)?;
            }
            Ok(vec![None; other.schema().fields().len()])
        }
    }
}

fn origin(expr: &Expr, input: &LogicalPlan, columns: &[Option<Origin>]) -> Option<Origin> {
    let Expr::Column(column) = expr.clone().unalias_nested().data else { return None };
    columns.get(input.schema().maybe_index_of_column(&column)?)?.clone()
}
