//! `pinflow query`: an answer, of one of the pipeline's questions or of any SQL.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use pinflow_pipeline::{Lane, Pipeline};

use super::lane::LaneChoice;
use crate::config::{ConfigError, did_you_mean};
use crate::exit::Status;
use crate::output::{self, Format, counted};
use crate::reach::Reach;
use crate::session::Session;

/// Answer one of the pipeline's queries, or any SQL
///
/// Tables without a schema are streams on the chosen lane (`SELECT count(*) FROM pin`); all others are named with theirs:
/// batch.*, stream.*, dead.*, result.* (all runs), latest.* (the newest run), system.*. `batch.pin VERSION AS OF 12` and
/// `batch.pin TIMESTAMP AS OF '2026-11-22 06:00:00'` read a table as it was.
#[derive(Debug, Args)]
pub struct Query {
    /// The name of a query, or SQL; `-` reads SQL from stdin
    #[arg(value_name = "NAME|SQL", required_unless_present_any = ["file", "list"], conflicts_with = "file")]
    what: Option<String>,
    /// Reads SQL from a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Lists the pipeline's queries
    #[arg(long)]
    list: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The lane whose tables are asked
    #[arg(long, value_enum, default_value = "batch")]
    lane: LaneChoice,
    /// Leaves out of stream.* what is acknowledged but not committed yet
    #[arg(long)]
    committed: bool,
    /// Draws bars, as the query's header says
    #[arg(long, conflicts_with = "format")]
    chart: bool,
}

impl Query {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let pipeline = session.pipeline()?;
        if self.list {
            return list(&pipeline, self.format, session);
        }
        let what = self.what.as_deref().map(str::trim);
        let known = what.and_then(|what| pipeline.query(what));
        let sql = match known {
            Some(query) => query.sql.text.clone(),
            None => self.sql(&pipeline)?,
        };
        let reach = Reach::open(session).await?;
        if known.is_some() {
            same_pipeline(&reach, &pipeline).await?;
        }
        let answer = tokio::select! {
            answer = reach.query(&sql, Lane::from(self.lane), self.committed) => Some(answer),
            () = session.interrupt.wait() => None,
        };
        reach.close().await?;
        let Some(answer) = answer else { return Ok(Status::Interrupted) };
        let answer = answer?;
        let elapsed = answer.elapsed_ms;
        let rows = answer.into_rows();
        let width = session.terminal.width();
        if self.chart {
            let chart = known.and_then(|query| query.chart.as_ref()).ok_or_else(|| ConfigError::Unfit {
                problem: "there is no chart for this".to_owned(),
                hint: "name a query of the pipeline whose header has `-- chart: bar x=... y=...`".to_owned(),
            })?;
            session.terminal.print(output::bars(&rows, chart, width).unwrap_or_default())?;
        } else {
            session.terminal.print(rows.text(self.format, width))?;
        }
        if self.format == Format::Table {
            session.terminal.note(format!("{} in {elapsed} ms", counted(rows.rows.len() as u64, "row")));
        }
        Ok(Status::Success)
    }

    fn sql(&self, pipeline: &Pipeline) -> anyhow::Result<String> {
        if let Some(file) = &self.file {
            return std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
        }
        match self.what.as_deref().map(str::trim) {
            Some("-") => {
                let mut sql = String::new();
                std::io::stdin().read_to_string(&mut sql).context("cannot read SQL from stdin")?;
                Ok(sql)
            }
            // No SQL is a single word: it is a name that was mistyped.
            Some(name) if !name.contains(char::is_whitespace) => {
                let names = pipeline.queries.iter().map(|query| query.name.as_str());
                let hint = did_you_mean(name, names).unwrap_or_else(|| "`pinflow query --list` lists them".to_owned());
                Err(ConfigError::Unfit { problem: format!("the pipeline has no query `{name}`"), hint }.into())
            }
            sql => Ok(sql.unwrap_or_default().to_owned()),
        }
    }
}

fn list(pipeline: &Pipeline, format: Format, session: &Session) -> anyhow::Result<Status> {
    let mut rows = output::Rows::new(&["name", "title"]);
    rows.rows.extend(pipeline.queries.iter().map(|query| vec![query.name.clone().into(), query.title.clone().into()]));
    session.terminal.print(rows.text(format, session.terminal.width()))?;
    Ok(Status::Success)
}

/// Refuses to ask one pipeline's question of a node that runs another.
async fn same_pipeline(reach: &Reach, pipeline: &Pipeline) -> anyhow::Result<()> {
    let running = reach.overview().await?.pipeline;
    if running == pipeline.name {
        return Ok(());
    }
    let problem = format!("the node runs the pipeline `{running}`, and the query is of `{}`", pipeline.name);
    Err(ConfigError::Unfit { problem, hint: "name the node's pipeline with --pipeline".to_owned() }.into())
}
