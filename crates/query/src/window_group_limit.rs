//! The first rows by rank without sorting all of them: `... rank() OVER (PARTITION BY a ORDER BY b) AS r ... WHERE r = 1`.
//!
//! DataFusion sorts whatever a window reads. A row that comes behind another of its group is not the first, whatever follows; it can go
//! before the sort. Spark does the same under this name. (DataFusion's own `enable_window_topn` holds all groups in memory, however many.)

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::row::{RowConverter, SortField};
use datafusion::common::HashMap;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

/// The memory of a partition's groups. With more groups than that, whatever follows is left to the sort.
const GROUP_BYTES: usize = 16 << 20;
/// What an entry takes beside its bytes.
const ENTRY_BYTES: usize = 64;

/// Puts [`WindowGroupLimitExec`] below windows of which the first rows alone are wanted. It comes before the rules that sort what windows
/// read: they may sort far below, under a join.
#[derive(Debug)]
pub(crate) struct WindowGroupLimits;

impl PhysicalOptimizerRule for WindowGroupLimits {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let limited = plan.transform_up(|step| {
            let Some(First { window, expr, shown }) = first_of_window(&step) else { return Ok(Transformed::no(step)) };
            let limited = WindowGroupLimitExec {
                input: Arc::clone(window.children()[0]),
                groups: expr.partition_by().to_vec(),
                order: expr.order_by().to_vec(),
            };
            let mut window = replace_children_if_necessary(Arc::clone(window), vec![Arc::new(limited)])?;
            if let Some(shown) = shown {
                window = replace_children_if_necessary(Arc::clone(shown), vec![window])?;
            }
            Ok(Transformed::yes(replace_children_if_necessary(step, vec![window])?))
        })?;
        Ok(limited.data)
    }

    fn name(&self) -> &str {
        "window_group_limits"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A window whose first rows alone are wanted.
struct First<'p> {
    window: &'p Arc<dyn ExecutionPlan>,
    expr: &'p Arc<dyn WindowExpr>,
    /// The projection between filter and window, where there is one.
    shown: Option<&'p Arc<dyn ExecutionPlan>>,
}

/// The window below a filter that lets its first rows pass alone.
fn first_of_window(step: &Arc<dyn ExecutionPlan>) -> Option<First<'_>> {
    let filter = step.downcast_ref::<FilterExec>()?;
    let shown = filter.input().downcast_ref::<ProjectionExec>();
    let window = shown.map_or_else(|| filter.input(), ProjectionExec::input);
    let columns = if let Some(window) = window.downcast_ref::<BoundedWindowAggExec>() {
        window.window_expr()
    } else {
        window.downcast_ref::<WindowAggExec>()?.window_expr()
    };
    let [expr] = columns else { return None };
    let function = expr.as_any().downcast_ref::<StandardWindowExpr>()?.get_standard_func_expr();
    let function = function.as_any().downcast_ref::<WindowUDFExpr>()?.fun();
    let is_rank = ["rank", "dense_rank", "row_number"].contains(&function.name());

    let condition = filter.predicate().downcast_ref::<BinaryExpr>()?;
    let mut column = condition.left().downcast_ref::<Column>()?;
    if let Some(shown) = shown {
        column = shown.expr().get(column.index())?.expr.downcast_ref::<Column>()?;
    }
    let number = condition.right().downcast_ref::<Literal>()?.value();
    let is_number = |wanted: u64| number.cast_to(&arrow::datatypes::DataType::UInt64).ok() == Some(wanted.into());
    let is_first = match condition.op() {
        Operator::Eq | Operator::LtEq => is_number(1),
        Operator::Lt => is_number(2),
        _ => false,
    };
    let is_of_window = column.index() + 1 == window.schema().fields().len();
    (is_rank && is_first && is_of_window && !expr.order_by().is_empty()).then_some(First {
        window,
        expr,
        shown: shown.map(|_| filter.input()),
    })
}

/// Leaves out rows that come behind another of their group. What passes may still hold such rows: an earlier one is not taken back.
#[derive(Debug)]
struct WindowGroupLimitExec {
    input: Arc<dyn ExecutionPlan>,
    groups: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
}

impl DisplayAs for WindowGroupLimitExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowGroupLimitExec: first=1")
    }
}

impl ExecutionPlan for WindowGroupLimitExec {
    fn name(&self) -> &str {
        "WindowGroupLimitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    /// It does; but a sort above it has less to sort than one below.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let expressions = self.groups.iter().chain(self.order.iter().map(|order| &order.expr));
        for expression in expressions {
            if visit(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop();
        let input = input.ok_or_else(|| DataFusionError::Plan("`WindowGroupLimitExec` has one input".to_owned()))?;
        Ok(Arc::new(Self { input, groups: self.groups.clone(), order: self.order.clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        let schema = rows.schema();
        let mut first = FirstRows::new(self, &schema)?;
        let rows = rows.map(move |batch| first.of(batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

type RowBytes = Box<[u8]>;

/// The first row of each group so far. Rows are compared as bytes in the row format.
struct FirstRows {
    groups: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    group_rows: RowConverter,
    order_rows: RowConverter,
    /// `None` where there are too many groups.
    first: Option<HashMap<RowBytes, RowBytes>>,
    bytes: usize,
}

impl FirstRows {
    fn new(limit: &WindowGroupLimitExec, schema: &arrow::datatypes::Schema) -> Result<Self> {
        let groups = limit.groups.iter().map(|group| Ok(SortField::new(group.data_type(schema)?)));
        let order = limit
            .order
            .iter()
            .map(|order| Ok(SortField::new_with_options(order.expr.data_type(schema)?, order.options)));
        Ok(Self {
            groups: limit.groups.clone(),
            order: limit.order.clone(),
            group_rows: RowConverter::new(groups.collect::<Result<_>>()?)?,
            order_rows: RowConverter::new(order.collect::<Result<_>>()?)?,
            first: Some(HashMap::new()),
            bytes: 0,
        })
    }

    /// The rows of `batch` that are not behind one that was seen.
    fn of(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(first) = &mut self.first else { return Ok(batch) };
        let columns = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(&batch)?.into_array(batch.num_rows());
        let groups: Vec<ArrayRef> = self.groups.iter().map(columns).collect::<Result<_>>()?;
        let order: Vec<ArrayRef> = self.order.iter().map(|order| columns(&order.expr)).collect::<Result<_>>()?;
        let order = self.order_rows.convert_columns(&order)?;
        // Without groups all rows are of one.
        let groups = if groups.is_empty() { None } else { Some(self.group_rows.convert_columns(&groups)?) };
        let mut passes = Vec::with_capacity(batch.num_rows());
        for (number, place) in order.iter().enumerate() {
            let group = groups.as_ref().map(|groups| groups.row(number));
            let (group, place) = (group.as_ref().map_or(&[][..], |group| group.as_ref()), place.as_ref());
            let pass = match first.get_mut(group) {
                Some(first) if &**first < place => false,
                Some(first) => {
                    if &**first > place {
                        *first = place.into();
                    }
                    true
                }
                None => {
                    self.bytes += group.len() + place.len() + ENTRY_BYTES;
                    first.insert(group.into(), place.into());
                    true
                }
            };
            passes.push(pass);
        }
        if self.bytes > GROUP_BYTES {
            self.first = None;
        }
        Ok(filter_record_batch(&batch, &BooleanArray::from(passes))?)
    }
}
