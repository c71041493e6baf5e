//! `CAST` as Spark does it with ANSI mode off: what does not fit is null (or wraps, between whole numbers), never an error.

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray, StringBuilder,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, exec_datafusion_err};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use crate::conversion::{text_to_boolean, text_to_decimal, text_to_double, text_to_integer, write_double, write_float};
use crate::function::{TEXT, evaluate, timestamp};
use crate::timestamp::{SECOND, parse_date, parse_timestamp, write_timestamp};

/// Gives every cast, written or implied, Spark's meaning. Runs after DataFusion's type coercion.
#[derive(Debug)]
pub(crate) struct SparkCasts;

impl AnalyzerRule for SparkCasts {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }

    fn name(&self) -> &str {
        "spark_casts"
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(|expr| rewrite_cast(expr, &schema))?.update_data(|expr| name.restore(expr)))
    })?;
    if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
}

fn rewrite_cast(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr: inner, field }) | Expr::TryCast(TryCast { expr: inner, field })) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let (from, to) = (inner.get_type(schema)?, field.data_type());
    let strict = matches!(expr, Expr::TryCast(_));
    // A whole number that does not fit is null for arrow's cast too, which is all that `TRY_CAST` wants.
    if is_sparks_own(&from, to) && !(strict && from.is_numeric() && to.is_signed_integer()) {
        let cast = ScalarUDF::new_from_impl(SparkCast::new(to.clone(), strict));
        let call = ScalarFunction::new_udf(Arc::new(cast), vec![inner.as_ref().clone()]);
        return Ok(Transformed::yes(Expr::ScalarFunction(call)));
    }
    match expr {
        Expr::Cast(cast) if may_fail(&from, to) => {
            Ok(Transformed::yes(Expr::TryCast(TryCast::new_from_field(cast.expr, cast.field))))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether arrow's cast between these types differs from Spark's in more than how it fails.
fn is_sparks_own(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Float32, Float64, Timestamp};
    let instant = |t: &DataType| matches!(t, Timestamp(_, Some(_)));
    if from.is_string() {
        return to.is_signed_integer()
            || to.is_floating()
            || instant(to)
            || matches!(to, Boolean | Date32 | Decimal128(..));
    }
    if to.is_string() {
        return instant(from) || matches!(from, Float32 | Float64);
    }
    (from.is_decimal() && *to == Boolean)
        || (to.is_signed_integer() && (from.is_floating() || narrows(from, to)))
        || (instant(from) && to.is_numeric())
        || (instant(to) && from.is_numeric())
}

fn narrows(from: &DataType, to: &DataType) -> bool {
    from.is_signed_integer() && to.primitive_width() < from.primitive_width()
}

/// Whether arrow's cast can meet a value that it refuses.
fn may_fail(from: &DataType, to: &DataType) -> bool {
    to.is_decimal() || (from.is_decimal() && to.is_integer()) || (from.is_string() && !to.is_string())
}

/// The cast to one type, as a function that DataFusion can plan.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SparkCast {
    to: DataType,
    /// As `TRY_CAST`, which does not cut `12.7` to 12.
    strict: bool,
    name: String,
    signature: Signature,
}

