//! A `CASE` of one small number (an age, a year, a code), evaluated once a value instead of once a row.
//!
//! Each branch of a `CASE` compares, filters, and merges what all rows before it left over. Where a batch holds few distinct values, as the
//! column of an age group does, the branches see those values alone, and the rows take their results.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{cast, max, min, take};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_datafusion_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CaseExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// A batch whose values are further apart is evaluated row by row.
const SPAN: usize = 1_024;

/// Puts [`CaseByValue`] around each `CASE` of a single column of integers that a projection computes.
#[derive(Debug)]
pub(crate) struct CasesByValue;

impl PhysicalOptimizerRule for CasesByValue {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|step| {
            let Some(projection) = step.downcast_ref::<ProjectionExec>() else { return Ok(Transformed::no(step)) };
            let schema = projection.input().schema();
            let mut any = false;
            let mut exprs = Vec::with_capacity(projection.expr().len());
            for ProjectionExpr { expr, alias } in projection.expr() {
                let is_whole =
                    |case: &CaseByValue| Ok::<_, DataFusionError>(is_whole_number(&case.column.data_type(&schema)?));
                let expr = Arc::clone(expr).transform_down(|expr| match CaseByValue::of(&expr) {
                    Some(case) if is_whole(&case)? => {
                        Ok(Transformed::new(Arc::new(case) as _, true, TreeNodeRecursion::Jump))
                    }
                    _ => Ok(Transformed::no(expr)),
                })?;
                any |= expr.transformed;
                exprs.push(ProjectionExpr { expr: expr.data, alias: alias.clone() });
            }
            if !any {
                return Ok(Transformed::no(step));
            }
            Ok(Transformed::yes(Arc::new(ProjectionExec::try_new(exprs, Arc::clone(projection.input()))?)))
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &str {
        "cases_by_value"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A `CASE`, and the same over a batch of its one column.
#[derive(Debug, Eq)]
struct CaseByValue {
    case: Arc<dyn PhysicalExpr>,
    column: Column,
    of_values: Arc<dyn PhysicalExpr>,
}

impl CaseByValue {
    /// `None` where `expr` is something else, or its rows may differ though their values are the same.
    fn of(expr: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        if !expr.is::<CaseExpr>() || is_volatile(expr) {
            return None;
        }
        let mut columns = collect_columns(expr).into_iter();
        let (Some(column), None) = (columns.next(), columns.next()) else { return None };
        let first = |expr: Arc<dyn PhysicalExpr>| match expr.downcast_ref::<Column>() {
            Some(column) => Ok(Transformed::yes(Arc::new(Column::new(column.name(), 0)) as _)),
            None => Ok(Transformed::no(expr)),
        };
        let of_values = Arc::clone(expr).transform_up(first).ok()?.data;
        Some(Self { case: Arc::clone(expr), column, of_values })
    }

    /// The result for each value that the batch holds, and for each row where it stands; `None` where the values are too many.
    fn results(&self, batch: &RecordBatch) -> Result<Option<(ArrayRef, UInt32Array)>> {
        let column = batch.column(self.column.index());
        if !is_whole_number(column.data_type()) {
            return Ok(None);
        }
        let Some((values, places)) = distinct(cast(column, &DataType::Int64)?.as_primitive()) else { return Ok(None) };
        let rows = values.len();
        let values = cast(&values, column.data_type())?;
        let field = Field::new(self.column.name(), column.data_type().clone(), true);
        let values = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![values])?;
        Ok(Some((self.of_values.evaluate(&values)?.into_array(rows)?, places)))
    }
}

/// Whether all values of the type are those of Int64, too.
fn is_whole_number(data_type: &DataType) -> bool {
    data_type.is_integer() && *data_type != DataType::UInt64
}

/// The distinct values of a column, and for each row the place of its value among them. `None` where that is not to be told quickly.
fn distinct(column: &Int64Array) -> Option<(Int64Array, UInt32Array)> {
    const NOT_SEEN: u32 = u32::MAX;
    let (least, greatest) = (min(column).unwrap_or(0), max(column).unwrap_or(0));
    let span = usize::try_from(greatest.checked_sub(least)?).ok()?;
    if span >= SPAN || column.is_empty() {
        return None;
    }
    // The last one is null's.
    let mut place_of = vec![NOT_SEEN; span + 2];
    let mut values = Vec::new();
    let mut place = |value: Option<i64>| {
        let at = value.map_or(span + 1, |value| (value - least) as usize);
        if place_of[at] == NOT_SEEN {
            place_of[at] = values.len() as u32;
            values.push(value);
        }
        place_of[at]
    };
    let places = match column.null_count() {
        0 => column.values().iter().map(|value| place(Some(*value))).collect(),
        _ => column.iter().map(place).collect(),
    };
    Some((values.into(), places))
}

impl PhysicalExpr for CaseByValue {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        match self.results(batch)? {
            Some((results, places)) => Ok(ColumnarValue::Array(take(&results, &places, None)?)),
            None => self.case.evaluate(batch),
        }
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.case.return_field(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.case.nullable(input_schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.case]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let [case] = <[_; 1]>::try_from(children)
            .map_err(|children| internal_datafusion_err!("{children:?} is not one CASE"))?;
        Ok(match Self::of(&case) {
            Some(by_value) => Arc::new(by_value),
            None => case,
        })
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.case.fmt_sql(f)
    }
}

impl fmt::Display for CaseByValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by_value({})", self.case)
    }
}

