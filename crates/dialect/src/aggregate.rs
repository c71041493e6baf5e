//! `percentile_approx(x, p)`, exact here, and the aggregates that only lack their Spark name.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::compute::{concat, filter, is_not_null, sort};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::functions_aggregate::first_last::{first_value_udaf, last_value_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

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
        let values = list_of(args.input_fields[0].data_type().clone());
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "values"), values, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let one_row = arrow::record_batch::RecordBatch::try_new_with_options(
            Arc::new(arrow::datatypes::Schema::empty()),
            Vec::new(),
            &arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(1)),
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
        Ok(Box::new(Percentiles { shares, is_list, kind: args.expr_fields[0].data_type().clone(), values: Vec::new() }))
    }
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// The values of one group.
#[derive(Debug)]
struct Percentiles {
    shares: Vec<f64>,
    is_list: bool,
    kind: DataType,
    /// Without nulls.
    values: Vec<ArrayRef>,
}

impl Percentiles {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        if values.null_count() == values.len() {
            return Ok(());
        }
        // Copied where it is a part of a larger batch, which it would keep alive.
        let kept =
            if values.null_count() > 0 { filter(values, &is_not_null(values)?)? } else { concat(&[values.as_ref()])? };
        self.values.push(kept);
        Ok(())
    }

    fn all(&mut self) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        let all = if arrays.is_empty() { new_empty_array(&self.kind) } else { concat(&arrays)? };
        self.values = vec![Arc::clone(&all)];
        Ok(all)
    }
}

/// The place, from 0, of the share in `count` sorted values: the rank is the share of the count, rounded up.
fn place(share: f64, count: usize) -> usize {
    let rank = (share * count as f64).ceil() as usize;
    rank.clamp(1, count) - 1
}

impl Accumulator for Percentiles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists = states[0]
            .as_list_opt::<i32>()
            .ok_or_else(|| exec_datafusion_err!("a state of `percentile_approx` is no list"))?;
        lists.iter().flatten().try_for_each(|values| self.add(&values))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![SingleRowListArrayBuilder::new(self.all()?).build_list_scalar()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = sort(&self.all()?, None)?;
        if values.is_empty() {
            let answer = if self.is_list { list_of(self.kind.clone()) } else { self.kind.clone() };
            return ScalarValue::try_from(&answer);
        }
        let picked = self.shares.iter().map(|&share| ScalarValue::try_from_array(&values, place(share, values.len())));
        if !self.is_list {
            return picked.take(1).next().unwrap_or_else(|| ScalarValue::try_from(&self.kind));
        }
        let picked = ScalarValue::iter_to_array(picked.collect::<Result<Vec<_>>>()?)?;
        Ok(SingleRowListArrayBuilder::new(picked).build_list_scalar())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.iter().map(|values| values.get_array_memory_size()).sum::<usize>()
    }
}