impl SparkCast {
    fn new(to: DataType, strict: bool) -> Self {
        let name = format!("spark_{}cast_{to}", if strict { "try_" } else { "" }).to_lowercase();
        Self { name, to, strict, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (to, strict) = (self.to.clone(), self.strict);
        evaluate(&args.args, args.number_rows, &move |arrays: &[ArrayRef]| match arrays[0].data_type() {
            text if text.is_string() && strict => cast_text(&arrays[0], &to, whole_number),
            _ => cast_array(&arrays[0], &to),
        })
    }
}

/// Casts a whole array as Spark does with ANSI mode off.
///
/// # Errors
/// For a pair of types between which there is no cast.
pub fn cast_array(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let source = from.data_type();
    if !is_sparks_own(source, to) {
        return Ok(cast_with_options(from, to, &CastOptions { safe: true, ..CastOptions::default() })?);
    }
    if source.is_string() {
        cast_text(from, to, text_to_integer)
    } else if to.is_string() {
        cast_to_text(from, to)
    } else if to == &DataType::Boolean {
        Ok(cast(&cast(from, &DataType::Float64)?, to)?)
    } else if matches!(source, DataType::Timestamp(..)) {
        cast_instant(from, to)
    } else if matches!(to, DataType::Timestamp(..)) {
        cast_to_instant(from, to)
    } else {
        cast_to_integer(from, to)
    }
}

/// Digits alone, without a fraction.
fn whole_number(text: &str) -> Option<i64> {
    if text.contains('.') { None } else { text_to_integer(text) }
}

/// `integer` reads whole numbers.
fn cast_text(from: &ArrayRef, to: &DataType, integer: impl Fn(&str) -> Option<i64>) -> Result<ArrayRef> {
    let from = cast(from, &TEXT)?;
    let texts = from.as_string_view().iter();
    Ok(match to {
        DataType::Int8 => parsed::<Int8Type>(texts, |t| integer(t)?.try_into().ok()),
        DataType::Int16 => parsed::<Int16Type>(texts, |t| integer(t)?.try_into().ok()),
        DataType::Int32 => parsed::<Int32Type>(texts, |t| integer(t)?.try_into().ok()),
        DataType::Int64 => parsed::<Int64Type>(texts, integer),
        DataType::Float32 => parsed::<Float32Type>(texts, |t| text_to_double(t).map(|double| double as f32)),
        DataType::Float64 => parsed::<Float64Type>(texts, text_to_double),
        DataType::Boolean => Arc::new(texts.map(|text| text.and_then(text_to_boolean)).collect::<BooleanArray>()),
        DataType::Date32 => parsed::<Date32Type>(texts, parse_date),
        DataType::Decimal128(precision, scale) => {
            let decimals: Decimal128Array = texts.map(|text| text_to_decimal(text?, *precision, *scale)).collect();
            Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Timestamp(..) => {
            let instants = parsed::<TimestampMicrosecondType>(texts, parse_timestamp);
            from_micros(&instants, to)?
        }
        other => return Err(exec_datafusion_err!("there is no cast from text to {other}")),
    })
}

fn parsed<'a, T: ArrowPrimitiveType>(
    texts: impl Iterator<Item = Option<&'a str>>,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> ArrayRef {
    Arc::new(texts.map(|text| text.and_then(&parse)).collect::<PrimitiveArray<T>>())
}

fn cast_to_text(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(from.len(), from.len() * 20);
    let mut write = |row: usize, value: &dyn Fn(&mut StringBuilder) -> std::fmt::Result| -> Result<()> {
        if from.is_null(row) {
            out.append_null();
            return Ok(());
        }
        value(&mut out).map_err(|_| exec_datafusion_err!("a value of type {} has no text", from.data_type()))?;
        out.append_value("");
        Ok(())
    };
    match from.data_type() {
        DataType::Float32 => {
            let floats = from.as_primitive::<Float32Type>();
            (0..from.len()).try_for_each(|row| write(row, &|out| write_float(out, floats.value(row))))?;
        }
        DataType::Float64 => {
            let doubles = from.as_primitive::<Float64Type>();
            (0..from.len()).try_for_each(|row| write(row, &|out| write_double(out, doubles.value(row))))?;
        }
        _ => {
            let micros = to_micros(from)?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>();
            (0..from.len()).try_for_each(|row| write(row, &|out| write_timestamp(out, micros.value(row))))?;
        }
    }
    Ok(cast(&out.finish(), to)?)
}

/// Microseconds since the epoch, without a zone: the value is an instant whatever the zone that it is shown in.
fn to_micros(from: &ArrayRef) -> Result<ArrayRef> {
    let DataType::Timestamp(_, zone) = from.data_type() else {
        return Err(exec_datafusion_err!("{} is no timestamp", from.data_type()));
    };
    let micros = cast(from, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
    let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
    Ok(Arc::new(micros.with_timezone_opt(None::<&str>)))
}

fn from_micros(micros: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let utc = micros.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC");
    Ok(cast(&utc, to)?)
}

/// An instant as a number is its seconds since the epoch, rounded down to whole ones for a whole-number type.
fn cast_instant(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let micros = to_micros(from)?;
    let micros = micros.as_primitive::<TimestampMicrosecondType>();
    if to.is_signed_integer() {
        let seconds: ArrayRef = Arc::new(micros.unary::<_, Int64Type>(|value| value.div_euclid(SECOND)));
        return if to == &DataType::Int64 { Ok(seconds) } else { cast_to_integer(&seconds, to) };
    }
    let seconds: ArrayRef = Arc::new(micros.unary::<_, Float64Type>(|value| value as f64 / SECOND as f64));
    cast_array(&seconds, to)
}

/// A number as an instant is seconds since the epoch; past the range of an instant whole numbers saturate.
fn cast_to_instant(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let micros: ArrayRef = if from.data_type().is_signed_integer() {
        let seconds = cast(from, &DataType::Int64)?;
        Arc::new(seconds.as_primitive::<Int64Type>().unary::<_, TimestampMicrosecondType>(|s| s.saturating_mul(SECOND)))
    } else {
        let seconds = cast(from, &DataType::Float64)?;
        let seconds = seconds.as_primitive::<Float64Type>();
        Arc::new(
            seconds.unary_opt::<_, TimestampMicrosecondType>(|s| s.is_finite().then_some((s * SECOND as f64) as i64)),
        )
    };
    if to == &timestamp() { from_micros(&micros, to) } else { Ok(cast(&from_micros(&micros, &timestamp())?, to)?) }
}

/// Doubles are cut and saturate, as in Java; whole numbers keep their low bits.
fn cast_to_integer(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let wide: ArrayRef = match from.data_type() {
        DataType::Float32 | DataType::Float64 | DataType::Float16 => {
            let doubles = cast(from, &DataType::Float64)?;
            let doubles = doubles.as_primitive::<Float64Type>();
            if to == &DataType::Int64 {
                return Ok(Arc::new(doubles.unary::<_, Int64Type>(|value| value as i64)));
            }
            Arc::new(doubles.unary::<_, Int64Type>(|value| i64::from(value as i32)))
        }
        _ => cast(from, &DataType::Int64)?,
    };
    let wide = wide.as_primitive::<Int64Type>();
    Ok(match to {
        DataType::Int8 => Arc::new(wide.unary::<_, Int8Type>(|value| value as i8)),
        DataType::Int16 => Arc::new(wide.unary::<_, Int16Type>(|value| value as i16)),
        DataType::Int32 => Arc::new(wide.unary::<_, Int32Type>(|value| value as i32)),
        _ => Arc::new(wide.clone()),
    })
}