impl PartialEq for CaseByValue {
    fn eq(&self, other: &Self) -> bool {
        self.case.eq(&other.case)
    }
}

impl Hash for CaseByValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.case.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, UInt64Array};
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    use super::*;

    fn case(sql: &str, batch: &RecordBatch) -> Arc<dyn PhysicalExpr> {
        let (schema, session) = (DFSchema::try_from(batch.schema()).unwrap(), SessionContext::new());
        let expr = session.parse_sql_expr(sql, &schema).unwrap();
        session.create_physical_expr(expr, &schema).unwrap()
    }

    fn batch(age: ArrayRef) -> RecordBatch {
        let other = Arc::new(Float64Array::from_iter_values((0..age.len()).map(|row| row as f64)));
        RecordBatch::try_from_iter_with_nullable([("other", other as ArrayRef, true), ("age", age, true)]).unwrap()
    }

    #[test]
    fn a_case_by_value_has_the_results_of_one_by_row() {
        let ages = (0..3_000).map(|row| (row % 7 > 0).then_some(row * 31 % 100 - 10));
        let far = (0..100).map(|row| (row % 7 > 0).then_some(row * 1_000));
        let columns: [ArrayRef; 6] = [
            Arc::new(ages.clone().collect::<Int64Array>()),
            Arc::new(ages.clone().map(|age| age.map(|age| age as i32)).collect::<Int32Array>()),
            Arc::new(far.collect::<Int64Array>()),
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX), Some(20)])),
            Arc::new(Int64Array::from(vec![None; 5])),
            Arc::new(Int64Array::from(Vec::<i64>::new())),
        ];
        for sql in [
            "CASE WHEN age BETWEEN 18 AND 24 THEN '18-24' WHEN age >= 51 THEN '51+' ELSE 'other' END",
            "CASE WHEN age > 20 THEN age * 2 WHEN age IS NULL THEN -1 END",
            "CASE age WHEN 20 THEN true WHEN 21 THEN false END",
        ] {
            for column in &columns {
                let batch = batch(Arc::clone(column));
                let case = case(sql, &batch);
                let by_value = CaseByValue::of(&case).unwrap();
                let (rows, expected) = (batch.num_rows(), case.evaluate(&batch).unwrap());
                let found = by_value.evaluate(&batch).unwrap().into_array(rows).unwrap();
                assert_eq!(&found, &expected.into_array(rows).unwrap(), "{sql}");
            }
        }
    }

    #[test]
    fn a_value_that_no_row_has_fails_nothing() {
        let sql = "CASE WHEN 10 / (age - 20) > 0 THEN 'above' ELSE 'below' END";
        let fine = batch(Arc::new(Int64Array::from(vec![19, 21, 19])));
        let case = case(sql, &fine);
        let by_value = CaseByValue::of(&case).unwrap();
        let texts = by_value.evaluate(&fine).unwrap().into_array(3).unwrap();
        assert_eq!(texts.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["below", "above", "below"]);
        let failing = batch(Arc::new(Int64Array::from(vec![19, 20])));
        assert_eq!(by_value.evaluate(&failing).is_err(), case.evaluate(&failing).is_err());
    }

    #[test]
    fn others_are_evaluated_by_row() {
        let batch = batch(Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(20), None])));
        for sql in [
            "age + 1",
            "CASE WHEN random() > 2 THEN age END",
            "CASE WHEN other > 1 THEN age END",
            "CASE WHEN true THEN 1 END",
        ] {
            assert!(CaseByValue::of(&case(sql, &batch)).is_none(), "{sql}");
        }
        let case = case("CASE WHEN age > 20 THEN age ELSE 0 END", &batch);
        let by_value = CaseByValue::of(&case).unwrap();
        assert!(by_value.results(&batch).unwrap().is_none());
        let found = by_value.evaluate(&batch).unwrap().into_array(3).unwrap();
        assert_eq!(&found, &case.evaluate(&batch).unwrap().into_array(3).unwrap());
    }
}
