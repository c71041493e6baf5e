//! The operators whose meaning in Spark is not DataFusion's: `/`, `%`, `DIV`, `||`, `array[i]`, comparisons of text with other
//! types, and ranks, which are `int`.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, RawWindowExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, WindowFunctionDefinition, cast};
use datafusion_spark::function::math::modulus;

use crate::arithmetic::{DIV, DIVIDE};
use crate::array::GET;
use crate::function::timestamp;

/// Plans them as Spark does.
#[derive(Debug)]
pub(crate) struct SparkOperators;

impl ExprPlanner for SparkOperators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator as Op;
        let left = raw.left.get_type(schema)?;
        let right = raw.right.get_type(schema)?;
        let call = |function: &std::sync::Arc<_>, to: DataType| {
            let arguments = vec![cast(raw.left.clone(), to.clone()), cast(raw.right.clone(), to)];
            Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(
                std::sync::Arc::clone(function),
                arguments,
            ))))
        };
        match raw.op {
            Op::Divide if is_number_or_text(&left) && is_number_or_text(&right) => call(&DIVIDE, DataType::Float64),
            Op::MyIntegerDivide => call(&DIV, DataType::Int64),
            Op::Modulo => {
                let arguments = vec![text_as_double(raw.left, &left), text_as_double(raw.right, &right)];
                Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(modulus(), arguments))))
            }
            Op::Plus | Op::Minus | Op::Multiply => Ok(PlannerResult::Original(RawBinaryExpr {
                left: if right.is_numeric() || right.is_string() { text_as_double(raw.left, &left) } else { raw.left },
                right: if left.is_numeric() || left.is_string() {
                    text_as_double(raw.right, &right)
                } else {
                    raw.right
                },
                op: raw.op,
            })),
            Op::StringConcat if !is_list(&left) && !is_list(&right) => Ok(PlannerResult::Original(RawBinaryExpr {
                left: as_text(raw.left, &left),
                right: as_text(raw.right, &right),
                op: raw.op,
            })),
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship => {
                Ok(PlannerResult::Original(RawBinaryExpr {
                    left: for_comparison(raw.left, &left, &right),
                    right: for_comparison(raw.right, &right, &left),
                    op: raw.op,
                }))
            }
            _ => Ok(PlannerResult::Original(raw)),
        }
    }

    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match raw.field_access {
            GetFieldAccess::ListIndex { key } if is_list(&raw.expr.get_type(schema)?) => {
                let arguments = vec![raw.expr, *key];
                Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(GET.clone(), arguments))))
            }
            field_access => Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr: raw.expr })),
        }
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        const RANKS: [&str; 4] = ["row_number", "rank", "dense_rank", "ntile"];
        if !matches!(&raw.func_def, WindowFunctionDefinition::WindowUDF(f) if RANKS.contains(&f.name())) {
            return Ok(PlannerResult::Original(raw));
        }
        let window = WindowFunction {
            fun: raw.func_def,
            params: WindowFunctionParams {
                args: raw.args,
                partition_by: raw.partition_by,
                order_by: raw.order_by,
                window_frame: raw.window_frame,
                filter: raw.filter,
                null_treatment: raw.null_treatment,
                distinct: raw.distinct,
            },
        };
        Ok(PlannerResult::Planned(cast(Expr::from(window), DataType::Int32)))
    }
}

fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

fn is_number_or_text(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_string() || data_type.is_null()
}

fn text_as_double(expr: Expr, from: &DataType) -> Expr {
    if from.is_string() { cast(expr, DataType::Float64) } else { expr }
}

fn as_text(expr: Expr, from: &DataType) -> Expr {
    if from.is_string() { expr } else { cast(expr, DataType::Utf8) }
}

/// Text compared with another type is read as that type, beside a decimal as a double; a decimal beside a double is a double; a date compared with an instant is its
/// midnight (DataFusion would go through nanoseconds, which end in 2262).
fn for_comparison(expr: Expr, from: &DataType, other: &DataType) -> Expr {
    if *from == DataType::Date32 && matches!(other, DataType::Timestamp(..)) {
        return cast(expr, timestamp());
    }
    if from.is_decimal() && other.is_floating() {
        return cast(expr, DataType::Float64);
    }
    if !from.is_string() || other.is_string() || other.is_null() {
        return expr;
    }
    match other {
        DataType::Decimal128(..) => cast(expr, DataType::Float64),
        other if other.is_numeric() || other.is_temporal() || *other == DataType::Boolean => cast(expr, other.clone()),
        _ => expr,
    }
}
