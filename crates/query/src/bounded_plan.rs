//! Sessions of other dialects keep the engine's limits, whoever starts their queries: every plan of theirs is run by [`BoundedExec`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use tokio::time::Instant;

use crate::limits::{Bounded, QueryLimits};
use crate::watch::QueryWatch;

/// Plans as DataFusion does, and puts the limits on top.
#[derive(Debug)]
pub(crate) struct BoundedPlanner(pub QueryLimits);

#[async_trait]
impl QueryPlanner for BoundedPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        if matches!(plan, LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_)) {
            return Err(DataFusionError::Plan("queries only read".to_owned()));
        }
        let input = DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await?;
        let input = if input.properties().partitioning.partition_count() == 1 {
            input
        } else {
            Arc::new(CoalescePartitionsExec::new(input))
        };
        Ok(Arc::new(BoundedExec { input, limits: self.0.clone() }))
    }
}

/// Ends the query at its limits, and where its [`QueryWatch`] says so.
#[derive(Debug)]
struct BoundedExec {
    /// In one partition.
    input: Arc<dyn ExecutionPlan>,
    limits: QueryLimits,
}

impl DisplayAs for BoundedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundedExec: rows={}, time={:?}", self.limits.rows, self.limits.time)
    }
}

impl ExecutionPlan for BoundedExec {
    fn name(&self) -> &str {
        "BoundedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
        let input = children.pop().ok_or_else(|| DataFusionError::Plan("`BoundedExec` has one input".to_owned()))?;
        Ok(Arc::new(Self { input, limits: self.limits.clone() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let watch = context.session_config().get_extension::<QueryWatch>().unwrap_or_default();
        let query = watch.begin();
        // What the session itself asks for can only be less.
        let time = watch.time().unwrap_or(Duration::MAX).min(self.limits.time);
        let limits = QueryLimits { time, ..self.limits.clone() };
        let rows = self.input.execute(partition, context)?;
        let bounded = Bounded::new(rows, limits, Instant::now(), query.cancellation());
        let rows = futures::stream::try_unfold((bounded, query), |(mut bounded, query)| async move {
            let next = bounded.next().await.map_err(|error| DataFusionError::External(Box::new(error)))?;
            Ok(next.map(|batch| (batch, (bounded, query))))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
