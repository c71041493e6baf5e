//! Aggregates in two halves: one ends with what it has counted so far, the other goes on from that.
//!
//! Every aggregate of DataFusion has a state that can be merged with others: that is how several threads work on one. Here the state is
//! a value of SQL, so that it can be stored. ClickHouse calls the halves combinators: `-State`, `-MergeState` and `-Merge`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use pinflow_dialect::compact_percentile_states;

/// The aggregates whose answer does not depend on the order of their rows: only these can be added to.
const ORDERLESS: [&str; 17] = [
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "median",
    "percentile_approx",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "approx_distinct",
];

/// An aggregate of a query, to be computed in halves.
#[derive(Clone, Debug)]
pub(super) struct Halves {
    call: AggregateFunction,
    whole: Arc<AggregateFunctionExpr>,
}

impl Halves {
    /// `None` where its answer depends on the order of the rows.
    pub fn of(aggregate: &Expr, input: &DFSchema) -> Result<Option<Self>> {
        let Expr::AggregateFunction(call) = aggregate.clone().unalias_nested().data else { return Ok(None) };
        if !call.params.order_by.is_empty() || !ORDERLESS.contains(&call.func.name()) {
            return Ok(None);
        }
        let (properties, context) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let lowered =
            LoweredAggregateBuilder::new(aggregate, input, input.as_arrow(), &properties, &context).build()?;
        Ok(Some(Self { call, whole: lowered.aggregate }))
    }

    /// Rows to a state. `number` tells it from the query's other aggregates.
    pub fn begin(&self, number: usize) -> Result<Expr> {
        let params = &self.call.params;
        let half = self.half(number, Takes::Rows, Gives::State)?;
        Ok(call(half, params.args.clone(), params.filter.clone()))
    }

    /// States to one state.
    pub fn merge(&self, number: usize, states: Expr) -> Result<Expr> {
        Ok(call(self.half(number, Takes::States, Gives::State)?, vec![states], None))
    }

    /// States to the answer.
    pub fn finish(&self, number: usize, states: Expr) -> Result<Expr> {
        Ok(call(self.half(number, Takes::States, Gives::Answer)?, vec![states], None))
    }

    fn half(&self, number: usize, takes: Takes, gives: Gives) -> Result<Half> {
        let fields = self.whole.state_fields()?;
        let numbered =
            |(number, field): (usize, &FieldRef)| Field::new(format!("s{number}"), field.data_type().clone(), true);
        let state: Fields = fields.iter().enumerate().map(numbered).collect();
        let answer = match gives {
            Gives::State => Arc::new(Field::new("state", DataType::Struct(state.clone()), true)),
            Gives::Answer => self.whole.field(),
        };
        Ok(Half {
            name: format!("{} {number} of {takes:?} to {gives:?}", self.call.func.name()),
            signature: Signature::user_defined(Volatility::Immutable),
            whole: Arc::clone(&self.whole),
            form: Form { function: self.call.func.name().to_owned(), state, takes, gives },
            answer,
        })
    }
}

fn call(half: Half, arguments: Vec<Expr>, filter: Option<Box<Expr>>) -> Expr {
    let half = Arc::new(AggregateUDF::new_from_impl(half));
    Expr::AggregateFunction(AggregateFunction::new_udf(half, arguments, false, filter, Vec::new(), None))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Takes {
    Rows,
    States,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Gives {
    State,
    Answer,
}

/// One half as an aggregate of its own.
#[derive(Debug)]
struct Half {
    name: String,
    signature: Signature,
    whole: Arc<AggregateFunctionExpr>,
    form: Form,
    answer: FieldRef,
}

/// What goes into a half and comes out of it.
#[derive(Clone, Debug)]
struct Form {
    /// The whole's name.
    function: String,
    /// What the whole remembers.
    state: Fields,
    takes: Takes,
    gives: Gives,
}

impl Form {
    /// The states as a column, without what only takes room.
    fn stored(&self, mut state: Vec<ArrayRef>) -> Result<StructArray> {
        if self.function == "percentile_approx" {
            state = compact_percentile_states(&state)?;
        }
        Ok(StructArray::try_new(self.state.clone(), state, None)?)
    }
}

impl PartialEq for Half {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.whole == other.whole
    }
}

impl Eq for Half {}

impl Hash for Half {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Half {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The arguments have the whole's types already.
    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.answer.data_type().clone())
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        Ok(Arc::new(self.answer.as_ref().clone().with_name(self.name())))
    }

    fn is_nullable(&self) -> bool {
        self.answer.is_nullable()
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let named =
            |field: &FieldRef| Arc::new(field.as_ref().clone().with_name(format!("{}[{}]", args.name, field.name())));
        Ok(self.form.state.iter().map(named).collect())
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let whole = self.whole.create_accumulator()?;
        Ok(Box::new(OneGroup { whole, form: self.form.clone() }))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        self.whole.groups_accumulator_supported()
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let whole = self.whole.create_groups_accumulator()?;
        Ok(Box::new(Groups { whole, form: self.form.clone() }))
    }
}

/// The states in a column of them.
fn states_in(values: &[ArrayRef]) -> Result<&StructArray> {
    let states = values.first().and_then(|states| states.as_struct_opt());
    states.ok_or_else(|| exec_datafusion_err!("the stored state of an aggregate is no structure"))
}

struct Groups {
    whole: Box<dyn GroupsAccumulator>,
    form: Form,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        match self.form.takes {
            Takes::Rows => self.whole.update_batch(values, group_indices, opt_filter, total_num_groups),
            Takes::States => self.whole.merge_batch(states_in(values)?.columns(), group_indices, total_num_groups),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        match self.form.gives {
            Gives::Answer => self.whole.evaluate(emit_to),
            Gives::State => Ok(Arc::new(self.form.stored(self.whole.state(emit_to)?)?)),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.whole.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.whole.merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        match self.form.takes {
            Takes::Rows => self.whole.convert_to_state(values, opt_filter),
            Takes::States => Ok(states_in(values)?.columns().to_vec()),
        }
    }

    fn size(&self) -> usize {
        self.whole.size()
    }
}

#[derive(Debug)]
struct OneGroup {
    whole: Box<dyn Accumulator>,
    form: Form,
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match self.form.takes {
            Takes::Rows => self.whole.update_batch(values),
            Takes::States => self.whole.merge_batch(states_in(values)?.columns()),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.form.gives {
            Gives::Answer => self.whole.evaluate(),
            Gives::State => {
                let state = self.whole.state()?;
                let columns = state.iter().map(ScalarValue::to_array).collect::<Result<_>>()?;
                Ok(ScalarValue::Struct(Arc::new(self.form.stored(columns)?)))
            }
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.whole.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.whole.merge_batch(states)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.whole.size()
    }
}
