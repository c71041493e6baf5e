//! `percentile_approx(x, p)`, exact here, and the aggregates that only lack their Spark name.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use crate::percentiles::{self, Asked, list_of};

/// All of them.
pub(crate) fn functions() -> Vec<Arc<AggregateUDF>> {
    let first = first_value_udaf().as_ref().clone().with_aliases(["first", "any_value"]);
    let last = last_value_udaf().as_ref().clone().with_aliases(["last"]);
    let percentile = AggregateUDF::new_from_impl(PercentileApprox::default());
    vec![Arc::new(percentile), Arc::new(first), Arc::new(last)]
}

/// `percentile_approx(x, p [, accuracy])`: the smallest value of which at least the share `p` is not larger: a value
/// of the column, never one in between. Nulls are ignored; null where nothing is left. `p` may be an array, and so is the answer then.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PercentileApprox {
    aliases: Vec<String>,
    signature: Signature,
}

impl Default for PercentileApprox {
    fn default() -> Self {
        Self {
            aliases: vec!["approx_percentile".to_owned()],
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for PercentileApprox {
    fn name(&self) -> &str {
        "percentile_approx"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [value, share, accuracy @ ..] = arguments else {
            return plan_err!("`percentile_approx` takes a column and a share from 0 to 1");
        };
        if accuracy.len() > 1 || !accuracy.iter().all(DataType::is_integer) {
            return plan_err!("`percentile_approx` takes as a third argument a whole number alone: the accuracy");
        }
        let value = match value {
            text if text.is_string() => DataType::Float64,
            DataType::Null => DataType::Float64,
            number if number.is_numeric() || number.is_temporal() => number.clone(),
            other => return plan_err!("`percentile_approx` takes numbers or times, not {other}"),
        };
        let share = match share {
            DataType::List(_) | DataType::FixedSizeList(..) | DataType::LargeList(_) => list_of(DataType::Float64),
            _ => DataType::Float64,
        };
        Ok([vec![value, share], accuracy.to_vec()].concat())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let value = arguments[0].clone();
        Ok(if matches!(arguments[1], DataType::List(_)) { list_of(value) } else { value })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let [values, counts] = percentiles::state_columns(args.input_fields[0].data_type().clone());
        let column = |name, kind| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        Ok(vec![column("values", values), column("counts", counts)])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        percentiles::single(asked(&args)?)
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        percentiles::groups(asked(&args)?)
    }
}

fn asked(args: &AccumulatorArgs<'_>) -> Result<Asked> {
    let one_row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    let Ok(shares) = args.exprs[1].evaluate(&one_row).and_then(|share| share.into_array(1)) else {
        return plan_err!("the share of `percentile_approx` must be a literal");
    };
    let (shares, is_list) = match shares.as_list_opt::<i32>() {
        Some(list) => (list.value(0), true),
        None => (shares, false),
    };
    let shares: Vec<f64> = shares.as_primitive::<Float64Type>().iter().flatten().collect();
    if shares.is_empty() || shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
        return plan_err!("the share of `percentile_approx` must be from 0 to 1");
    }
    Ok(Asked { shares, is_list, kind: args.expr_fields[0].data_type().clone() })
}
