//! Whether new rows of one table meet old ones of another. Rows that belong together mostly come together, and several queries of a job
//! join the same tables by the same columns: the old rows are looked through once for all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;
use datafusion::logical_expr::{LogicalPlanBuilder, TableSource};
use datafusion::prelude::{SessionContext, ident};
use futures::StreamExt;
use tokio::sync::OnceCell;

use super::values::is_among;

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

/// Also where it would take too much memory to tell: then the rows are joined, which finds out.
async fn meet(
    (a, a_column): (&Arc<dyn TableSource>, &str),
    (b, b_column): (&Arc<dyn TableSource>, &str),
    session: &SessionContext,
) -> Result<bool> {
    let kind = |source: &Arc<dyn TableSource>, column: &str| {
        source.schema().field_with_name(column).map(|field| field.data_type().clone())
    };
    // Zero has two forms as a float, also within a list: they are equal and are not the same.
    let kind_of_a = kind(a, a_column)?;
    if kind_of_a != kind(b, b_column)? || kind_of_a.is_floating() || kind_of_a.is_nested() {
        return Ok(true);
    }
    let scan = |source: &Arc<dyn TableSource>, column: &str| {
        let columns = vec![source.schema().index_of(column)?];
        LogicalPlanBuilder::scan("rows", Arc::clone(source), Some(columns))
    };
    let values = super::rows(session, scan(a, a_column)?.build()?).await?;
    let Some(is_among) = is_among(values, ident(b_column)).await? else { return Ok(true) };
    let met = scan(b, b_column)?.filter(is_among)?.limit(0, Some(1))?.build()?;
    let mut rows = super::rows(session, met).await?;
    while let Some(batch) = rows.next().await {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
