//! The parts of a plan that can be brought up to date with new rows alone.
//!
//! What stands below such a part is made of scans, projections, filters and inner joins. Each of these takes the sum of two inputs to
//! the sum of what it makes of each; so what new rows add to the part's input can be computed without the rest of it. The part itself
//! turns rows to a state that can be merged: an aggregate to those of its groups, the first rows by rank to themselves.
//! (A. Gupta, I. S. Mumick: Maintenance of Materialized Views, 1995.)

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, Filter, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Union, Window,
};

use super::partial_aggregate::Halves;

/// Windows that number rows from the first on: a row that is not among the first of some rows is not among the first of more.
const RANKS: [&str; 3] = ["rank", "dense_rank", "row_number"];

/// The most first rows of a group that are kept: with more, all rows may be counted as well.
const FIRST_ROWS: u64 = 1_000;

/// A part of a plan whose state can be kept. A state's columns are `c0`, `c1`, ...
#[derive(Debug)]
pub(super) struct Part {
    /// The part, with all below it.
    pub plan: LogicalPlan,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The state: a row a group, its expressions first, then the state of each aggregate.
    Aggregate(Aggregate, Vec<Halves>),
    /// The state: the rows that pass, as they come in.
    FirstByRank(FirstByRank),
}

/// The first rows of a window, which may show other columns of them than it reads.
#[derive(Debug)]
struct FirstByRank {
    filter: Filter,
    shown: Option<Projection>,
    window: Window,
}

/// The largest parts of an optimized plan that can be kept, from left to right.
pub(super) fn parts_of(plan: &LogicalPlan) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    plan.apply(|step| {
        let Some(kind) = Kind::of(step)? else { return Ok(TreeNodeRecursion::Continue) };
        // What a query names twice is computed once.
        if !parts.iter().any(|part: &Part| part.plan == *step) {
            parts.push(Part { plan: step.clone(), kind });
        }
        Ok(TreeNodeRecursion::Jump)
    })?;
    Ok(parts)
}

