//! `pinflow run`: a job, or one task of it, now.

use clap::Args;
use pinflow_dashboard::view::RunState;
use pinflow_pipeline::Pipeline;
use pinflow_schedule::RunScope;

use crate::config::{ConfigError, did_you_mean};
use crate::exit::Status;
use crate::output::Format;
use crate::reach::{self, Folder, Reach};
use crate::report;
use crate::session::Session;

/// Run a job, or one task of it, and wait for its end
///
/// On a running node the job runs there. Otherwise the data folder is opened, what is in the log is brought to the
/// archive and the tables, and the job runs here.
#[derive(Debug, Args)]
pub struct Run {
    /// A job, a task as in `clean.pin`, or both as in `daily/clean.pin` [default: the first job]
    #[arg(value_name = "JOB|TASK")]
    what: Option<String>,
    /// Builds the batch tables anew from all that is archived, and swaps each in once it is whole; needed after a stream's fields,
    /// SELECT or key have changed
    #[arg(long)]
    full: bool,
    /// With `--full`: also where the archive lacks records that a table has; they are gone from it then, but for its older versions
    #[arg(long, requires = "full")]
    accept_missing: bool,
    /// How the tasks are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Run {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let pipeline = session.pipeline()?;
        let (job, task) = find(&pipeline, self.what.as_deref())?;
        let reach = match reach::running(session)? {
            Some(remote) => Reach::Remote(remote),
            None => {
                let folder = Folder::open(session).await?;
                if let Err(error) = folder.catch_up().await {
                    // A stream lane that waits for a replay keeps no job from running.
                    session.terminal.note(format!("not everything is in the stream tables yet: {error}"));
                }
                Reach::Folder(Box::new(folder))
            }
        };
        let scope = RunScope { only: task.as_deref(), full: self.full, accept_missing: self.accept_missing };
        let run = tokio::select! {
            run = reach.run(&job, scope) => Some(run?),
            () = session.interrupt.wait() => None,
        };
        if let Some(run) = &run {
            let width = session.terminal.width();
            session.terminal.print(match self.format {
                Format::Table => {
                    let (tasks, remarks) = report::tasks_and_remarks(run);
                    format!("{}\n{remarks}", tasks.text(self.format, width).trim_end())
                }
                Format::Json | Format::Csv => report::tasks(run).text(self.format, width),
            })?;
        }
        reach.close().await?;
        let Some(run) = run else { return Ok(Status::Interrupted) };
        Ok(if run.state == RunState::Succeeded { Status::Success } else { Status::Failed })
    }
}

/// The job, and the task of it where one is meant.
fn find(pipeline: &Pipeline, what: Option<&str>) -> Result<(String, Option<String>), ConfigError> {
    let Some(what) = what else {
        let first = pipeline.jobs.first().map(|job| (job.name.clone(), None));
        return first.ok_or_else(|| unfit(pipeline, "has no job".to_owned(), None));
    };
    if let Some(job) = pipeline.job(what) {
        return Ok((job.name.clone(), None));
    }
    let matches: Vec<(&str, &str)> = pipeline
        .jobs
        .iter()
        .flat_map(|job| job.tasks.iter().map(|task| (job.name.as_str(), task.name.as_str())))
        .filter(|(job, task)| *task == what || format!("{job}/{task}") == what)
        .collect();
    match matches.as_slice() {
        [(job, task)] => Ok(((*job).to_owned(), Some((*task).to_owned()))),
        [] => {
            let tasks = pipeline.jobs.iter().flat_map(|job| job.tasks.iter().map(|task| task.name.as_str()));
            let names = pipeline.jobs.iter().map(|job| job.name.as_str()).chain(tasks);
            Err(unfit(pipeline, format!("has neither a job nor a task `{what}`"), did_you_mean(what, names)))
        }
        [(job, task), ..] => Err(unfit(
            pipeline,
            format!("has the task `{what}` in several jobs"),
            Some(format!("write `{job}/{task}`")),
        )),
    }
}

fn unfit(pipeline: &Pipeline, problem: String, hint: Option<String>) -> ConfigError {
    let jobs: Vec<String> = pipeline.jobs.iter().map(|job| format!("`{}`", job.name)).collect();
    let hint = hint.unwrap_or_else(|| match jobs.as_slice() {
        [] => "add one under `jobs` in pipeline.yaml".to_owned(),
        jobs => format!("its jobs: {}", jobs.join(", ")),
    });
    ConfigError::Unfit { problem: format!("the pipeline `{}` {problem}", pipeline.name), hint }
}
