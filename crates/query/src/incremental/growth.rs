//! What was appended to tables since a state was made.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;

use super::meetings::Meetings;
use super::origin::{Origin, equalities};
use super::part::{renamed, sum};
use crate::catalog::Catalog;

/// The files of each scan of a plan, from left to right.
pub(super) type Files = Vec<Vec<String>>;

/// A scan's table at the version that the plan reads.
#[derive(Debug)]
pub(super) struct Scan {
    table: DeltaTable,
    pub files: Vec<String>,
}

/// The scans of `plan`. `None` where one of them reads something else than all rows of the newest version of a Delta table.
pub(super) async fn scans_of(plan: &LogicalPlan, catalog: &Catalog) -> Result<Option<Vec<Scan>>> {
    let mut providers = Vec::new();
    plan.apply(|step| {
        if let LogicalPlan::TableScan(scan) = step {
            providers.push(source_as_provider(&scan.source)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut scans = Vec::with_capacity(providers.len());
    for provider in providers {
        let Some(table) = catalog.table_of(&provider).await else { return Ok(None) };
        let Some(files) = files_of(&table)? else { return Ok(None) };
        scans.push(Scan { table, files });
    }
    Ok(Some(scans))
}

/// The table's files; `None` where rows of some are deleted without the file.
fn files_of(table: &DeltaTable) -> Result<Option<Vec<String>>> {
    let snapshot = table.snapshot()?;
    let file = |file: deltalake::kernel::LogicalFileView| {
        file.deletion_vector_descriptor().is_none().then(|| file.path().into_owned())
    };
    Ok(snapshot.log_data().iter().map(file).collect())
}

/// What each scan reads: the rows that a state was made of, and those that came since.
pub(super) struct Growth {
    grown: Vec<Grown>,
}

struct Grown {
    /// Names the rows of before, and the new ones, for whoever compares them.
    names: (String, String),
    old: Arc<dyn TableSource>,
    /// `None` where nothing came.
    new: Option<Arc<dyn TableSource>>,
}

/// So many scans may have grown; the terms of the sum double with each.
const GROWN: usize = 4;

impl Growth {
    /// `None` where a file that was `covered` is gone: its rows were changed, or are in a larger file with others now. Also where so many
    /// scans have grown that all rows are counted as quickly.
    pub async fn since(covered: &Files, scans: &[Scan]) -> Result<Option<Self>> {
        if covered.len() != scans.len() {
            return Ok(None);
        }
        let mut grown = Vec::with_capacity(scans.len());
        for (covered, scan) in covered.iter().zip(scans) {
            let files: HashSet<&String> = scan.files.iter().collect();
            if !covered.iter().all(|file| files.contains(file)) {
                return Ok(None);
            }
            let covered_files: HashSet<&String> = covered.iter().collect();
            let old: Vec<&String> = covered.iter().collect();
            let new: Vec<&String> = scan.files.iter().filter(|file| !covered_files.contains(file)).collect();
            grown.push(Grown {
                names: (scan.name_of(&old), scan.name_of(&new)),
                new: if new.is_empty() { None } else { Some(scan.only(new).await?) },
                old: scan.only(old).await?,
            });
        }
        Ok((grown.iter().filter(|grown| grown.new.is_some()).count() <= GROWN).then_some(Self { grown }))
    }

    /// What the new rows add to what `plan` makes; `None` where they add nothing.
    ///
    /// The rows of a join of `a` and `b` are those of old with old, which are counted, and of new with old, old with new and new with new:
    /// a term for each choice of scans that read their new rows, but none.
    pub async fn added_to(
        &self,
        plan: &LogicalPlan,
        meetings: &Meetings,
        session: &SessionContext,
    ) -> Result<Option<LogicalPlan>> {
        let grown = (0..self.grown.len()).filter(|scan| self.grown[*scan].new.is_some());
        let grown: Vec<usize> = grown.collect();
        let equal = equalities(plan)?;
        let mut terms = Vec::new();
        for choice in 1..1_usize << grown.len() {
            let reads_new =
                |scan: usize| grown.iter().position(|grown| *grown == scan).is_some_and(|at| choice >> at & 1 == 1);
            if self.is_empty(&equal, reads_new, meetings, session).await? {
                continue;
            }
            terms.push(self.term(plan, reads_new)?);
        }
        if terms.is_empty() {
            return Ok(None);
        }
        // A sum has no qualifiers of columns.
        renamed(sum(terms)?, plan.schema()).map(Some)
    }

    /// Whether some of the new rows would have to meet old ones, and there are none to be met.
    async fn is_empty(
        &self,
        equal: &[(Origin, Origin)],
        reads_new: impl Fn(usize) -> bool,
        meetings: &Meetings,
        session: &SessionContext,
    ) -> Result<bool> {
        for (a, b) in equal {
            let (new, old) = match (reads_new(a.scan), reads_new(b.scan)) {
                (true, false) => (a, b),
                (false, true) => (b, a),
                _ => continue,
            };
            let (of, with) = (&self.grown[new.scan], &self.grown[old.scan]);
            let Some(rows) = &of.new else { continue };
            let name = format!("{} {} = {} {}", of.names.1, new.column, with.names.0, old.column);
            if !meetings.any(name, (rows, &new.column), (&with.old, &old.column), session).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn term(&self, plan: &LogicalPlan, reads_new: impl Fn(usize) -> bool) -> Result<LogicalPlan> {
        let mut number = 0;
        let plan = plan.clone().transform_up(|step| {
            let LogicalPlan::TableScan(mut scan) = step else { return Ok(Transformed::no(step)) };
            let Grown { old, new, .. } = &self.grown[number];
            scan.source = Arc::clone(new.as_ref().filter(|_| reads_new(number)).unwrap_or(old));
            number += 1;
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        })?;
        Ok(plan.data)
    }
}

impl Scan {
    fn name_of(&self, files: &[&String]) -> String {
        format!("{} {files:?}", self.table.log_store().root_url())
    }

    /// The table with some of its files alone.
    async fn only(&self, files: Vec<&String>) -> Result<Arc<dyn TableSource>> {
        let provider = self.table.table_provider().with_file_paths(files).build().await?;
        Ok(provider_as_source(Arc::new(provider)))
    }
}
