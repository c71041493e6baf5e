//! Whether new rows of one table meet old ones of another. Rows that belong together mostly come together, and several queries of a job
//! join the same tables by the same columns: the old rows are looked through once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::{LogicalPlanBuilder, TableSource};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use tokio::sync::OnceCell;

/// More are not remembered: a job asks for a few, and those of yesterday's rows are of no use.
const REMEMBERED: usize = 256;

/// What was found out, by the names of the rows.
#[derive(Debug, Default)]
pub(super) struct Meetings(Mutex<HashMap<String, Arc<OnceCell<bool>>>>);

impl Meetings {
    /// Whether a row of `a` has in its column the value of a row of `b` in its. `name` says which rows these are.
    pub async fn any(
        &self,
        name: String,
        a: (&Arc<dyn TableSource>, &str),
        b: (&Arc<dyn TableSource>, &str),
        session: &SessionContext,
    ) -> Result<bool> {
        let known = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= REMEMBERED && !all.contains_key(&name) {
                all.clear();
            }
            Arc::clone(all.entry(name).or_default())
        };
        known.get_or_try_init(|| meet(a, b, session)).await.copied()
    }
}

async fn meet(
    (a, a_column): (&Arc<dyn TableSource>, &str),
    (b, b_column): (&Arc<dyn TableSource>, &str),
    session: &SessionContext,
) -> Result<bool> {
    let scan = |name: &str, source: &Arc<dyn TableSource>, column: &str| {
        let columns = vec![source.schema().index_of(column)?];
        LogicalPlanBuilder::scan(name, Arc::clone(source), Some(columns))
    };
    let on = (vec![Column::new(Some("a"), a_column)], vec![Column::new(Some("b"), b_column)]);
    let both = scan("a", a, a_column)?.join(scan("b", b, b_column)?.build()?, JoinType::Inner, on, None)?;
    let mut rows = super::rows(session, both.limit(0, Some(1))?.build()?).await?;
    while let Some(batch) = rows.next().await {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
