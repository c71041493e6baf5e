//! Checks a pipeline beyond its files: every cleaning SELECT and every query is planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use pinflow_clean::Cleaner;
use pinflow_pipeline::{Lane, Pipeline};
use pinflow_query::{QueryEngine, QueryError, QueryLimits};
use pinflow_schedule::Schedule;
use pinflow_source::SourceSpec;
use pinflow_table::{TableRoot, Upkeep};

use crate::stages::cleaned_columns;

/// Checks all of `pipeline`.
///
/// # Errors
/// A message for everything that is wrong, each with its file.
pub async fn check(pipeline: &Pipeline) -> Result<(), Vec<String>> {
    plan(&Arc::new(pipeline.clone())).await.map(drop)
}

/// The planned cleaning of each stream, once all of the pipeline is known to be sound.
pub(crate) async fn plan(pipeline: &Arc<Pipeline>) -> Result<BTreeMap<String, Arc<Cleaner>>, Vec<String>> {
    let mut problems = Vec::new();
    let mut cleaners = BTreeMap::new();
    for stream in &pipeline.streams {
        match Cleaner::plan(stream).await {
            Ok(cleaner) => {
                cleaners.insert(stream.name.clone(), Arc::new(cleaner));
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    for job in &pipeline.jobs {
        if let Some(Err(error)) = job.schedule.as_deref().map(Schedule::parse) {
            problems.push(format!("job `{}`: {error}", job.name));
        }
    }
    if let Some(Err(error)) = pipeline.source.as_ref().map(SourceSpec::parse) {
        problems.push(error.to_string());
    }
    // Queries read what the cleaning gives: without it their problems would be echoes.
    if problems.is_empty() {
        problems.extend(query_problems(pipeline, &cleaners).await);
    }
    if problems.is_empty() { Ok(cleaners) } else { Err(problems) }
}

async fn query_problems(pipeline: &Arc<Pipeline>, cleaners: &BTreeMap<String, Arc<Cleaner>>) -> Vec<String> {
    // No table is opened by planning on columns that are given, so any place will do.
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return vec![format!("cannot make a temporary folder to plan the queries in: {error}")],
    };
    let engine =
        TableRoot::local(folder.path(), Upkeep::default()).map_err(|error| error.to_string()).and_then(|root| {
            let columns = cleaned_columns(cleaners);
            QueryEngine::open(Arc::clone(pipeline), &root, &columns, None, QueryLimits::default())
                .map_err(|error| error.to_string())
        });
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    for query in &pipeline.queries {
        let file = query.sql.path.display();
        let columns = match engine.columns(&query.sql.text, Lane::Batch).await {
            Ok(columns) => columns,
            // It reads another query's answers, which are not there before the first run.
            Err(QueryError::NotYetWritten { .. }) => continue,
            Err(error) => {
                problems.push(format!("{file}: query `{}`: {error}", query.name));
                continue;
            }
        };
        let chart =
            query.chart.iter().flat_map(|chart| [Some(&chart.x), Some(&chart.y), chart.group.as_ref()]).flatten();
        for column in chart.filter(|column| columns.field_with_name(column).is_err()) {
            let known: Vec<String> = columns.fields().iter().map(|field| format!("`{}`", field.name())).collect();
            problems.push(format!(
                "{file}: query `{}`: the chart names the column `{column}`, which the answer lacks\n  hint: it has {}",
                query.name,
                known.join(", ")
            ));
        }
    }
    problems
}
