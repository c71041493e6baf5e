//! `jobs:` in `pipeline.yaml`.

use std::time::Duration;

use crate::context::Context;
use crate::fields::{self, Fields};
use crate::name::is_folder_name;
use crate::nearest::did_you_mean;
use crate::order;
use crate::pattern;
use crate::yaml::{Key, Node};
use crate::{Job, Work, duration, schedule};

const KEYS: [&str; 4] = ["schedule", "retries", "retry_delay", "tasks"];
const KINDS: [&str; 3] = ["clean", "query", "reconcile"];
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(60);

/// What tasks may name.
pub(crate) struct Targets {
    /// The names of all streams, also of those with problems.
    pub(crate) streams: Vec<String>,
    /// The names of all queries, also of those with problems.
    pub(crate) queries: Vec<String>,
}

/// A task before its `after` is resolved.
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) line: u64,
    /// Names and patterns with their lines; `None` where it was left out.
    pub(crate) after: Option<Vec<(u64, String)>>,
}

/// The jobs that could be read, in the order of the file.
pub(crate) fn read(node: Option<&Node>, targets: &Targets, context: Context<'_>) -> Vec<Job> {
    let entries = node.and_then(|node| fields::entries(node, "`jobs`", context)).unwrap_or_default();
    entries.iter().filter_map(|(key, node)| read_job(key, node, targets, context)).collect()
}

fn read_job(key: &Key, node: &Node, targets: &Targets, context: Context<'_>) -> Option<Job> {
    let what = format!("job `{}`", key.name);
    if !is_folder_name(&key.name) {
        let hint = "use letters, digits, `_` and `-`".to_owned();
        context.problem(key.line, format!("{what}: the name is not allowed"), hint);
    }
    let read = Fields::read(node, &what, key.line, &KEYS, context)?;
    let schedule = read.optional_text("schedule", context);
    if let (Some(text), Some(node)) = (&schedule, read.get("schedule"))
        && !schedule::is_schedule(text)
    {
        context.problem(node.line, format!("{what}: `{text}` is no schedule"), schedule::FORM.to_owned());
    }
    let retries = read.get("retries").and_then(|node| fields::count(node, &read.name_of("retries"), context));
    let retry_delay = read_retry_delay(&read, &what, context);
    let tasks = read.require("tasks", context).and_then(|node| {
        let items = fields::list(node, &read.name_of("tasks"), context)?;
        if items.is_empty() {
            context.problem(node.line, format!("{what} has no tasks"), None);
        }
        let drafts = items.iter().flat_map(|item| read_task(item, &what, targets, context)).collect();
        order::resolve(drafts, &what, context)
    });
    Some(Job { name: key.name.clone(), schedule, retries: retries.unwrap_or(0), retry_delay, tasks: tasks? })
}

fn read_retry_delay(job: &Fields<'_>, what: &str, context: Context<'_>) -> Duration {
    let Some(node) = job.get("retry_delay") else {
        return DEFAULT_RETRY_DELAY;
    };
    let Some(text) = fields::text(node, &job.name_of("retry_delay"), context) else {
        return DEFAULT_RETRY_DELAY;
    };
    duration::parse(&text).unwrap_or_else(|| {
        context.problem(node.line, format!("{what}: `{text}` is no duration"), duration::FORM.to_owned());
        DEFAULT_RETRY_DELAY
    })
}

/// The tasks that an item of the list stands for: one, or with a pattern one for each name that fits.
fn read_task(node: &Node, job: &str, targets: &Targets, context: Context<'_>) -> Vec<Draft> {
    let what = format!("{job}: a task");
    let Some(read) = Fields::read(node, &what, node.line, &["clean", "query", "reconcile", "after", "full"], context)
    else {
        return Vec::new();
    };
    let given: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, read.entry(kind)?))).collect();
    let [(kind, (line, target))] = given[..] else {
        let hint =
            "write `- clean: STREAM`, `- query: QUERY` or `- reconcile: STREAM`, each an item of its own".to_owned();
        context.problem(node.line, format!("{what} must do one thing"), hint);
        return Vec::new();
    };
    let after = read.get("after").map(|node| fields::texts(node, &read.name_of("after"), context));
    let Some(target) = fields::text(target, &read.name_of(kind), context) else {
        return Vec::new();
    };
    let (thing, known) = match kind {
        "query" => ("query", &targets.queries),
        _ => ("stream", &targets.streams),
    };
    let names: Vec<_> = known.iter().filter(|name| pattern::matches(&target, name)).collect();
    if names.is_empty() && pattern::is_pattern(&target) {
        context.problem(line, format!("{job}: `{kind}: \"{target}\"` fits no {thing}"), None);
    } else if names.is_empty() {
        let hint = did_you_mean(&target, known.iter().map(String::as_str));
        context.problem(line, format!("{job}: unknown {thing} `{target}`"), hint);
    }
    let full = read.get("full").and_then(|node| fields::boolean(node, &read.name_of("full"), context)).unwrap_or(false);
    if full && kind != "clean" {
        context.problem(line, format!("{what} with `full` must be a `clean`"), None);
    }
    let draft = |name: &String| Draft {
        name: format!("{kind}.{name}"),
        work: work(kind, name, full),
        line,
        after: after.clone(),
    };
    names.into_iter().map(draft).collect()
}

fn work(kind: &str, name: &str, full: bool) -> Work {
    let name = name.to_owned();
    match kind {
        "clean" => Work::Clean { stream: name, full },
        "query" => Work::Query { query: name },
        _ => Work::Reconcile { stream: name },
    }
}
