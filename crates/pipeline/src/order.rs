//! What a task waits for, and an order in which the tasks of a job can run.

use crate::context::Context;
use crate::job::Draft;
use crate::nearest::did_you_mean;
use crate::pattern;
use crate::{Task, Work};

/// The tasks with the names that they wait for, each after those; otherwise in the order given. Notes tasks that stand
/// twice, unknown names and cycles; `None` for a cycle.
pub(crate) fn resolve(drafts: Vec<Draft>, job: &str, context: Context<'_>) -> Option<Vec<Task>> {
    for (number, draft) in drafts.iter().enumerate() {
        if let Some(first) = drafts[..number].iter().find(|earlier| earlier.name == draft.name) {
            let message = format!("{job}: task `{}` stands here and on line {}", draft.name, first.line);
            context.problem(draft.line, message, "keep one of them".to_owned());
        }
    }
    let after: Vec<Vec<String>> = drafts.iter().map(|draft| names_before(draft, &drafts, job, context)).collect();
    let tasks = drafts.iter().zip(after);
    let tasks = tasks.map(|(draft, after)| Task { name: draft.name.clone(), after, work: draft.work.clone() });
    sort(tasks.collect()).map_err(|waiting| report_cycle(&waiting, &drafts, job, context)).ok()
}

/// The names of the tasks that `draft` waits for, in the order of the file.
fn names_before(draft: &Draft, all: &[Draft], job: &str, context: Context<'_>) -> Vec<String> {
    let Some(after) = &draft.after else {
        // What is asked or compared must have been cleaned.
        let is_clean = |draft: &Draft| matches!(draft.work, Work::Clean { .. });
        let before = all.iter().filter(|other| is_clean(other) && !is_clean(draft));
        return before.map(|other| other.name.clone()).collect();
    };
    for (line, pattern) in after {
        if !all.iter().any(|other| pattern::matches(pattern, &other.name)) {
            let hint = did_you_mean(pattern, all.iter().map(|other| other.name.as_str()));
            context.problem(*line, format!("{job}: `after` names the unknown task `{pattern}`"), hint);
        }
    }
    // A pattern may fit the task itself and means the others; a plain name of itself is a cycle.
    let waits_for = |other: &&Draft| {
        let fits = |(_, text): &(u64, String)| {
            pattern::matches(text, &other.name) && !(pattern::is_pattern(text) && other.name == draft.name)
        };
        after.iter().any(fits)
    };
    all.iter().filter(waits_for).map(|other| other.name.clone()).collect()
}

/// Sorts so that each task comes after those it waits for. `Err` holds the tasks that never can run.
fn sort(mut waiting: Vec<Task>) -> Result<Vec<Task>, Vec<Task>> {
    let mut sorted: Vec<Task> = Vec::new();
    while !waiting.is_empty() {
        let is_free = |task: &Task| !task.after.iter().any(|name| waiting.iter().any(|other| other.name == *name));
        let Some(next) = waiting.iter().position(is_free) else {
            return Err(waiting);
        };
        sorted.push(waiting.remove(next));
    }
    Ok(sorted)
}

/// Notes one cycle among tasks of which each waits for another of them.
fn report_cycle(waiting: &[Task], drafts: &[Draft], job: &str, context: Context<'_>) {
    let mut path: Vec<&Task> = Vec::new();
    let mut next = waiting.first();
    while let Some(task) = next {
        if let Some(start) = path.iter().position(|earlier| earlier.name == task.name) {
            path.drain(..start);
            break;
        }
        path.push(task);
        next = waiting.iter().find(|other| task.after.contains(&other.name));
    }
    let names: Vec<_> = path.iter().chain(path.first()).map(|task| format!("`{}`", task.name)).collect();
    let line =
        path.first().and_then(|task| drafts.iter().find(|draft| draft.name == task.name)).map(|draft| draft.line);
    let message = format!("{job}: tasks wait for each other: {}", names.join(" waits for "));
    context.problem(line, message, "take one of them out of an `after`".to_owned());
}