impl Kind {
    fn of(step: &LogicalPlan) -> Result<Option<Self>> {
        match step {
            LogicalPlan::Aggregate(aggregate) if is_additive(&aggregate.input)? && are_plain(&aggregate.group_expr) => {
                let halves = aggregate.aggr_expr.iter().map(|expr| Halves::of(expr, aggregate.input.schema()));
                let halves = halves.collect::<Result<Option<Vec<_>>>>()?;
                Ok(halves.map(|halves| Self::Aggregate(aggregate.clone(), halves)))
            }
            LogicalPlan::Filter(filter) => match FirstByRank::of(filter) {
                Some(first) if is_additive(&first.window.input)? => Ok(Some(Self::FirstByRank(first))),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

/// Whether the sum of two inputs makes the sum of what each of them makes.
fn is_additive(plan: &LogicalPlan) -> Result<bool> {
    let mut additive = true;
    plan.apply(|step| {
        additive &= are_plain(&step.expressions())
            && match step {
                LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
                LogicalPlan::Join(join) => join.join_type == JoinType::Inner && !join.null_aware,
                LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => true,
                _ => false,
            };
        Ok(if additive { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(additive)
}

/// Expressions that look at their row alone, and say the same of it every time.
fn are_plain(expressions: &[Expr]) -> bool {
    let is_odd = |expr: &Expr| {
        let odd = matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::GroupingSet(_)
                | Expr::Unnest(_)
        );
        Ok(odd)
    };
    expressions.iter().all(|expr| !expr.is_volatile() && !expr.exists(is_odd).unwrap_or(true))
}

impl FirstByRank {
    /// Where the filter's condition is that the window's only column, a rank, is at most some number, or the first.
    fn of(filter: &Filter) -> Option<Self> {
        let (shown, below) = match filter.input.as_ref() {
            LogicalPlan::Projection(shown) => (Some(shown), shown.input.as_ref()),
            window => (None, window),
        };
        let LogicalPlan::Window(window) = below else { return None };
        let [rank] = window.window_expr.as_slice() else { return None };
        let Expr::WindowFunction(function) = rank.clone().unalias_nested().data else { return None };
        let WindowFunction { fun: WindowFunctionDefinition::WindowUDF(function), params } = *function else {
            return None;
        };
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &filter.predicate else { return None };
        let (Expr::Column(column), Expr::Literal(number, _)) = (left.as_ref(), right.as_ref()) else { return None };
        let column = match shown {
            None => left.as_ref().clone(),
            Some(shown) => shown.expr[shown.schema.maybe_index_of_column(column)?].clone().unalias_nested().data,
        };
        let is_rank = column == rank_column(rank) && RANKS.contains(&function.name());
        let Ok(ScalarValue::UInt64(Some(number))) = number.cast_to(&DataType::UInt64) else { return None };
        let is_below = match op {
            Operator::Lt | Operator::LtEq => number <= FIRST_ROWS,
            Operator::Eq => number == 1,
            _ => false,
        };
        let order = params.order_by.iter().map(|order| order.expr.clone());
        let keys: Vec<Expr> = params.partition_by.iter().cloned().chain(order).collect();
        let first = || Self { filter: filter.clone(), shown: shown.cloned(), window: window.clone() };
        (is_rank && is_below && are_plain(&keys)).then(first)
    }

    /// The rows that pass, with the columns that the window reads.
    fn rows(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let columns = input.schema().columns().into_iter().enumerate();
        let columns = columns.map(|(at, column)| Expr::Column(column).alias(name(at))).collect();
        let mut condition = self.filter.predicate.clone();
        if let Expr::BinaryExpr(condition) = &mut condition {
            *condition.left = rank_column(&self.window.window_expr[0]);
        }
        let first = Filter::try_new(condition, Arc::new(self.ranked(input)?))?;
        Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Filter(first)))?))
    }

    /// The rows that pass, with the columns that are shown.
    fn shown(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let mut ranked = self.ranked(input)?;
        if let Some(shown) = &self.shown {
            ranked = LogicalPlan::Projection(Projection::try_new(shown.expr.clone(), Arc::new(ranked))?);
        }
        Ok(LogicalPlan::Filter(Filter::try_new(self.filter.predicate.clone(), Arc::new(ranked))?))
    }

    fn ranked(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Window(Window::try_new(self.window.window_expr.clone(), Arc::new(input))?))
    }
}

/// The column that a window adds.
fn rank_column(rank: &Expr) -> Expr {
    Expr::Column(Column::new_unqualified(rank.schema_name().to_string()))
}

impl Part {
    /// What the part reads, below the part itself.
    pub fn input(&self) -> &LogicalPlan {
        match &self.kind {
            Kind::Aggregate(aggregate, _) => &aggregate.input,
            Kind::FirstByRank(first) => &first.window.input,
        }
    }

    /// The state of some of its input.
    pub fn state(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        match &self.kind {
            Kind::Aggregate(aggregate, halves) => {
                let halves = halves.iter().enumerate().map(|(number, half)| half.begin(number));
                let halves = halves.collect::<Result<Vec<_>>>()?;
                numbered(aggregated(input, aggregate.group_expr.clone(), halves)?)
            }
            Kind::FirstByRank(first) => first.rows(input),
        }
    }

    /// The state of the input that `kept` is the state of, and `added` together.
    pub fn merged(&self, kept: LogicalPlan, added: LogicalPlan) -> Result<LogicalPlan> {
        match &self.kind {
            Kind::Aggregate(aggregate, halves) => {
                let groups = aggregate.group_expr.len();
                let both = sum(vec![kept, self.state(added)?])?;
                let halves = halves.iter().enumerate();
                let halves = halves.map(|(number, half)| half.merge(number, column(groups + number)));
                numbered(aggregated(both, (0..groups).map(column).collect(), halves.collect::<Result<_>>()?)?)
            }
            Kind::FirstByRank(first) => {
                let columns = first.window.input.schema();
                self.state(renamed(sum(vec![kept, numbered(added)?])?, columns)?)
            }
        }
    }

    /// What the part gives, by the state of all of its input.
    pub fn finished(&self, state: LogicalPlan) -> Result<LogicalPlan> {
        match &self.kind {
            Kind::Aggregate(aggregate, halves) => {
                let groups = aggregate.group_expr.len();
                let halves = halves.iter().enumerate();
                let halves = halves.map(|(number, half)| half.finish(number, column(groups + number)));
                let answer = aggregated(state, (0..groups).map(column).collect(), halves.collect::<Result<_>>()?)?;
                renamed(answer, &aggregate.schema)
            }
            Kind::FirstByRank(first) => first.shown(renamed(state, first.window.input.schema())?),
        }
    }
}

fn aggregated(input: LogicalPlan, groups: Vec<Expr>, aggregates: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), groups, aggregates)?))
}

/// The rows of all inputs, which have the same columns.
pub(super) fn sum(mut inputs: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    if inputs.len() == 1 {
        return Ok(inputs.remove(0));
    }
    Ok(LogicalPlan::Union(Union::try_new(inputs.into_iter().map(Arc::new).collect())?))
}

fn name(number: usize) -> String {
    format!("c{number}")
}

fn column(number: usize) -> Expr {
    Expr::Column(Column::new_unqualified(name(number)))
}

/// The same columns as `c0`, `c1`, ...
fn numbered(plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = plan.schema().columns().into_iter().enumerate();
    let columns: Vec<Expr> = columns.map(|(number, column)| Expr::Column(column).alias(name(number))).collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The same columns under the names of `schema`, in its order.
pub(super) fn renamed(plan: LogicalPlan, schema: &DFSchema) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let renamed = columns
        .into_iter()
        .zip(schema.iter())
        .map(|(column, (qualifier, field))| Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
    Ok(LogicalPlan::Projection(Projection::try_new(renamed.collect(), Arc::new(plan))?))
}
