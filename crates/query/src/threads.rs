//! Queries run on threads of their own, and end when nobody waits for them any more.
//!
//! DataFusion computes on the threads that poll it, and a join may compare millions of rows before it has one to show. On the node's own
//! threads that would keep the gateway from answering, and the query's time limit from being looked at.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt};
use tokio::runtime::Runtime;

/// Batches of an answer that wait for whoever reads it.
const WAITING: usize = 2;

/// The threads, as many as there are processors.
pub(crate) struct QueryThreads(Option<Runtime>);

impl QueryThreads {
    pub fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("query").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Tasks that are not over.
    pub fn tasks(&self) -> usize {
        self.runtime().metrics().num_alive_tasks()
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken only when this is dropped")
    }
}

impl Drop for QueryThreads {
    fn drop(&mut self) {
        // Who drops it may be a task, which must not wait for threads.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl fmt::Debug for QueryThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueryThreads")
    }
}

/// The last step of planning: takes every query to the threads.
#[derive(Debug)]
pub(crate) struct OnQueryThreads(pub Arc<QueryThreads>);

impl PhysicalOptimizerRule for OnQueryThreads {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let stop = Stop::default();
        let input = plan.transform_up(|step| stoppable(step, &stop))?.data;
        Ok(Arc::new(ThreadsExec { input, threads: Arc::clone(&self.0), stop }))
    }

    fn name(&self) -> &str {
        "on_query_threads"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Joins are what may work long between two batches: they give way after some, and look at `stop` whenever they compare rows.
fn stoppable(step: Arc<dyn ExecutionPlan>, stop: &Stop) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let join: Arc<dyn ExecutionPlan> = if let Some(join) = step.downcast_ref::<NestedLoopJoinExec>() {
        let filter = join.filter().map(|filter| stop.watch(filter));
        Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
    } else if let Some(join) = step.downcast_ref::<HashJoinExec>() {
        let filter = join.filter().map(|filter| stop.watch(filter));
        HashJoinExecBuilder::from(join).with_filter(filter).build_exec()?
    } else if step.is::<CrossJoinExec>() {
        step
    } else {
        return Ok(Transformed::no(step));
    };
    Ok(Transformed::yes(Arc::new(CooperativeExec::new(join))))
}

/// Whether nobody waits for the query any more.
#[derive(Clone, Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn watch(&self, filter: &JoinFilter) -> JoinFilter {
        let expression = Arc::new(Watched { expression: Arc::clone(filter.expression()), stop: self.clone() });
        JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    }
}

/// A condition that fails once its query is to stop.
#[derive(Clone, Debug)]
struct Watched {
    expression: Arc<dyn PhysicalExpr>,
    stop: Stop,
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stop.0, &other.stop.0) && self.expression.eq(&other.expression)
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expression.hash(state);
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, input: &Schema) -> Result<DataType> {
        self.expression.data_type(input)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.expression.nullable(input)
    }

    fn return_field(&self, input: &Schema) -> Result<FieldRef> {
        self.expression.return_field(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.stop.0.load(Ordering::Relaxed) {
            return Err(DataFusionError::Execution("nobody waits for the query any more".to_owned()));
        }
        self.expression.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.expression]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let expression =
            children.pop().ok_or_else(|| DataFusionError::Plan("a condition has one expression".to_owned()))?;
        Ok(Arc::new(Self { expression, stop: self.stop.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt_sql(f)
    }
}

/// Runs its input on the threads.
#[derive(Debug)]
struct ThreadsExec {
    input: Arc<dyn ExecutionPlan>,
    threads: Arc<QueryThreads>,
    stop: Stop,
}

impl DisplayAs for ThreadsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadsExec")
    }
}

impl ExecutionPlan for ThreadsExec {
    fn name(&self) -> &str {
        "ThreadsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Plan("`ThreadsExec` has one input".to_owned()))?;
        Ok(Arc::new(Self { input, threads: Arc::clone(&self.threads), stop: self.stop.clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut passing_on = RecordBatchReceiverStream::builder(self.schema(), WAITING);
        let (rows, input) = (passing_on.tx(), Arc::clone(&self.input));
        let run = async move {
            let mut batches = input.execute(partition, context)?;
            while let Some(batch) = batches.next().await {
                if rows.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        passing_on.spawn_on(run, self.threads.runtime().handle());
        Ok(Box::pin(Awaited { rows: passing_on.build(), stop: self.stop.clone(), is_over: false }))
    }
}

/// Rows that somebody waits for: dropped before their end, they stop the query.
struct Awaited {
    rows: SendableRecordBatchStream,
    stop: Stop,
    is_over: bool,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.is_over {
            self.stop.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Stream for Awaited {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.rows.poll_next_unpin(context);
        self.is_over |= matches!(next, Poll::Ready(None));
        next
    }
}

impl RecordBatchStream for Awaited {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
